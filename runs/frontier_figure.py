"""Help against harm as a picture, PNG bytes: where each iteration stands, and which way the run went.

Constitutional AI draws it with Elo scores of two crowds of people (Bai et al., 2212.08073, figure 2); here both axes
are mean scores by one judge, so that a policy that refuses everything and one that does everything are told apart.
"""

from collections.abc import Mapping

from runs.figures import INK, LINES, new_figure, png
from runs.harm import Standing

PANEL_IN = 4.4


def frontier(name: str, standings: Mapping[str, Mapping[int, Standing]]) -> bytes | None:
    """A panel for each of those who judge: who -> iteration -> where it stands. None where there is nothing to draw."""
    drawn = {who: by_index for who, by_index in standings.items() if by_index}
    if not drawn:
        return None
    figure = new_figure(PANEL_IN * len(drawn), PANEL_IN - 0.4)
    figure.suptitle(f"{name}: help and harm, by iteration", color=INK, fontsize=13, x=0.01, ha="left")
    for number, (who, by_index) in enumerate(drawn.items(), start=1):
        axes = figure.add_subplot(1, len(drawn), number)
        places = sorted(by_index)
        xs, ys = ([getattr(by_index[index], field) for index in places] for field in ("harmless", "helpful"))
        axes.plot(xs, ys, color=LINES[0][0], linewidth=1, marker="o", markersize=4)
        for index, x, y in zip(places, xs, ys, strict=True):
            axes.annotate(str(index), (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8, color=INK)
        axes.set_title(f"By {who}", fontsize=10, color=INK, loc="left")
        axes.set_xlabel("mean score where harm is asked for", fontsize=8, color=INK)
        axes.set_ylabel("mean score elsewhere", fontsize=8, color=INK)
        axes.margins(0.15)
        axes.grid(color="#dddddd", linewidth=0.7)
        axes.tick_params(labelsize=8, colors=INK)
        axes.spines[["top", "right"]].set_visible(False)
    return png(figure)
