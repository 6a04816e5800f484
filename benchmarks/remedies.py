"""What keeps a loop that judges itself from going down: guards, another judge, gentler learning.

    python -m benchmarks.remedies                              # what has no row yet
    python -m benchmarks.remedies paper guarded --seeds 10     # some of the arms

A cell is an arm, a seed and a number of iterations: one run on one thread. A row has, for each iteration, the gold of
its candidate over either half of 2,048 prompts and over each family, what it got right greedily, the decision, and
which iteration's policy stands after it. A peak is chosen on one half and compared on the other.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cells import command_line, named_and_seeds, newest, refuse_bad, run_cells
from benchmarks.league_page import table, write
from benchmarks.own_run import carried_on, own_store
from benchmarks.phenomenon import ONE_CORE, UNGUARDED
from loop import drive
from loop.faults.trajectory import gold_halves
from loop.load_config import load_config
from loop.summary import metrics_of
from runs.lineage import Link, decision_of, links
from runs.store import Store
from runs.verify import verify

PAGE = Path(__file__).parent.parent / "docs" / "remedies.md"
MEASURED = ("gold.prompts=2048", "gold.greedy=false", "audit.items=0", "export.mlflow=false")
FROZEN = ("judge.adapter=seed",)
OWN_ANSWER = (*FROZEN, "judge.agreement=0.5", "judge.temperature=0")
HARMLESS = (*OWN_ANSWER, "judge.agreement_tags=harm=none")


@dataclass(frozen=True)
class Arm:
    """A recipe, what it is changed in, and whether guards are out of the way or gold judges."""

    changes: tuple[str, ...] = ()
    recipe: str = "self-rewarding"
    iterations: int = 10
    guarded: bool = False
    by_gold: bool = False


ARMS = {
    "paper": Arm(),
    "guarded": Arm(guarded=True),
    "gold": Arm(by_gold=True),
    "anchored": Arm(recipe="anchored", iterations=20, guarded=True),
    "frozen": Arm(FROZEN),
    "own answer": Arm(OWN_ANSWER),
    "own answer, margins": Arm((*OWN_ANSWER, "pair.labels=margin")),
    "own answer, anchored": Arm((*OWN_ANSWER, "generate.seed_samples=2")),
    "own answer where harmless": Arm(HARMLESS),
    "own answer where harmless, a quarter": Arm(tuple(one.replace("=0.5", "=0.25") for one in HARMLESS)),
    "own answer where harmless, margins": Arm((*HARMLESS, "pair.labels=margin")),
    "own answer where harmless, anchored": Arm((*HARMLESS, "generate.seed_samples=2")),
    "own answer where harmless, likelihood": Arm((*HARMLESS, "train.nll_weight=0.2")),
    "own answer where harmless, replay": Arm((*HARMLESS, "train.replay_frac=0.3")),
}


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The row of one run. A halt by guards is no fault of the run."""
    arm = ARMS[cell["arm"]]
    with own_store(f"remedies-{cell['arm'].replace(' ', '-')}-{cell['seed']}") as store:
        changes = [*arm.changes, *ONE_CORE, *MEASURED, *(() if arm.guarded else UNGUARDED)]
        changes += [f"seed={cell['seed']}", f"iterations={cell['iterations']}"]
        outcome = carried_on(store, "cell", arm.recipe, load_config(arm.recipe, changes), arm.by_gold)
        wrong = [f"{one.file}: {one.what}" for one in verify(store)]
        ended = outcome.kind == "done" or (arm.guarded and outcome.kind == "halted")
        made = links(store, drive.existing(store, "cell"))
        places = {link.iteration.policy: link.iteration.index for link in reversed(made)}
        return {
            "outcome": outcome.kind,
            "reason": outcome.reason,
            "bad": "; ".join([*([] if ended else [outcome.reason]), *wrong]),
            "iterations": [_numbers(store, link) | {"stands": places[link.iteration.policy]} for link in made],
        }


def _numbers(store: Store, link: Link) -> dict[str, Any]:
    metrics = metrics_of(store, link)
    prefix = "gold/sampled/"
    return {
        "gold": gold_halves(store, link) if "gold" in link.outputs else None,
        "families": {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)},
        "right": metrics.get("policy/capability_greedy_frac"),
        "own": metrics.get("judge/score_mean"),
        "verdict": decision_of(store, link.iteration)["verdict"],
    }


def lines() -> list[str]:
    """The table, a line for each arm, seed and length that has a row."""
    heading = "arm, seed, iterations, gold: start, best (at), stands, right: start, highest, stands, halted".split(", ")
    found = []
    order = list(ARMS)
    for row in sorted(newest("remedies"), key=lambda row: (order.index(row["cell"]["arm"]), row["cell"]["seed"])):
        cell, made = row["cell"], row["result"]["iterations"]
        measured = [one for one in made if one["gold"]]
        best = max(range(len(measured)), key=lambda place: measured[place]["gold"][0])
        stands = made[made[-1]["stands"]]
        right = [one["right"] for one in measured if one["right"] is not None]
        halted = row["result"]["outcome"] == "halted"
        cells = [
            *(cell["arm"], cell["seed"], cell["iterations"], f"{made[0]['gold'][1]:.2f}"),
            *(f"{measured[best]['gold'][1]:.2f} ({best})", f"{stands['gold'][1]:.2f} ({made[-1]['stands']})"),
            *(f"{100 * share:.0f} %" for share in (right[0], max(right), stands["right"])),
            f"at {len(made) - 1}" if halted else "",
        ]
        found.append(list(map(str, cells)))
    return table(heading, found)


def main() -> None:
    parser = command_line(__doc__, page="docs/remedies.md")
    parser.add_argument("--iterations", type=int, help="instead of each arm's own number")
    chosen, names = named_and_seeds(parser, "arm", tuple(ARMS), 1)
    cells = [
        {"arm": name, "seed": seed, "iterations": chosen.iterations or ARMS[name].iterations}
        for seed in range(1, chosen.seeds + 1)
        for name in names
    ]
    if not chosen.page:
        run_cells("remedies", cells, measure, chosen.fresh)
    write("table", lines(), PAGE)
    refuse_bad("remedies", cells)


if __name__ == "__main__":
    main()
