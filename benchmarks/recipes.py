"""Every shipped recipe of the microworld, run and checked, and one table of what came of them.

    python -m benchmarks.recipes                          # what has no row yet, three seeds; then docs/recipes.md
    python -m benchmarks.recipes spin cream --seeds 5     # some of them
    python -m benchmarks.recipes --page                  # only docs/recipes.md, from the rows

A cell of a recipe and a seed is the recipe as it is shipped, run as a user runs it, on two threads; `gold-judged` is
`self-rewarding` judged by the truth. A cell without a seed is the recipe with `--smoke`, then another such run that is
ended before its last iteration and resumed, and a branch of that one.
"""

import os
import time
from typing import Any

from benchmarks.cells import command_line, named_and_seeds, refuse_bad, run_cells
from benchmarks.own_run import by_iteration, carried_on, own_store, wrong_with
from benchmarks.recipes_page import write_page
from loop import drive
from loop.branching import proposed
from loop.load_config import load_config, recipe_names

CEILING = "gold-judged"


def measured_recipes() -> list[str]:
    """The shipped recipes that run in the microworld."""
    return [name for name in recipe_names() if load_config(name).model.base.startswith("microworld:")]


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The numbers of each iteration of one run, number 0 first; or, without a seed, whether all can be done with it."""
    return _checked(cell["recipe"]) if cell["seed"] is None else _measured(cell["recipe"], cell["seed"])


def _measured(recipe: str, seed: int) -> dict[str, Any]:
    shipped = "self-rewarding" if recipe == CEILING else recipe
    with own_store(f"recipes-{recipe}-{seed}") as store:
        load, began = os.getloadavg()[0], time.monotonic()
        outcome = carried_on(store, "cell", shipped, load_config(shipped, [f"seed={seed}"]), recipe == CEILING)
        wall = time.monotonic() - began
        return {
            "outcome": outcome.kind,
            "reason": outcome.reason,
            "bad": wrong_with(store, outcome),
            "wall_s": round(wall, 1),
            "load": round(load, 1),
            "iterations": by_iteration(store, "cell"),
        }


def _checked(recipe: str) -> dict[str, Any]:
    config = load_config(recipe, smoke=True)
    with own_store(f"recipes-{recipe}-smoke") as store:
        load, began = os.getloadavg()[0], time.monotonic()
        outcome = carried_on(store, "cell", recipe, config)
        wall = time.monotonic() - began
        if bad := wrong_with(store, outcome):
            return {"bad": bad, "wall_s": round(wall, 1), "load": round(load, 1)}
        # Another seed, or all would be recalled.
        other = config.model_copy(update={"seed": config.seed + 1})
        before = other.iterations - 1
        first = carried_on(store, "resumed", recipe, other.model_copy(update={"iterations": before}))
        if bad := wrong_with(store, first):
            return {"bad": bad, "wall_s": round(wall, 1), "load": round(load, 1)}
        drive.change(store, "resumed", other)
        resumed = drive.carry_on(store, "resumed", lambda event: None)
        branch = proposed(store, f"resumed@{before}", "branched", [f"seed={config.seed + 2}"])
        with store.lock():
            store.move(branch)
        branched = drive.carry_on(store, "branched", lambda event: None)
        return {
            "bad": wrong_with(store, outcome, first, resumed, branched),
            "wall_s": round(wall, 1),
            "load": round(load, 1),
        }


def main() -> None:
    known = [*measured_recipes(), CEILING]
    chosen, names = named_and_seeds(command_line(__doc__, "docs/recipes.md"), "recipe", known, 3)
    seeds = [None, *range(1, chosen.seeds + 1)]
    # A seed of all of them before the next seed of any: whoever stops it early has seen every recipe.
    cells = [{"recipe": name, "seed": seed} for seed in seeds for name in names if (name, seed) != (CEILING, None)]
    if not chosen.page:
        run_cells("recipes", cells, measure, chosen.fresh)
    write_page()
    refuse_bad("recipes", cells)


if __name__ == "__main__":
    main()
