"""The tables of docs/constitutions.md that say what constitutions did in the microworld, from the rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cells import newest, when_and_of_what
from benchmarks.judge_ablations import paired
from benchmarks.league_page import NOT_YET, table, write
from judges.statistics import Estimate
from loop.ablation_effects import SCORED
from loop.by_prompt import LENGTH

PAGE = Path(__file__).parent.parent / "docs" / "constitutions.md"
Row = dict[str, Any]
SWAPPED = (
    ("concise", "`concise` becomes `thorough`", LENGTH, "tokens", 1.0),
    ("decline", "`decline` becomes `answer`", "policy/declines_frac", "declining, points", 100.0),
)
"""The arm, what is swapped, the metric that has to move, its unit, and by what it is multiplied."""
DIRECTION = {"concise": 1, "decline": -1}
SIXTEEN = (
    "Sixteen could not be run here: the models of the microworld were taught the words of eight principles that are no "
    "probes, and of no others. `explained` shows `reasons` too, which stand beside `concise` and `overall` alone and "
    "which the models were never taught to read."
)


def lines(rows: Sequence[Row]) -> list[str]:
    """All tables for which there are rows, and what they say of the claims."""
    sound = [row for row in rows if not row["result"]["bad"]]
    parts = [_swaps(sound), _culprits(sound), _stages(sound), _counts(sound), _left_out(rows)]
    told = [part for part in parts if part]
    if not told:
        return NOT_YET
    about = f"{when_and_of_what(rows)}, by `python -m benchmarks.constitutions`."
    return [about, *(line for part in told for line in ("", *part))]


def _left_out(rows: Sequence[Row]) -> list[str]:
    """The cells that did not come to their end: who counts seeds must know of them."""
    bad = [f"{row['cell']['arm']}, seed {row['cell']['seed']}" for row in rows if row["result"]["bad"]]
    return [f"In no table, as they did not come to their end: {'; '.join(bad)}."] if bad else []


def _of(rows: Sequence[Row], arm: str) -> dict[int, Row]:
    return {row["cell"]["seed"]: row["result"] for row in rows if row["cell"]["arm"] == arm}


def _swaps(rows: Sequence[Row]) -> list[str]:
    """How the behaviour moves where a principle is swapped for its opposite, and in how many seeds beyond doubt."""
    body = []
    for arm, words, metric, unit, times in SWAPPED:
        found = [
            {name: times * one[name] for name in ("value", "low", "high")}
            for result in _of(rows, arm).values()
            for one in result["effects"]
            if one["metric"] == metric
        ]
        if found:
            sign = DIRECTION[arm]
            sure = sum(sign * one["value"] > 0 and one["low"] * one["high"] > 0 for one in found)
            values = [one["value"] for one in found]
            each = f"{np.mean(values):+.2f} ({min(values):+.2f} to {max(values):+.2f})"
            body.append([words, unit, each, f"{sure} of {len(found)}"])
    if not body:
        return []
    heading = [
        "one iteration, the other words",
        "of",
        "effect, mean (least and most)",
        "seeds in the direction written",
    ]
    return [
        *table(heading, body),
        "",
        "A seed counts whose interval of 95 % over prompts leaves no doubt of the direction.",
    ]


def _culprits(rows: Sequence[Row]) -> list[str]:
    """Which principle's leaving out did most, by each metric that a user has, and beside it by gold."""
    found = _of(rows, "culprit")
    if not found:
        return []
    body = []
    for metric, sign, words in (
        (LENGTH, -1, "shortens answers most"),
        (SCORED, 1, "raises the seed's score of the whole answer most"),
        ("gold/sampled_mean", 1, "raises gold most, for the eye"),
    ):
        named = [_named(result["effects"], metric, sign) for result in found.values()]
        names = sorted(set(filter(None, named)), key=lambda name: (-named.count(name), str(name)))
        told = ", ".join(f"`{name}` {named.count(name)}" for name in names) or "none"
        body.append([f"the one whose leaving out {words}", told, f"{named.count('padding')} of {len(named)}"])
    heading = ["`padding` planted among five others", "named in seeds", "names `padding`"]
    return table(heading, body)


def _named(effects: Sequence[dict[str, Any]], metric: str, sign: int) -> str | None:
    """The principle with the largest effect on that side; by what users have, only one beyond chance."""
    own = [one for one in effects if one["metric"] == metric and sign * one["value"] > 0]
    sure = [one for one in own if one["found"] or metric.startswith("gold/")]
    return str(max(sure, key=lambda one: sign * one["value"])["principle"]) if sure else None


def _stages(rows: Sequence[Row]) -> list[str]:
    """Both stages of Constitutional AI: what harm, evasion and help are before, between and after, paired by seed."""
    found = [one["iterations"] for one in _of(rows, "critique").values() if len(one["iterations"]) == 3]
    if len(found) < 2:
        return []
    numbers = {
        "harmless, %": lambda one: 100 * one["gold"]["harm asked"]["harmless_frac"],
        "evasive where harm is asked, %": lambda one: 100 * one["gold"]["harm asked"]["evasive_frac"],
        "absolute harm, 0 to 4": lambda one: one["gold"]["harm asked"]["harm_0_to_4"],
        "gold elsewhere, 0 to 5": lambda one: one["gold"]["benign"]["score"],
        "over-refusing elsewhere, %": lambda one: 100 * one["gold"]["benign"]["over_refusing_frac"],
    }
    body = []
    for words, of in numbers.items():
        series = np.array([[of(one) for one in iterations] for iterations in found])
        means = [f"{mean:.2f}" for mean in series.mean(0)]
        steps = [_signed(paired(series[:, n + 1] - series[:, n])) for n in range(2)]
        body.append([words, *means, *steps])
    heading = ["by gold, sampled", "before", "SL-CAI", "RL-CAI", "SL-CAI less before", "RL-CAI less SL-CAI"]
    about = f"{len(found)} seeds; differences paired by seed, with Student's interval of 95 %."
    return [*table(heading, body), "", about]


def _counts(rows: Sequence[Row]) -> list[str]:
    """Harmlessness and diversity after the first stage by the number of principles, and by how they are told."""
    arms = dict.fromkeys(row["cell"]["arm"] for row in rows if row["cell"]["arm"].endswith(("listed", "explained")))
    body = []
    for arm in sorted(arms, key=lambda name: (name.split()[1] == "explained", int(name.split()[0]))):
        last = [one["iterations"][-1] for one in _of(rows, arm).values() if one["iterations"][-1]["gold"]]
        harmless = [100 * one["gold"]["harm asked"]["harmless_frac"] for one in last]
        diverse = [one["policy/vendi_frac"] for one in last]
        body.append([arm, _spread(harmless, 1), _spread(diverse, 3), str(len(last))])
    if not body:
        return []
    return [*table(["principles", "harmless, %", "different answers (Vendi), share", "seeds"], body), "", SIXTEEN]


def _spread(values: Sequence[float], digits: int) -> str:
    """The mean over seeds with Student's interval, where there are several."""
    if len(values) < 2:
        return f"{np.mean(values):.{digits}f}" if values else "-"
    found = paired(np.array(values))
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def _signed(gain: Estimate) -> str:
    return f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"


def write_table() -> None:
    """Put the tables of the rows into the page."""
    write("constitutions", lines(newest("constitutions")), PAGE)
