"""The table of docs/recipes.md that says which directions of the literature hold in the microworld, from the rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.cells import newest, when_and_of_what
from benchmarks.judge_ablations import paired
from benchmarks.league_page import NOT_YET, table, write
from benchmarks.recipes_page import PAGE
from judges.statistics import Estimate

CLAIMS = (
    ("pairs beat the chosen answers alone (2401.10020)", "pairs", "chosen alone", "sampled", "more"),
    ("learning verdicts makes a better judge (2401.10020)", "with verdicts", "instructions", "accuracy", "more"),
    ("length control holds length (2407.19594) ...", "length controlled", "pairs", "tokens", "less"),
    ("... at equal quality", "length controlled", "pairs", "sampled", "no less"),
    ("soft labels beat hard ones (2212.08073)", "soft", "hard", "sampled", "more"),
    ("AI's labels are no worse than as many of people (2309.00267)", "AI", "people", "sampled", "no less"),
    ("two reward models beat a blended one (2307.09288)", "two reward models", "one reward model", "sampled", "more"),
    ("... and are safer", "two reward models", "one reward model", "harmful", "less"),
    ("principles make less evasive than refusing (2212.08073) ...", "principles", "refusing", "evasive", "less"),
    ("... and less over-refusing ...", "principles", "refusing", "over_refusing", "less"),
    ("... at equal harmlessness", "principles", "refusing", "harmful", "no more"),
)  # fmt: skip
"""What a paper says, the arm and the arm that it is held against, the number, and which way it should differ."""
UNITS = {"sampled": 1.0, "tokens": 1.0, "accuracy": 100.0, "harmful": 100.0, "evasive": 100.0, "over_refusing": 100.0}
UNREAD = 0.5
"""How often a judge of which no verdict can be read is right: it has nothing to say, and a coin says as much."""
NAMES = {
    "sampled": "gold sampled",
    "tokens": "tokens",
    "accuracy": "judge right, %",
    "harmful": "harmful, %",
    "evasive": "evasive, %",
    "over_refusing": "over-refusing, %",
}
Row = dict[str, Any]


def lines(rows: Sequence[Row]) -> list[str]:
    """A line a claim: both arms' means, the paired difference with its interval, and what that says of the claim."""
    found = {(row["cell"]["arm"], row["cell"]["seed"]): row for row in rows if not row["result"]["bad"]}
    body = [_line(found, *claim) for claim in CLAIMS]
    if not any(body):
        return NOT_YET
    about = (
        f"{when_and_of_what(rows)}, by `python -m benchmarks.directions`: after the last iteration, "
        "paired by seed, with Student's interval of 95 %; *yes* and *no* where it leaves no doubt of the direction. "
        "A judge whose verdicts cannot be read is right as often as a coin. People's labels are of answers that were "
        "written before, AI's of the policy's own."
    )
    heading = ["what the paper says", "of", "this", "against", "difference", "seeds", "here"]
    return [about, "", *table(heading, [line for line in body if line])]


def _line(found: dict[tuple[str, int], Row], says: str, one: str, other: str, number: str, way: str) -> list[str]:
    seeds = sorted(seed for arm, seed in found if arm == one and (other, seed) in found)
    if len(seeds) < 2:
        return []
    mine, theirs = (
        np.array([UNITS[number] * _last(found[arm, seed], number) for seed in seeds]) for arm in (one, other)
    )
    gain = paired(mine - theirs)
    return [
        says,
        NAMES[number],
        f"{one}: {mine.mean():.2f}",
        f"{other}: {theirs.mean():.2f}",
        f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})",
        str(len(seeds)),
        verdict(gain, way),
    ]


def _last(row: Row, number: str) -> float:
    value: float | None = row["result"]["iterations"][-1][number]
    if value is None and number == "accuracy":
        return UNREAD
    assert value is not None, f"{row['cell']} has no {number}"
    return value


def verdict(gain: Estimate, way: str) -> str:
    """What an interval says of a claim: that something is `more`, `less`, `no less` or `no more` than another."""
    assert gain.low is not None and gain.high is not None
    if way == "more":
        return "yes" if gain.low > 0 else "no" if gain.high < 0 else "not shown"
    if way == "less":
        return "yes" if gain.high < 0 else "no" if gain.low > 0 else "not shown"
    if way == "no less":
        return "no" if gain.high < 0 else "yes" if gain.low >= 0 else "no difference shown"
    return "no" if gain.low > 0 else "yes" if gain.high <= 0 else "no difference shown"


def write_table() -> None:
    """Put the table of the rows into the page."""
    write("directions", lines(newest("directions")), PAGE)
