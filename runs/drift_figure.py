"""A run's drift as pictures, PNG bytes: by iteration beside its reference, and as distributions over iterations."""

import math
from collections.abc import Mapping, Sequence

from runs.figures import COLUMNS, LINES, Panel, Series, dress, new_figure, png
from runs.held_limits import SIDES

REFERENCE, LIMIT = "#888888", "#b00020"
PANELS = (
    Panel("Own score less the seed judge's", "points", {"judge/gap_to_seed_judge_mean": "gap"}),
    Panel("Fooled: it sees a gain, the seed's judge a loss", "share of prompts", {"judge/fooled_frac": "fooled"}),
    Panel("Agreement with people", "share of labelled pairs", {"judge/anchor_accuracy": "agreement"}),
    Panel(
        "The judge orders labelled answers as before",
        "Kendall's tau-b",
        {"judge/rank_tau_b_with_seed": "as the seed's", "judge/rank_tau_b_with_previous": "as the last one"},
    ),
    Panel("KL from the seed", "nats an answer", {"policy/kl_to_seed_nats": "now", "policy/kl_path_nats": "spent"}),
    Panel("Entropy", "nats a token", {"policy/entropy_nats_per_token": "entropy"}),
    Panel("Length", "tokens, mean", {"policy/length_mean_tokens": "length"}),
    Panel(
        "Diversity (Vendi)",
        "share of the most",
        {"policy/vendi_frac": "across prompts", "policy/vendi_within_prompt_frac": "within a prompt"},
    ),
    Panel("Answers are alike whatever is asked", "1: prompts are idle", {"policy/prompt_independence": "likeness"}),
    Panel(
        "Templates",
        "share of answers",
        {"policy/template_frac": "templated", "policy/commonest_answer_frac": "the commonest one"},
    ),
    Panel("Distance from the seed's answers", "MMD squared", {"policy/mmd2_to_seed": "distance"}),
    Panel(
        "Refusal and evasion", "share of answers", {"policy/declines_frac": "declines", "policy/evades_frac": "evades"}
    ),
    Panel("The seed's rarest tokens", "nats a token", {"policy/seed_text_rare_token_nll_nats": "surprise"}),
    Panel(
        "Labelled answers",
        "nats a token",
        {
            "signal/labelled_chosen_logp_nats_per_token": "the better",
            "signal/labelled_rejected_logp_nats_per_token": "the other",
        },
    ),
    Panel("The adapter", "Frobenius norm", {"signal/adapter_norm": "its size", "signal/adapter_step_norm": "its step"}),
)
PLOTTED = frozenset(metric for panel in PANELS for metric in panel.lines)
"""The metrics that the drift panel shows."""


def drift_panel(
    name: str, series: Series, references: Mapping[str, float], limits: Mapping[tuple[str, str], float]
) -> bytes | None:
    """Every drift metric by iteration, its reference dotted and its guards' limits dashed; None without any.

    `limits` are by metric and side.
    """
    panels = [panel for panel in PANELS if any(series.get(metric) for metric in panel.lines)]
    if not panels:
        return None
    rows, last = math.ceil(len(panels) / COLUMNS), max(index for points in series.values() for index in points)
    figure = new_figure(COLUMNS * 4.2, rows * 2.7 + 0.6)
    figure.suptitle(
        f"{name}: drift by iteration; grey: the reference; red: a guard's limit", fontsize=13, x=0.01, ha="left"
    )
    for number, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, COLUMNS, number)
        for (colour, dash), (metric, label) in zip(LINES, panel.lines.items(), strict=False):
            if points := series.get(metric):
                span = range(min(points), max(points) + 1)
                values = [points.get(index, math.nan) for index in span]
                axes.plot(span, values, color=colour, linestyle=dash, marker="o", markersize=4, label=label)
                if metric in references:
                    axes.axhline(references[metric], color=REFERENCE, linestyle=":", linewidth=1)
                for limit in (limits[metric, side] for side in SIDES if (metric, side) in limits):
                    axes.axhline(limit, color=LIMIT, linestyle="--", linewidth=1)
        axes.set_xlim(-0.2, last + 0.2)
        dress(axes, panel.title, panel.unit, "iteration")
        if len(panel.lines) > 1:
            axes.legend(frameon=False, fontsize=8)
    return png(figure)


def distributions(name: str, values: Mapping[str, Mapping[int, Sequence[float]]]) -> bytes | None:
    """How numbers of single answers lie in each iteration, a box plot for each of `values`: title -> iteration -> all.

    None where there is nothing to draw.
    """
    drawn = {title: by_iteration for title, by_iteration in values.items() if any(by_iteration.values())}
    if not drawn:
        return None
    figure = new_figure(len(drawn) * 5.2, 3.4)
    figure.suptitle(f"{name}: held-out answers by iteration", fontsize=13, x=0.01, ha="left")
    for number, (title, by_iteration) in enumerate(drawn.items(), start=1):
        axes = figure.add_subplot(1, len(drawn), number)
        places = [index for index, numbers in by_iteration.items() if numbers]
        axes.boxplot(
            [by_iteration[index] for index in places], positions=places, widths=0.6, showmeans=True, manage_ticks=False,
            boxprops={"color": LINES[0][0]}, medianprops={"color": LINES[1][0]}, flierprops={"markersize": 2},
        )  # fmt: skip
        dress(axes, title, title.rpartition(", ")[2], "iteration")
    return png(figure)
