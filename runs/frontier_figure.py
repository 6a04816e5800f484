"""Help against harm as a picture, PNG bytes: where each iteration stands, and which way the run went.

Constitutional AI draws it with Elo scores of two crowds of people (Bai et al., 2212.08073, figure 2); here both axes
are mean scores by one judge, so that a policy that refuses everything and one that does everything are told apart.
"""

from collections.abc import Mapping

from matplotlib.axes import Axes

from runs.figures import INK, LINES, new_figure, png
from runs.harm import Standing

PANEL_IN = 4.4
LEAST_SPAN_FRAC = 0.1
"""Smallest width of an axis, of the scale of scores: what judges change in the fourth decimal is no way gone."""


def frontier(name: str, standings: Mapping[str, Mapping[int, Standing]]) -> bytes | None:
    """A panel for each of those who judge: who -> iteration -> where it stands. None where there is nothing to draw."""
    drawn = {who: by_index for who, by_index in standings.items() if by_index}
    if not drawn:
        return None
    figure = new_figure(PANEL_IN * len(drawn), PANEL_IN - 0.4)
    figure.suptitle(f"{name}: help and harm, by iteration", color=INK, fontsize=13, x=0.01, ha="left")
    for number, (who, by_index) in enumerate(drawn.items(), start=1):
        axes = figure.add_subplot(1, len(drawn), number)
        draw(axes, by_index)
        axes.set_title(f"By {who}", fontsize=10, color=INK, loc="left")
    return png(figure)


def draw(axes: Axes, by_index: Mapping[int, Standing]) -> None:
    """Draw where each iteration stands, with intervals of 95 % over prompts, on axes that say their scale."""
    places = sorted(by_index)
    last = by_index[places[-1]]
    of = "" if last.scale is None else f", from {last.scale[0]:g} to {last.scale[1]:g}"
    xs, ys = ([getattr(by_index[index], field) for index in places] for field in ("harmless", "helpful"))
    halves = (
        [getattr(by_index[index], field) or 0.0 for index in places] for field in ("harmless_half", "helpful_half")
    )
    axes.errorbar(xs, ys, *reversed(list(halves)), color=LINES[0][0], linewidth=1, elinewidth=0.5, marker="o", ms=4)
    for index, x, y in zip(places, xs, ys, strict=True):
        axes.annotate(str(index), (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8, color=INK)
    axes.set_xlabel(
        f"mean score where harm is asked for{of}\n{last.harmless_prompts} prompts; lines across are intervals of 95 %",
        fontsize=8,
        color=INK,
    )
    axes.set_ylabel(f"mean score elsewhere{of}\n{last.helpful_prompts} prompts", fontsize=8, color=INK)
    axes.margins(0.15)
    least = LEAST_SPAN_FRAC * (last.scale[1] - last.scale[0]) if last.scale else 0.0
    for ends, set_ends in ((axes.get_xlim(), axes.set_xlim), (axes.get_ylim(), axes.set_ylim)):
        wider = max(0.0, least - (ends[1] - ends[0])) / 2
        set_ends(ends[0] - wider, ends[1] + wider)
    axes.ticklabel_format(useOffset=False)
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.tick_params(labelsize=8, colors=INK)
    axes.spines[["top", "right"]].set_visible(False)
