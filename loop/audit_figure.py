"""An audit as a picture: every statistic with its interval, those that show a fault in another colour."""

from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from judges.audit.findings import Audit
from runs.figures import INK

FAULT, SOUND = "#d55e00", "#0072b2"  # Okabe and Ito's
ROW_IN = 0.24
WITHIN = 1.05
"""What goes beyond this, a temperature or a count, is on no common scale and is left to the table."""


def figure(audit: Audit, title: str) -> bytes:
    """A PNG: one row for each statistic between -1 and 1, in the order of the audit."""
    shown = [
        one
        for one in audit.statistics
        if one.estimate.value is not None and all(end is None or abs(end) <= WITHIN for end in one.estimate)
    ]
    faults = {finding.statistic.name for finding in audit.findings}
    drawing = Figure(figsize=(8, 1.2 + ROW_IN * max(len(shown), 1)), layout="constrained")
    axes = drawing.add_subplot()
    axes.axvline(0, color="#bbbbbb", linewidth=0.8)
    for row, one in enumerate(shown):
        colour = FAULT if one.name in faults else SOUND
        value, low, high = one.estimate
        if low is not None and high is not None:
            axes.hlines(row, low, high, color=colour, linewidth=1.5)
        axes.scatter([value or 0.0], [row], color=colour, s=16)
    axes.set_yticks(range(len(shown)), [f"{one.name} ({one.n})" for one in shown], fontsize=7)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(-WITHIN, WITHIN)
    axes.set_xlabel("value, 95 % interval; the number of items in brackets")
    named = ", ".join(finding.name for finding in audit.findings) or "no fault found"
    axes.set_title(f"{title}: {named}", fontsize=9, color=INK, loc="left")
    FigureCanvasAgg(drawing)
    page = BytesIO()
    drawing.savefig(page, format="png", dpi=120, metadata={"Software": None})
    return page.getvalue()
