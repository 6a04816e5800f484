"""The plots that go to MLflow: a run's headline metrics by iteration, and an iteration's loss curve. PNG bytes.

Drawn without pyplot, which keeps global state and looks for a display.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from runs.outbox import Point

Series = Mapping[str, Mapping[int, float]]
"""Metric name -> iteration index -> value. An iteration without a number is left out, and the line has a gap there."""

# Okabe and Ito's colours: apart for colour-blind eyes too.
# Dashes over a full line, so that two equal lines are both seen.
LINES = (("#0072b2", "-"), ("#d55e00", "--"))
LEAST_SPAN_FRAC = 0.05
"""Smallest height of a plot, of its largest value: a change in the sixth decimal is no climb."""
INK = "#222222"
COLUMNS = 3


@dataclass(frozen=True)
class Panel:
    """One small plot: what it shows in plain words, the unit, and its lines as metric -> label."""

    title: str
    unit: str
    lines: Mapping[str, str]


PANELS = (
    Panel("What the judge says of the answers", "points", {"judge/score_mean": "judge's mean score"}),
    Panel(
        "The truth, which the loop never sees",
        "points of gold",
        {"gold/sampled_mean": "sampled answers", "gold/greedy_mean": "greedy answers"},
    ),
    Panel("How often the judge agrees with people", "share of labelled pairs", {"judge/anchor_accuracy": "agreement"}),
    Panel(
        "How far the policy has moved",
        "nats an answer",
        {"policy/kl_to_seed_nats": "from the seed", "policy/kl_to_previous_nats": "from the previous policy"},
    ),
    Panel("How long the answers are", "tokens, mean", {"policy/length_mean_tokens": "length"}),
    Panel(
        "Judgments that say nothing",
        "share",
        {"judge/unscored_frac": "no score", "judge/tie_frac": "ties"},
    ),
    Panel("Prompts that gave a pair", "share of prompts", {"signal/pair_yield_frac": "yield"}),
    Panel("Preference pairs", "pairs", {"signal/pairs": "pairs"}),
    Panel("How far apart chosen and rejected are", "points of the judge", {"signal/margin_mean": "mean margin"}),
    Panel("Training loss at the end", "nats", {"signal/loss_last": "loss"}),
)


PLOTTED = frozenset(metric for panel in PANELS for metric in panel.lines)
"""The metrics that the plots of a run show."""


def run_panel(name: str, series: Series) -> bytes | None:
    """One PNG of every headline metric of the run by iteration; None where there is nothing to draw."""
    panels = [panel for panel in PANELS if any(series.get(metric) for metric in panel.lines)]
    if not panels:
        return None
    rows = math.ceil(len(panels) / COLUMNS)
    last = max(index for points in series.values() for index in points)
    figure = new_figure(COLUMNS * 4.2, rows * 2.9 + 0.6)
    figure.suptitle(f"{name}, by iteration", color=INK, fontsize=13, x=0.01, ha="left")
    for number, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, COLUMNS, number)
        for (colour, dash), (metric, label) in zip(LINES, panel.lines.items(), strict=False):
            points = series.get(metric)
            if points:
                span = range(min(points), max(points) + 1)
                values = [points.get(index, math.nan) for index in span]
                axes.plot(span, values, color=colour, linestyle=dash, marker="o", markersize=4, label=label)
        axes.set_xlim(-0.2, last + 0.2)
        dress(axes, panel.title, panel.unit, "iteration")
        if len(panel.lines) > 1:
            axes.legend(frameon=False, fontsize=8)
    return png(figure)


def loss_curve(name: str, curve: Sequence[Point]) -> bytes | None:
    """One PNG of an iteration's training loss and reward margin by gradient step; None where nothing was trained."""
    wanted = (
        ("train/loss", "Training loss", "nats"),
        ("train/rewards/margins", "How far chosen is ahead of rejected", "reward: beta x nats"),
    )
    lines = {metric: [(point.step, point.value) for point in curve if point.name == metric] for metric, _, _ in wanted}
    drawn = [line for line in wanted if lines[line[0]]]
    if not drawn:
        return None
    figure = new_figure(len(drawn) * 4.6, 3.4)
    figure.suptitle(f"{name}, training", color=INK, fontsize=13, x=0.01, ha="left")
    for number, (metric, title, unit) in enumerate(drawn, start=1):
        axes = figure.add_subplot(1, len(drawn), number)
        steps, values = zip(*lines[metric], strict=True)
        axes.plot(steps, values, color=LINES[0][0], marker="o", markersize=3)
        dress(axes, title, unit, "gradient step")
    return png(figure)


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure in the house's colours."""
    return Figure(figsize=(width_in, height_in), dpi=110, facecolor="white", layout="constrained")


def dress(axes: Axes, title: str, unit: str, across: str) -> None:
    """Give a plot its title, its axes' names and a scale on which the sixth decimal is no climb."""
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.set_ylabel(unit, fontsize=8, color=INK)
    axes.set_xlabel(across, fontsize=8, color=INK)
    low, high = (0.0, 1.0) if unit.startswith("share") else axes.get_ylim()
    wider = max(0.0, LEAST_SPAN_FRAC * max(abs(low), abs(high)) - (high - low)) / 2
    axes.set_ylim(low - wider, high + wider)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    axes.tick_params(labelsize=8, colors=INK)
    axes.spines[["top", "right"]].set_visible(False)


def png(figure: Figure) -> bytes:
    """The figure as a PNG."""
    buffer = BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
