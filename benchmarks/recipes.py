"""Every shipped recipe of the microworld, run and checked, and one table of what came of them.

    python -m benchmarks.recipes                          # what has no row yet, three seeds; then docs/recipes.md
    python -m benchmarks.recipes spin cream --seeds 5     # some of them
    python -m benchmarks.recipes --table                  # only docs/recipes.md, from the rows

A cell of a recipe and a seed is the recipe as it is shipped, run as a user runs it, on two threads; `gold-judged` is
`self-rewarding` judged by the truth. A cell without a seed is the recipe with `--smoke`, then another such run that is
ended before its last iteration and resumed, and a branch of that one.
"""

import argparse
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.cells import refuse_bad, run_cells
from benchmarks.gold_judge import gold_judged_steps
from benchmarks.recipes_page import write_page
from loop import drive, iterate
from loop.branching import proposed
from loop.config import Config
from loop.load_config import load_config, recipe_names
from loop.summary import metrics_of
from runs.lineage import Link, links
from runs.records import Measurement, Prompt, Run
from runs.store import Store
from runs.verify import verify

CEILING = "gold-judged"
RED_TEAM = ("harm=obvious", "harm=subtle")
KEPT = {
    "sampled": "gold/sampled_mean",
    "greedy": "gold/greedy_mean",
    "accuracy": "judge/anchor_accuracy",
    "evasive": "gold/sampled_evasive_frac",
    "tokens": "policy/length_mean_tokens",
    "moved": "policy/kl_to_seed_nats",
}
"""What a row keeps of each iteration."""


def measured_recipes() -> list[str]:
    """The shipped recipes that run in the microworld."""
    return [name for name in recipe_names() if load_config(name).model.base.startswith("microworld:")]


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The numbers of each iteration of one run, number 0 first; or, without a seed, whether all can be done with it."""
    return _checked(cell["recipe"]) if cell["seed"] is None else _measured(cell["recipe"], cell["seed"])


def _measured(recipe: str, seed: int) -> dict[str, Any]:
    shipped = "self-rewarding" if recipe == CEILING else recipe
    with _store(recipe, seed) as store:
        load, began = os.getloadavg()[0], time.monotonic()
        outcome = _carried_on(store, "cell", shipped, load_config(shipped, [f"seed={seed}"]), recipe == CEILING)
        wall = time.monotonic() - began
        return {
            "outcome": outcome.kind,
            "reason": outcome.reason,
            "bad": _wrong(store, outcome),
            "wall_s": round(wall, 1),
            "load": round(load, 1),
            "iterations": [_numbers(store, link) for link in links(store, drive.existing(store, "cell"))],
        }


def _checked(recipe: str) -> dict[str, Any]:
    config = load_config(recipe, smoke=True)
    with _store(recipe, None) as store:
        load, began = os.getloadavg()[0], time.monotonic()
        outcome = _carried_on(store, "cell", recipe, config)
        wall = time.monotonic() - began
        # Another seed, or all would be recalled.
        other = config.model_copy(update={"seed": config.seed + 1})
        before = other.iterations - 1
        first = _carried_on(store, "resumed", recipe, other.model_copy(update={"iterations": before}))
        drive.change(store, "resumed", other)
        resumed = drive.carry_on(store, "resumed", lambda event: None)
        branch = proposed(store, f"resumed@{before}", "branched", [f"seed={config.seed + 2}"])
        with store.lock():
            store.move(branch)
        branched = drive.carry_on(store, "branched", lambda event: None)
        return {
            "bad": _wrong(store, outcome, first, resumed, branched),
            "wall_s": round(wall, 1),
            "load": round(load, 1),
        }


def _carried_on(store: Store, name: str, recipe: str, config: Config, by_gold: bool = False) -> iterate.Outcome:
    run: Run = drive.begin(store, name, recipe, config)
    if not by_gold:
        return drive.carry_on(store, name, lambda event: None)
    with store.lock(), drive.desk_of(store, name, config) as desk:
        return iterate.carry_on(desk, run, lambda: None, gold_judged_steps)


def _wrong(store: Store, *outcomes: iterate.Outcome) -> str:
    """What is bad about it: a run that did not come to its end, a store that is not sound; "" if nothing is."""
    ended = [f"{one.kind}: {one.reason}" for one in outcomes if one.kind != "done"]
    return "; ".join([*ended, *(f"{one.file}: {one.what}" for one in verify(store))])


def _numbers(store: Store, link: Link) -> dict[str, float | None]:
    metrics = metrics_of(store, link)
    return {name: metrics.get(metric) for name, metric in KEPT.items()} | {"harmful": _harmful(store, link)}


def _harmful(store: Store, link: Link) -> float | None:
    """The share of the sampled answers to red-team prompts that do harm."""
    if "gold" not in link.outputs:
        return None
    gold = store.output(link.outputs["gold"])
    prompts: list[Prompt] = store.all_rows("prompts", gold)
    rows: list[Measurement] = store.all_rows("measurements", gold)
    shares = {row.tag: row.numbers["gold/sampled_harmful_frac"] or 0.0 for row in rows if row.tag in RED_TEAM}
    counts = {tag: sum(f"harm={prompt.tags['harm']}" == tag for prompt in prompts) for tag in shares}
    return sum(shares[tag] * counts[tag] for tag in shares) / sum(counts.values()) if counts else None


@contextmanager
def _store(recipe: str, seed: int | None) -> Iterator[Store]:
    """A store of its own, which is gone when the block is left."""
    home = Path(".selfsame") / "benchmarks" / f"recipes-{recipe}-{'smoke' if seed is None else seed}"
    shutil.rmtree(home, ignore_errors=True)
    try:
        yield Store(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*measured_recipes(), CEILING]
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=f"some of {', '.join(known)}; all if none")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 1 on")
    parser.add_argument("--fresh", action="store_true", help="measure again what has a row already")
    parser.add_argument("--table", action="store_true", help="only write docs/recipes.md, from the rows")
    chosen = parser.parse_args()
    if strange := set(chosen.recipes) - set(known):
        parser.error(f"no such recipe: {', '.join(sorted(strange))}; there are {', '.join(known)}")
    names = chosen.recipes or known
    seeds = [None, *range(1, chosen.seeds + 1)]
    # A seed of all of them before the next seed of any: whoever stops it early has seen every recipe.
    cells = [{"recipe": name, "seed": seed} for seed in seeds for name in names if (name, seed) != (CEILING, None)]
    if not chosen.table:
        run_cells("recipes", cells, measure, chosen.fresh)
    write_page()
    refuse_bad("recipes", cells)


if __name__ == "__main__":
    main()
