"""An audit as a picture: every statistic with its interval, those that show a fault in another colour."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from runs.figures import INK

FAULT, SOUND = "#d55e00", "#0072b2"  # Okabe and Ito's
ROW_IN = 0.24
WITHIN = 1.05
"""What goes beyond this, a temperature or a count, is on no common scale and is left to the table."""


def figure(document: Mapping[str, Any], title: str) -> bytes:
    """A PNG: one row for each statistic between -1 and 1, in the order of the audit's JSON document."""
    shown = {name: one for name, one in document["statistics"].items() if _fits(one)}
    faults = {finding["statistic"] for finding in document["findings"]}
    drawing = Figure(figsize=(8, 1.2 + ROW_IN * max(len(shown), 1)), layout="constrained")
    axes = drawing.add_subplot()
    axes.axvline(0, color="#bbbbbb", linewidth=0.8)
    colours = [FAULT if name in faults else SOUND for name in shown]
    lows, highs = (
        [one["value"] if one[end] is None else one[end] for one in shown.values()] for end in ("low", "high")
    )
    axes.hlines(range(len(shown)), lows, highs, colors=colours, linewidth=1.5)
    axes.scatter([one["value"] for one in shown.values()], range(len(shown)), c=colours, s=16)
    axes.set_yticks(range(len(shown)), [f"{name} ({one['n']})" for name, one in shown.items()], fontsize=7)
    axes.set_ylim(max(len(shown), 1) - 0.5, -0.5)
    axes.set_xlim(-WITHIN, WITHIN)
    axes.set_xlabel("value, 95 % interval; the number of items in brackets")
    named = ", ".join(finding["name"] for finding in document["findings"]) or "no fault found"
    axes.set_title(f"{title}: {named}", fontsize=9, color=INK, loc="left")
    FigureCanvasAgg(drawing)
    page = BytesIO()
    drawing.savefig(page, format="png", dpi=120, metadata={"Software": None})
    return page.getvalue()


def _fits(one: Mapping[str, Any]) -> bool:
    ends = (one["value"], one["low"], one["high"])
    return one["value"] is not None and all(end is None or abs(end) <= WITHIN for end in ends)
