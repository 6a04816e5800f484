"""The wind tunnel in cells: runs with faults that begin at a known iteration, and what the guards make of them.

    python -m benchmarks.faults                        # what has no row yet, one seed; then docs/wind-tunnel.md
    python -m benchmarks.faults hot flipped --seeds 10 # some of the faults
    python -m benchmarks.faults --page                # only the page, from the rows

A cell is a fault and a seed: one run on one thread that no guard stops. Guards see nothing but numbers, so that they
are held over the rows afterwards, with whatever limits.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cells import command_line, named_and_seeds, run_cells
from benchmarks.faults_page import write_page
from loop.faults.catalogue import BESIDE, FAULTS, fault_named
from loop.faults.trajectory import settings, trajectory
from runs.store import Store


def measure(store: Store, cell: dict[str, Any]) -> dict[str, Any]:
    """The row of one run."""
    fault = fault_named(cell["fault"])
    return trajectory(fault, settings(fault, cell["seed"]), store)


def main() -> None:
    known = [one.name for one in (*BESIDE, *FAULTS)]
    chosen, names = named_and_seeds(command_line(__doc__, "docs/wind-tunnel.md"), "fault", known, 1)
    # A seed of all of them before the next seed of any: whoever stops it early has seen every fault.
    for seed in range(1, chosen.seeds + 1) if not chosen.page else ():
        cells = [{"fault": name, "seed": seed} for name in names]
        with TemporaryDirectory(prefix="faults-") as home:
            run_cells("faults", cells, partial(measure, Store(Path(home))), chosen.fresh)
    write_page()


if __name__ == "__main__":
    main()
