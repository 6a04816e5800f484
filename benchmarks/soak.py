"""What takes too long for every commit: `python -m benchmarks.soak` appends a row for each cell that has none yet.

It can be stopped and started again anywhere: what is finished is a row, and not done again (`--fresh` does all anew).
It fails if a row says that something is bad.

    --only kills     a run on the real engine and trainer, killed ten times and taken on (`benchmarks.real_kills`)
    --only years     ten thousand iterations on the stubs (`benchmarks.simulated_years`)
    --table          only the table, from the rows
"""

from typing import Any

from benchmarks import real_kills, simulated_years
from benchmarks.cells import command_line, commit, newest, refuse_bad, run_cells

LONG = ("all", "seen", "receipts_s")
"""What of a result the table does not show."""
PARTS = {"kills": real_kills.CELLS, "years": simulated_years.CELLS}


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """What became of one cell."""
    if cell in simulated_years.CELLS:
        return simulated_years.measure(cell)
    if cell == real_kills.WHOLE:
        return real_kills.uninterrupted()
    whole = [row["result"] for row in newest("soak") if row["cell"] == real_kills.WHOLE and row["commit"] == commit()]
    if not whole:
        raise SystemExit(f"the run that nobody kills has no row at {commit()}: start again with --fresh")
    return real_kills.measure(cell, whole[0])


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--table", action="store_true", help="measure nothing")
    asked = parser.parse_args()
    if not asked.table:
        for name, cells in PARTS.items():
            if asked.only in (None, name):
                run_cells("soak", cells, measure, asked.fresh)
    for row in newest("soak"):
        cell, told = row["cell"], {name: value for name, value in row["result"].items() if name not in LONG}
        print(f"{' '.join(str(value) for value in cell.values())}: {told} ({row['seconds']} s, {row['commit']})")
    refuse_bad("soak", [cell for cells in PARTS.values() for cell in cells])


if __name__ == "__main__":
    main()
