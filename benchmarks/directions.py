"""Does each method move the microworld's model the way that its paper says? Paired runs over seeds.

    python -m benchmarks.directions                     # what has no row yet; then the table of docs/recipes.md
    python -m benchmarks.directions soft hard --seeds 3 # some of the arms
    python -m benchmarks.directions --page             # only the table, from the rows

A cell is an arm and a seed: one run that no guard stops, on one thread, so that two of these commands share a small
machine well. Arms are compared by seed. Critiques and passes of revision are `benchmarks.revisions`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cells import command_line, named_and_seeds, refuse_bad, run_cells
from benchmarks.directions_page import write_table
from benchmarks.own_run import by_iteration, carried_on, own_store, wrong_with
from benchmarks.phenomenon import ONE_CORE, UNGUARDED
from loop.demonstration_file import demonstrations_path
from loop.load_config import load_config

SEEDS = 5
SMALL = ["iterations=2", "prompts.count=256"]
UNWATCHED = [
    "export.mlflow=false",
    "audit.items=0",
    "capability.prompts=null",
    *(f"drift.{part}=false" for part in ("judge", "policy", "prompts", "signal")),
]
"""What is measured for guards and people alone is left out."""
BY_SEED = ["judge.adapter=seed"]
"""A judge that stays as it is, so that what differs is what is learnt from it."""


@dataclass(frozen=True)
class Arm:
    """A recipe and what it is changed in."""

    recipe: str
    changes: tuple[str, ...] = ()


ARMS = {
    "pairs": Arm("self-rewarding", (*SMALL, *BY_SEED)),
    "chosen alone": Arm("self-rewarding", (*SMALL, *BY_SEED, "train.method=sft", "train.learn=chosen")),
    "length controlled": Arm("self-rewarding", (*SMALL, *BY_SEED, "pair.length_control=0.2")),
    "instructions": Arm("self-rewarding-m0", ("iterations=1",)),
    "with verdicts": Arm("self-rewarding-m0", ("iterations=1",)),
    "soft": Arm("rlaif-dpo"),
    "hard": Arm("rlaif-dpo", ("pair.labels=hard",)),
    # As many pairs as people labelled: a tenth of them are ties.
    "AI": Arm("rlaif-dpo", ("prompts.count=424",)),
    "people": Arm("dpo-human", ("iterations=1",)),
    "two reward models": Arm("llama2-chat"),
    "one reward model": Arm("llama2-chat", ("preference.models=one", "judge.safety_first=false")),
    "principles": Arm("constitutional-dpo"),
    "refusing": Arm("constitutional-dpo", ("judge.principle_ids=[decline]",)),
}


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The numbers of each iteration of one run, number 0 first."""
    arm = ARMS[cell["arm"]]
    with (
        own_store(f"directions-{cell['arm'].replace(' ', '-')}-{cell['seed']}") as store,
        TemporaryDirectory() as folder,
    ):
        changes = [*arm.changes, *ONE_CORE, *UNGUARDED, *UNWATCHED, "gold.prompts=512", f"seed={cell['seed']}"]
        if cell["arm"] == "instructions":
            changes.append(f"train.demonstrations={_instructions(Path(folder))}")
        outcome = carried_on(store, "cell", arm.recipe, load_config(arm.recipe, changes))
        return {"bad": wrong_with(store, outcome), "iterations": by_iteration(store, "cell")}


def _instructions(folder: Path) -> Path:
    """The shipped lessons without those in judging."""
    lessons = [
        json.loads(line) for line in demonstrations_path("microworld:lessons").read_text(encoding="utf-8").splitlines()
    ]
    kept = [one for one in lessons if not one["messages"][-1]["content"].startswith("judge this answer")]
    path = folder / "instructions.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in kept), encoding="utf-8")
    return path


def main() -> None:
    chosen, names = named_and_seeds(command_line(__doc__, "docs/recipes.md"), "arm", tuple(ARMS), SEEDS)
    cells = [{"arm": name, "seed": seed} for seed in range(1, chosen.seeds + 1) for name in names]
    if not chosen.page:
        run_cells("directions", cells, measure, chosen.fresh)
    write_table()
    refuse_bad("directions", cells)


if __name__ == "__main__":
    main()
