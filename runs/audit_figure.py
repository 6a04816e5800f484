"""An audit as a picture: every statistic with its interval, those that show a fault in another colour.

Shares and correlations stand on one axis; what has another unit stands on one of its own, and where the judge stated
probabilities there is the reliability diagram.
"""

import textwrap
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from runs.audit_words import FAMILIES, in_brief
from runs.figures import INK

FAULT, SOUND = "#d55e00", "#0072b2"  # Okabe and Ito's
ROW_IN = 0.24
ROOM_IN = 0.9
"""For an axis and its label."""
DIAGRAM_IN = 4.0
WIDTH_IN = 9.0
TITLE_CHARACTERS = 110
WITHIN = 1.05
"""What goes beyond this, a temperature or a count, has an axis of its own."""

Statistics = Mapping[str, Mapping[str, Any]]


def figure(document: Mapping[str, Any], title: str) -> bytes:
    """A PNG of all statistics that have a value, in the order of the audit's JSON document.

    Of the families, of which there can be very many, it has those with a fault.
    """
    faults = {finding["statistic"] for finding in document["findings"]}
    known = {
        name: one
        for name, one in document["statistics"].items()
        if one["value"] is not None and (name in faults or not name.startswith(FAMILIES))
    }
    shares = {name: one for name, one in known.items() if _fits(one)}
    others = {name: one for name, one in known.items() if name not in shares}
    bins = document.get("reliability") or ()
    rows = [part for part in (shares, others) if part] or [shares]
    heights = [ROOM_IN + ROW_IN * max(len(part), 1) for part in rows] + ([DIAGRAM_IN] if bins else [])
    lines = textwrap.wrap(_plain(f"{title}: {in_brief(document)}"), TITLE_CHARACTERS)
    drawing = Figure(figsize=(WIDTH_IN, sum(heights) + 0.25 * len(lines)), layout="constrained")
    drawing.suptitle("\n".join(lines), fontsize=9, color=INK, x=0.01, ha="left")
    axes: list[Axes] = list(drawing.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    for of_part, part in zip(axes, rows, strict=False):
        _intervals(of_part, part, faults)
        if part is shares:
            of_part.set_xlim(-WITHIN, WITHIN)
            of_part.set_xlabel("value and 95 % interval; the number of items in brackets", fontsize=8)
        else:
            of_part.set_xscale("symlog", linthresh=1)
            of_part.set_xlabel(
                "the same in units of their own (nats, points, counts), logarithmic beyond 1", fontsize=8
            )
    if bins:
        _diagram(axes[-1], bins)
    FigureCanvasAgg(drawing)
    page = BytesIO()
    drawing.savefig(page, format="png", dpi=120, metadata={"Software": None})
    return page.getvalue()


def _intervals(axes: Axes, statistics: Statistics, faults: set[str]) -> None:
    axes.axvline(0, color="#bbbbbb", linewidth=0.8)
    colours = [FAULT if name in faults else SOUND for name in statistics]
    places = range(len(statistics))
    lows, highs = (
        [one["value"] if one[end] is None else one[end] for one in statistics.values()] for end in ("low", "high")
    )
    axes.hlines(places, lows, highs, colors=colours, linewidth=1.5)
    axes.scatter([one["value"] for one in statistics.values()], places, c=colours, s=16)
    axes.set_yticks(places, [_plain(f"{name} ({one['n']})") for name, one in statistics.items()], fontsize=7)
    axes.set_ylim(max(len(statistics), 1) - 0.5, -0.5)
    axes.tick_params(axis="x", labelsize=7)


def _diagram(axes: Axes, bins: Sequence[Mapping[str, float]]) -> None:
    """How often the judge is right, by how sure it is: on the dotted line it is as right as it says."""
    axes.plot([0.5, 1], [0.5, 1], color="#bbbbbb", linewidth=0.8, linestyle=":")
    sure, right, errors = ([one[name] for one in bins] for name in ("confidence", "accuracy", "standard_error"))
    axes.errorbar(sure, right, yerr=errors, fmt="o", color=SOUND, markersize=4, linewidth=1)
    axes.set_xlim(0.49, 1.01)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("how sure the judge is of its verdict: bins of equal numbers of pairs", fontsize=8)
    axes.set_ylabel("share of them that is right, and its standard error", fontsize=8)
    axes.tick_params(labelsize=7)


def _plain(text: str) -> str:
    """The text on one line, whose dollars are no formula: families have whatever names their file gives them."""
    return " ".join(text.split()).replace("$", r"\$")


def _fits(one: Mapping[str, Any]) -> bool:
    return all(end is None or abs(end) <= WITHIN for end in (one["value"], one["low"], one["high"]))
