"""The tables of docs/judges.md, from the rows of the league and of the training ablation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.cells import rows
from benchmarks.league_items import NO_PAIR, RIGHT, held_out
from benchmarks.league_judges import WAYS
from judges.statistics import Estimate, proportion, share_of_pairs
from microworld.phrasings import FAMILIES
from runs.records import Prompt

PAGE = Path(__file__).parent.parent / "docs" / "judges.md"
BASELINE = next(iter(WAYS))
NOT_YET = ["Not measured yet."]
Row = dict[str, Any]
RESAMPLES = 1000


def right(found: Sequence[Row], family: str = "all") -> Estimate:
    """The share of the pairs that are judged rightly, of which one without a verdict is a half."""
    return _mean(
        [
            (RIGHT[letter], prompt.digest)
            for row in found
            for letter, prompt in _judged(row)
            if family in ("all", prompt.tags["family"])
        ]
    )


def right_of_decided(found: Sequence[Row]) -> Estimate:
    """The share of right verdicts, with Wilson's interval."""
    letters = Counter(letter for row in found for letter, _ in _judged(row))
    return proportion(letters["1"], letters["1"] + letters["0"])


def decided(found: Sequence[Row]) -> Estimate:
    """The share of the pairs on which there is a verdict, with Wilson's interval."""
    letters = Counter(letter for row in found for letter, _ in _judged(row))
    return proportion(letters["1"] + letters["0"], letters.total())


def over(found: Sequence[Row], baseline: Sequence[Row]) -> Estimate:
    """By how much a larger share of the pairs is judged rightly than in the rows of the baseline, pair by pair.

    Raises ValueError where a row's pairs are not the baseline's.
    """
    return _mean([one for own, other in _matched(found, baseline) for one in _gains(own, other)])


def by_seed(found: Sequence[Row], baseline: Sequence[Row]) -> list[float]:
    """The same difference, seed by seed."""
    return [fmean(gain for gain, _ in _gains(own, other)) for own, other in _matched(found, baseline)]


def of_judge(found: Sequence[Row], judge: str, policy: str = "m1", by: str = "m1") -> list[Row]:
    """The rows of one way to judge, by seed: the last of each."""
    own = {
        row["cell"]["seed"]: row
        for row in found
        if row["cell"]["judge"] == judge and row["cell"]["policy"] == policy and row["cell"]["by"].split("+")[0] == by
    }
    return [own[seed] for seed in sorted(own)]


def _matched(found: Sequence[Row], baseline: Sequence[Row]) -> list[tuple[Row, Row]]:
    others = {row["cell"]["seed"]: row for row in baseline}
    pairs = [(row, others[row["cell"]["seed"]]) for row in found]
    for own, other in pairs:
        if own["result"]["items"] != other["result"]["items"]:
            raise ValueError(f"not of the same pairs: {own['cell']} and {other['cell']}; measure both with --fresh")
    return pairs


def _gains(own: Row, other: Row) -> list[tuple[float, str]]:
    both = zip(_judged(own), _judged(other), strict=True)
    return [(RIGHT[letter] - RIGHT[before], prompt.digest) for (letter, prompt), (before, _) in both]


def _judged(row: Row) -> list[tuple[str, Prompt]]:
    """The letter of each pair, and the prompt that it answers."""
    letters = row["result"]["letters"]
    shown = zip(letters, held_out(row["cell"]["seed"], len(letters)), strict=True)
    return [(letter, prompt) for letter, prompt in shown if letter != NO_PAIR]


def _mean(values: Sequence[tuple[float, str]]) -> Estimate:
    """The mean of values of prompts, with its interval over prompts."""
    counts_P = np.array([value for value, _ in values])
    return share_of_pairs(counts_P, [(name, name) for _, name in values], seed=1, resamples=RESAMPLES)


# ---- tables ---------------------------------------------------------------------------------------------------------


def percent(estimate: Estimate, sign: str = "") -> str:
    """An estimate with its interval as per cent, without the sign."""
    if estimate.value is None:
        return "-"
    value, low, high = (100 * (part or 0.0) for part in estimate)
    return f"{value:{sign}.1f} ({low:{sign}.1f} to {high:{sign}.1f})"


def table(heading: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown."""
    return [f"| {' | '.join(line)} |" for line in (heading, ["---"] * len(heading), *lines)]


def league(found: Sequence[Row]) -> list[str]:
    """A line a judge: how right it is, how that compares with the baseline, and what a verdict costs."""
    baseline = of_judge(found, BASELINE)
    lines = []
    for name, way in WAYS.items():
        own = of_judge(found, name)
        if not own:
            continue
        ahead = by_seed(own, baseline)
        spread = f"{100 * min(ahead):+.1f} to {100 * max(ahead):+.1f}"
        lines.append(
            [
                way.words,
                percent(right(own)),
                percent(right_of_decided(own)),
                percent(decided(own)),
                "-" if name == BASELINE else percent(over(own, baseline), "+"),
                "-" if name == BASELINE else spread,
                _consistency(own),
                *_cost(own),
            ]
        )
    heading = ["judge", "right, %", "right of the decided, %", "decided, %", "over the baseline, points", "by seed"]
    heading += ["same in both orders, %", "requests", "prompt tokens", "reply tokens", "s a thousand"]
    sizes = sum(row["result"]["pairs"] for row in baseline)
    ranks = [row["result"]["best_rank"] for row in of_judge(found, "tournament")]
    said = [
        f"{sizes:,} pairs of {len(baseline)} seeds, all judged by `m1`; in brackets 95 % intervals over prompts. Costs "
        "are of a pair.",
        "",
        *table(heading, lines),
    ]
    if ranks:
        said += [
            "",
            f"The best of four by the tournament has rank {np.mean(ranks):.2f} by gold (by seed {min(ranks):.2f} to "
            f"{max(ranks):.2f}); one by lot would have 2.50.",
        ]
    return said


def _consistency(found: Sequence[Row]) -> str:
    decided = sum(row["result"].get("both_orders", 0) for row in found)
    same = sum(row["result"].get("same_in_both", 0) for row in found)
    return f"{100 * same / decided:.1f}" if decided else "-"


def _cost(found: Sequence[Row]) -> list[str]:
    pairs = sum(row["result"]["pairs"] for row in found)
    counts = [sum(row["result"][name] for row in found) for name in ("requests", "prompt_tokens", "reply_tokens")]
    seconds = float(np.median([1000 * row["result"]["judging_s"] / row["result"]["pairs"] for row in found]))
    return [*(f"{count / pairs:.1f}" for count in counts), f"{seconds:.1f}"]


def families(found: Sequence[Row]) -> list[str]:
    """A line a judge, a column a family: the share judged rightly, without a verdict a half."""
    baseline = of_judge(found, BASELINE)
    judges = [(way.words, own) for name, way in WAYS.items() if (own := of_judge(found, name))]
    # Family by family, as all judges share the draws of its interval.
    by_family = [[right(own, family) for _, own in judges] for family in FAMILIES]
    judged = Counter(prompt.tags["family"] for row in baseline for _, prompt in _judged(row))
    widest = max((one.high or 0.0) - (one.low or 0.0) for own in by_family for one in own)
    lines = [
        [words, *(f"{100 * (own[place].value or 0.0):.0f}" for own in by_family)]
        for place, (words, _) in enumerate(judges)
    ]
    return [
        f"Right by family, %; no figure's 95 % interval is wider than {100 * widest:.0f} points.",
        "",
        *table(["judge", *FAMILIES], [["pairs", *(str(judged[family]) for family in FAMILIES)], *lines]),
    ]


def sizes(found: Sequence[Row], judge: str, names: Mapping[str, str]) -> list[str]:
    """A line a judging model, a column a model whose answers are judged: the share judged rightly, or their gold."""
    columns = []
    for policy in names:  # column by column, as all judges share the draws of its interval
        cells = [of_judge(found, judge, policy, by) for by in names]
        golds = {row["result"]["gold_mean"] for own in cells for row in own}
        gold = f"{np.mean(list(golds)):.2f}" if golds else "-"
        columns.append([*(percent(right(own)) if own else "-" for own in cells), gold])
    heads = [*names.values(), "gold of the answers, 0 to 5"]
    return [
        f"{WAYS[judge].words}: right, %, by the size of the judge (lines) and of the model that answers (columns).",
        "",
        *table(["judge", *names.values()], [list(line) for line in zip(heads, *columns, strict=True)]),
    ]


def write(mark: str, lines: Sequence[str], page: Path = PAGE) -> None:
    """Put the lines between the marks of that name in the page."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    head, rest = page.read_text(encoding="utf-8").split(begin)
    page.write_text("\n".join([head + begin, *lines, end]) + rest.split(end)[1], encoding="utf-8")


def between(mark: str) -> str:
    """What stands between the marks of that name in the page."""
    _, rest = PAGE.read_text(encoding="utf-8").split(f"<!-- {mark}: begin -->")
    return rest.split(f"<!-- {mark}: end -->")[0].strip()


MODELS = {"size-S": "S", "size-M": "M", "size-L": "L", "m1": "`m1`"}


def tables() -> dict[str, list[str]]:
    """The tables that the league's rows make, by mark."""
    found = rows("league")
    if not of_judge(found, BASELINE):
        return dict.fromkeys(("league", "families", "sizes"), NOT_YET)
    return {
        "league": league(found),
        "families": families(found),
        "sizes": [*sizes(found, "both", MODELS), "", *sizes(found, "expected", MODELS)],
    }


def write_page() -> None:
    """Put the tables of the rows into the page."""
    for mark, lines in tables().items():
        write(mark, lines)
