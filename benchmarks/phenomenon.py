"""The microworld's phenomenon: judged by itself, the model improves; then its judge rots while its score stays high.

    python -m benchmarks.phenomenon                                    # three conditions, five seeds
    python -m benchmarks.phenomenon --iterations 3 --conditions self   # what the demo promises, in five seeds
    python -m benchmarks.phenomenon --figure docs/phenomenon.png       # only the figure, from the rows

Each cell is one run: `self` is the shipped recipe with its guards out of the way, `gold` the same loop judged by the
truth, both for ten iterations; `hot` the recipe with a learning rate that breaks the model, for five.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks.cells import command_line, rows, run_cells
from benchmarks.gold_judge import gold_judged_steps
from loop import drive, iterate
from loop.config_guards import Guards
from loop.load_config import load_config
from loop.pipeline import steps_of
from loop.summary import history
from runs.store import Store

# One core a run, so that two runs at a time share a small machine well. The last bits differ from those of two threads.
ONE_CORE = ["engine.threads=1", "train.threads=1"]
CONDITIONS: dict[str, list[str]] = {
    "self": [],
    "gold": [],
    "hot": ["train.learning_rate=4e-3", "train.beta=0.1"],
}
LENGTHS = {"self": 10, "gold": 10, "hot": 5}  # iterations
# The guards are there to stop what this measures.
UNGUARDED = [f"guards.actions={json.dumps(Guards().only_warning())}"]
SERIES = {
    "gold": "gold/sampled_mean",
    "greedy": "gold/greedy_mean",
    "own": "judge/score_mean",
    "anchors": "judge/anchor_accuracy",
}


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The series of one run, iteration 0 first."""
    overrides = [
        f"iterations={cell['iterations']}",
        f"seed={cell['seed']}",
        "export.mlflow=false",
        "gold.prompts=512",
        *ONE_CORE,
    ]
    config = load_config("self-rewarding", [*overrides, *UNGUARDED, *CONDITIONS[cell["condition"]]])
    home = Path(".selfsame") / "benchmarks" / f"phenomenon-{cell['condition']}-{cell['seed']}-{cell['iterations']}"
    shutil.rmtree(home, ignore_errors=True)
    store = Store(home)
    run = drive.begin(store, "cell", "self-rewarding", config)
    steps = gold_judged_steps if cell["condition"] == "gold" else steps_of
    with store.lock(), drive.desk_of(store, "cell", config) as desk:
        outcome = iterate.carry_on(desk, run, lambda: None, steps)
    closed = history(store, drive.existing(store, "cell"))
    shutil.rmtree(home)
    series = {name: [iteration.metrics.get(metric) for iteration in closed] for name, metric in SERIES.items()}
    return {"outcome": outcome.kind, "reason": outcome.reason, **series}


def table(found: list[dict[str, Any]]) -> str:
    """A line a cell: gold at the start, at its peak and at the end, and how the judge's own score moved."""
    lines = ["condition  seed  gold@0  peak (at)   last   peak/start  last/peak  own@0 -> last"]
    for row in sorted(found, key=lambda row: (row["cell"]["condition"], row["cell"]["seed"])):
        gold, own = row["result"]["gold"], row["result"]["own"]
        peak = max(gold)
        lines.append(
            f"{row['cell']['condition']:9}  {row['cell']['seed']:4}  {gold[0]:6.2f}  {peak:.2f} ({gold.index(peak):2})"
            f"  {gold[-1]:5.2f}  {peak / gold[0] - 1:+9.0%}  {gold[-1] / peak - 1:+8.0%}"
            f"  {own[0]:4.2f} -> {own[-1]:.2f}"
        )
    return "\n".join(lines)


def figure(path: Path) -> None:
    """Gold, own score and agreement with people by iteration, a line a seed, a column a condition."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    found = [row for row in rows("phenomenon") if row["cell"]["iterations"] == LENGTHS[row["cell"]["condition"]]]
    conditions = [name for name in CONDITIONS if any(row["cell"]["condition"] == name for row in found)]
    names = {
        "gold": "gold of sampled answers (0 to 5)",
        "own": "the judge's own mean score",
        "anchors": "agreement with people",
    }
    grid, axes = plt.subplots(
        len(names), len(conditions), figsize=(4 * len(conditions), 7), sharex=True, sharey="row", squeeze=False
    )
    titles = {"self": "judged by itself", "gold": "judged by gold", "hot": "judged by itself, hot learning rate"}
    for column, condition in enumerate(conditions):
        axes[0][column].set_title(titles[condition])
        for row in found:
            if row["cell"]["condition"] == condition:
                for line, name in enumerate(names):
                    axes[line][column].plot(row["result"][name], marker=".", label=f"seed {row['cell']['seed']}")
        axes[-1][column].set_xlabel("iteration")
    for line, label in enumerate(names.values()):
        axes[line][0].set_ylabel(label, fontsize=8)
    axes[0][0].legend(fontsize=7)
    grid.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    grid.savefig(path, dpi=110)


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--iterations", type=int, help="instead of each condition's own number")
    parser.add_argument("--conditions", nargs="+", choices=list(CONDITIONS), default=list(CONDITIONS))
    parser.add_argument("--figure", type=Path, help="only draw the figure into this file, from the rows")
    chosen = parser.parse_args()
    if chosen.figure:
        return figure(chosen.figure)
    cells = [
        {"condition": condition, "seed": seed, "iterations": chosen.iterations or LENGTHS[condition]}
        for seed in chosen.seeds
        for condition in chosen.conditions
    ]
    run_cells("phenomenon", cells, measure, chosen.fresh)
    print(table([row for row in rows("phenomenon") if row["cell"] in cells]))


if __name__ == "__main__":
    main()
