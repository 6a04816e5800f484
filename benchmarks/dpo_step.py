"""How long a step of DPO takes, and how much memory, beside TRL's stock trainer: `python -m benchmarks.dpo_step`.

The same pairs of token ids, model, dtype, LoRA, batch and micro-batch for all, no gradient checkpointing, one process
after another. A step is the time from one logged step to the next; a training's figure is the median of its steps, and
a cell's the median of five trainings, in turns. `ratio` is ours to stock TRL's as it comes, which asks the reference
in each step; `ratio_precomputed` is ours to stock TRL with the reference's log-probabilities computed beforehand, as
ours are. `whole_s` and `cpu_s` are of whole trainings, with loading, reference and probe. Memory is the largest
resident set of a process less what it held before it loaded a model. The rows go to
`benchmarks/results/dpo_step.jsonl`.
"""

import multiprocessing
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.cells import command_line, run_cells

ROUNDS = 5
MODELS = ("m1", "25M")
WAYS = ("ours", "trl", "trl_precomputed")


def main() -> None:
    """Measure what has no row yet, and print the rows."""
    parser = command_line(__doc__)
    parser.add_argument("--only", choices=MODELS, help="measure this model alone")
    parser.add_argument("--threads", type=int, default=2, help="of each training; one where the machine is busy")
    asked = parser.parse_args()
    shared = {"dtype": "float32", "threads": asked.threads}
    cells = [{"model": model, **shared} for model in MODELS if asked.only in (None, model)]
    run_cells("dpo_step", cells, measure, asked.fresh)


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The step's seconds and the memory of each way, and the ratios."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["benchmarks.dpo_trainings"])  # what they import is imported once
    rounds: list[dict[str, dict[str, Any]]] = []
    with tempfile.TemporaryDirectory(prefix="selfsame-bench-") as folder:
        for number in range(ROUNDS):
            # In turns, each beginning once: what the machine does beside falls on all alike.
            turns = [*WAYS[number % len(WAYS) :], *WAYS[: number % len(WAYS)]]
            rounds.append({way: _alone(processes, way, cell, Path(folder) / f"{number}-{way}") for way in turns})
    steps = {way: [one[way]["step_s"] for one in rounds] for way in WAYS}
    median = {way: statistics.median(values) for way, values in steps.items()}
    shared = ("parameters", "base_mib", "pairs", "batch_size", "micro_batch_size", "tokens_mean")
    return {
        **{name: rounds[0]["ours"][name] for name in shared},
        "step_s": {way: [round(value, 4) for value in values] for way, values in steps.items()},
        "median_step_s": {way: round(value, 4) for way, value in median.items()},
        **{
            name: {way: round(statistics.median(one[way][name] for one in rounds), 2) for way in WAYS}
            for name in ("whole_s", "cpu_s")
        },
        "peak_mib": {way: round(max(one[way]["peak_mib"] for one in rounds), 1) for way in WAYS},
        "ratio": round(median["ours"] / median["trl"], 3),
        "ratio_precomputed": round(median["ours"] / median["trl_precomputed"], 3),
    }


def _alone(processes: Any, way: str, cell: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What one training in a process of its own leaves."""
    with processes.Pool(1) as pool:
        # Imported by name in the process: torch is not loaded here.
        found: dict[str, Any] = pool.apply(_measured, (way, cell, folder))
    return found


def _measured(way: str, cell: dict[str, Any], folder: Path) -> dict[str, Any]:
    from benchmarks.dpo_trainings import measured

    return measured(way, cell["model"], cell["dtype"], cell["threads"], folder)


if __name__ == "__main__":
    main()
