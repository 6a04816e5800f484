"""docs/wind-tunnel.md's tables and its figure, from the rows of `benchmarks.faults`."""

from pathlib import Path

from benchmarks.cells import newest
from benchmarks.league_page import write
from loop.config_guards import Guards
from loop.faults.catalogue import BESIDE, FAULTS
from loop.faults.outcome import Outcome, outcome
from loop.faults.report import OfFault, report, sentences

PAGE = Path(__file__).parent.parent / "docs" / "wind-tunnel.md"
FIGURE = PAGE.with_suffix(".png")


def write_page() -> None:
    """Put what the rows say between the page's marks, and draw the figure."""
    outcomes = [outcome(row["cell"], row["result"], Guards()) for row in newest("faults")]
    write("from the rows", ["", tables(outcomes), ""], PAGE)
    figure(outcomes)


def tables(outcomes: list[Outcome]) -> str:
    """A line a fault, and what is promised of all."""
    found = report(outcomes)
    says = {one.name: one for one in (*BESIDE, *FAULTS)}
    lines = [
        "| fault | | runs | harmful | caught in time | stopped | too early | delay | gold lost | stopped by |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found.faults:
        fault = says[one.fault]
        unseen = "" if fault.tuned_on else " (nobody tuned on it)"
        lines.append(f"| `{one.fault}` | {fault.says}{unseen} | {' | '.join(_cells(one))} |")
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in sentences(found))])


def _cells(one: OfFault) -> list[str]:
    return [
        *(str(one.runs), str(one.harmful), str(one.caught), str(one.stopped), str(one.early)),
        "-" if one.delay is None else f"{one.delay:g}",
        "-" if one.lost is None else f"{one.lost:.1%}",
        ", ".join(f"`{guard}` {n}" for guard, n in sorted(one.by.items(), key=lambda of: -of[1])) or "-",
    ]


def figure(outcomes: list[Outcome]) -> None:
    """A matrix, fault by guard: how many of the runs each guard would have found in time by itself."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    guards = sorted({guard for one in outcomes for guard in one.seen_at})
    names = [one.name for one in (*BESIDE, *FAULTS) if any(found.fault == one.name for found in outcomes)]
    runs = {name: [one for one in outcomes if one.fault == name] for name in names}
    shares = [
        [sum(one.in_time(one.seen_at.get(guard)) for one in runs[name]) / len(runs[name]) for guard in guards]
        for name in names
    ]
    grid, axes = plt.subplots(figsize=(2 + 0.45 * len(guards), 1.5 + 0.3 * len(names)))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(guards)), guards, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    for line, of_fault in enumerate(shares):
        for column, value in enumerate(of_fault):
            if value:
                colour = "white" if value > 0.5 else "black"
                axes.text(column, line, f"{value:.0%}", ha="center", va="center", fontsize=6, color=colour)
    grid.tight_layout()
    grid.savefig(FIGURE, dpi=110)
    plt.close(grid)
