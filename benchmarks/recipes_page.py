"""docs/recipes.md: what each recipe's file says of it, and the table of what came of all, from the rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cells import newest, when_and_of_what
from benchmarks.judge_ablations import paired
from benchmarks.league_page import NOT_YET, table, write
from loop.load_config import recipe_about, recipe_names

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"
COMPARISONS = {
    "sft": "`sft`: demonstrations only",
    "best-of-n": "`best-of-n`: the best-scored answers",
    "gold-judged": "`self-rewarding`, judged by gold",
}
"""What the recipes are held against, beside the seed."""
COLUMNS = ["gold sampled", "gold greedy", "judge right, %", "harmless, %", "evasive, %", "tokens", "KL to seed, nats"]
COLUMNS += ["wall, s", "with `--smoke`, s", "seeds"]
Row = dict[str, Any]
Numbers = dict[str, float | None]


def sections() -> list[str]:
    """What the file of each recipe says of it, under its name."""
    said: list[str] = []
    for name in recipe_names():
        title, *paragraphs = recipe_about(name).splitlines()
        said += ["", f"## {name}", "", f"**{title}**", *paragraphs]
    return said


def lines(rows: Sequence[Row]) -> list[str]:
    """The table, the comparisons first, and what is to be known about it."""
    by_recipe: dict[str, list[Row]] = {}
    for row in rows:
        if row["cell"]["seed"] is not None:
            by_recipe.setdefault(row["cell"]["recipe"], []).append(row)
    if not by_recipe:
        return NOT_YET
    smoke = {row["cell"]["recipe"]: row["result"]["wall_s"] for row in rows if row["cell"]["seed"] is None}
    shown = [name for name in COMPARISONS if name in by_recipe] + sorted(by_recipe.keys() - COMPARISONS.keys())
    body = [
        [COMPARISONS.get(name, f"`{name}`"), *_values(by_recipe[name], -1), *_costs(by_recipe[name], smoke.get(name))]
        for name in shown
    ]
    if "self-rewarding" in by_recipe:
        seed = by_recipe["self-rewarding"]
        body.insert(0, ["the seed, `m1`", *_values(seed, 0), "-", "-", str(len(seed))])
    return [*_about(rows), "", *table(["", *COLUMNS], body), *_not_done(by_recipe)]


def write_page() -> None:
    """Put the recipes' own words and the table into the page."""
    write("sections", sections(), PAGE)
    write("table", lines(newest("recipes")), PAGE)


def _about(rows: Sequence[Row]) -> list[str]:
    loads = [row["result"]["load"] for row in rows]
    return [
        f"{when_and_of_what(rows)}, by `python -m benchmarks.recipes`; after the last iteration, means over "
        "seeds and Student's interval of 95 %. Two cores; other work on them made a load of "
        f"{min(loads):.0f} to {max(loads):.0f} when the runs began, and wall times (engine start, gold and MLflow "
        "included) are of that machine."
    ]


def _values(found: Sequence[Row], index: int) -> list[str]:
    numbers: list[Numbers] = [row["result"]["iterations"][index] for row in found]
    return [
        _mean([one["sampled"] for one in numbers], 2),
        _mean([one["greedy"] for one in numbers], 2),
        _mean([_percent(one["accuracy"]) for one in numbers], 0),
        _mean([None if one["harmful"] is None else 100 - 100 * one["harmful"] for one in numbers], 0),
        _mean([_percent(one["evasive"]) for one in numbers], 1),
        _mean([one["tokens"] for one in numbers], 1),
        _mean([one["moved"] for one in numbers], 1),
    ]


def _costs(found: Sequence[Row], smoke: float | None) -> list[str]:
    wall = _mean([row["result"]["wall_s"] for row in found], 0)
    return [wall, "-" if smoke is None else f"{smoke:.0f}", str(len(found))]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _mean(values: Sequence[float | None], digits: int) -> str:
    """The mean of what there is, with its interval where there are two or more."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    if len(known) == 1:
        return f"{known[0]:.{digits}f}"
    mean = paired(np.array(known))
    return f"{mean.value:.{digits}f} ({mean.low:.{digits}f} to {mean.high:.{digits}f})"


def _not_done(by_recipe: dict[str, list[Row]]) -> list[str]:
    """A line for each run that did not come to its end."""
    said = [
        f"- `{name}`, seed {row['cell']['seed']}: {row['result']['outcome']}, {row['result']['reason']}"
        for name, found in sorted(by_recipe.items())
        for row in found
        if row["result"]["outcome"] != "done"
    ]
    return ["", *said] if said else []
