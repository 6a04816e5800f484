"""The same items, then and now: has what a policy or a judge does with them become worse?"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from loop.guards.betting import carried_on, paired
from loop.guards.doubt import p_together, p_worse
from loop.guards.finding import ACTIONS, Action, Finding, said
from loop.guards.references import WHOSE, without_reference
from loop.guards.rules import Paired
from loop.guards.seen import Seen

TOGETHER = "together"
"""The guard that asks all paired tests at once."""
FEWEST = 16
"""Items that a group must have, to be asked by itself: fewer prove nothing, and each group costs the others power."""


@dataclass(frozen=True)
class Levels:
    """How sure a test has to be: `alpha` to say so once in a whole run, `doubt` to keep this one candidate out."""

    alpha: float
    doubt: float

    @property
    def limit(self) -> float:
        """log10 of the evidence that is enough."""
        return math.log10(1 / self.alpha)

    def passes(self, log10_e: float, p: float) -> bool:
        """Whether there is neither enough evidence of a loss nor doubt."""
        return log10_e < self.limit and p > self.doubt

    def action(self, log10_e: float, sure: Action) -> Action:
        """What follows: what a test that is sure has for an action, and no more than keeping out for doubt."""
        return sure if log10_e >= self.limit else in_doubt(sure)

    def in_words(self, log10_e: float, p: float) -> str:
        """The evidence and the doubt, and what would be enough."""
        return (
            f"evidence of a loss 10^{log10_e:.2f}, 10^{self.limit:.2f} is enough; p {p:.2g}, {self.doubt:.2g} is doubt"
        )


def in_doubt(sure: Action) -> Action:
    """What follows where nothing is sure: no more than keeping the candidate out."""
    return min(sure, "reject", key=ACTIONS.index)


def is_asked(test: Paired, now: Seen, first: Seen) -> bool:
    """Whether there is something to hold the stream against. What is demanded is asked in any case."""
    return test.demanded or bool(asked_together(test, first) and now.took(first.step_of(test.stream)))


def begun(test: Paired, now: Seen) -> Finding | None:
    """What is said of a stream that nobody is to be held against before now; None where there is none to begin with."""
    if not test.demanded and not asked_together(test, now):
        return None
    return without_reference(test.name, test.stream, test.of, now, test.group, test.action, test.demanded)


def compared(test: Paired, now: Seen, first: Seen, recent: Sequence[Seen], levels: Levels, min_frac: float) -> Finding:
    """Whether the stream fell since `first`, the test's reference.

    What is held against the best so far is held against the `recent` ones too, promoted after it: a gain that is not
    yet proven can be lost. `observed` and `limit` are log10 of the evidence of a loss and of 1 / alpha; `worst` is the
    iteration against which it is strongest. A `p` of at most `doubt` rejects, unless the test has a milder action. It
    does not pass, and rejects, where fewer than `min_frac` of the reference's items have a number now, of all or of
    those that are asked together, or one is outside 0 to 1.
    """
    after, asked = now.items.get(test.stream, {}), asked_together(test, first)
    sets = {"": list(first.items.get(test.stream, ())), **asked}
    others = [one for one in recent if one.index > first.index] if test.of == "best" else []
    others = [one for one in others if test.stream in one.items and now.is_like(one, test.stream)]
    references, both = _with_same_items(test.stream, first, others, after, sets, min_frac)
    limit = levels.limit
    rows = tuple(address for one in (now, *references) for address in one.addresses(test.stream))
    numbers = [[one.items[test.stream][item] for item in both] for one in (now, *references)] if both else []
    faulty = sum(not 0 <= number <= 1 for row in numbers for number in row)
    why = f"{faulty} numbers are outside 0 to 1" if faulty else _lacking(sets, after, min_frac, test.by)
    if why or not asked:
        says = f"{test.stream} cannot be compared: {why or f'no value of their tag {test.by} has {FEWEST} items'}"
        beside: dict[str, float | int] = {"n": len(both), "alpha": levels.alpha}
        return Finding(
            test.name, test.stream, None, limit, False, says, test.group, in_doubt(test.action),
            "at_most", None, WHOSE[test.of], rows, beside,
        )  # fmt: skip
    import numpy as np

    after_N, before_R_N = np.array(numbers[0]), np.array(numbers[1:])
    groups_G_N = np.array([[item in items for item in both] for items in map(set, asked.values())])
    found = paired(before_R_N, after_N, test.margin, groups_G_N)
    at, group = found.worst
    chosen, name, index = groups_G_N[group], list(asked)[group], references[at].index
    then, mean, n = float(before_R_N[at, chosen].mean()), float(after_N[chosen].mean()), int(chosen.sum())
    evidence, p = found.loss_log10_e, p_worse(before_R_N, after_N, groups_G_N, test.margin)
    where = f"{test.stream} ({test.by}={name})" if test.by else test.stream
    says = (
        f"{where} went from {said(then)} at iteration {index} to {said(mean)} "
        f"({mean - then:+.4f} over {n} items); {levels.in_words(evidence, p)}"
    )
    beside = {
        "n": n, "mean": mean, "alpha": levels.alpha, "worst": index,
        "left_log10_e": found.left_log10_e, "p": p, "doubt": levels.doubt,
    }  # fmt: skip
    if test.of == "best" and not test.by:
        beside["gain_log10_e"] = found.gain_log10_e
    return Finding(
        test.name, where, evidence, limit, levels.passes(evidence, p), says, test.group,
        levels.action(evidence, test.action), "at_most", then, WHOSE[test.of], rows, beside,
    )  # fmt: skip


def asked_together(test: Paired, of: Seen) -> dict[str, list[str]]:
    """The items of the stream that are asked together, by the value of the test's tag, or under "" without a tag.

    Values of fewer than FEWEST items are asked by nobody.
    """
    items = sorted(of.items.get(test.stream, ()))
    if test.by is None:
        return {"": items} if items else {}
    tags, found = of.tags.get(test.by, {}), dict[str, list[str]]()
    for item in items:
        if item in tags:
            found.setdefault(tags[item], []).append(item)
    return {value: of_value for value, of_value in sorted(found.items()) if len(of_value) >= FEWEST}


def _with_same_items(
    stream: str,
    first: Seen,
    others: Sequence[Seen],
    after: Mapping[str, float],
    sets: Mapping[str, Sequence[str]],
    min_frac: float,
) -> tuple[list[Seen], list[str]]:
    """The references, and the items that all of them and `after` have.

    What is missing is missing in different places each time. Of the `others` those are left out without which more than
    a share `min_frac` of the items that the first one has is not left, of all or of one of the `sets`.
    """
    references, both = [first], sorted(item for item in after if item in first.items.get(stream, {}))
    there = {name: [item for item in items if item in after] for name, items in sets.items()}
    for one in others:
        shared = [item for item in both if item in one.items[stream]]
        if not _lacking(there, set(shared), min_frac):
            references, both = [*references, one], shared
    return references, both


def _lacking(sets: Mapping[str, Sequence[str]], there: Collection[str], min_frac: float, tag: str | None = None) -> str:
    """Of which sets of items fewer than `min_frac`, or none, are there, as a clause; "" where enough of each are.

    The sets are values of the `tag`, but for that of all items, which is called "" and stands for the others.
    """
    left = {name: sum(item in there for item in items) for name, items in sets.items()}
    few = [name for name, n in left.items() if n < min_frac * len(sets[name]) or not n]
    told = [
        f"{left[name]} of {len(sets[name])} items{f' ({tag}={name})' if name else ''}"
        for name in ([""] if "" in few else few)
    ]
    return f"{', '.join(told)} have a number; at least {min_frac:.0%} are needed" if few else ""


def together(found: Sequence[Finding], levels: Levels, action: Action) -> Finding | None:
    """Whether small losses in several tests are a loss; None unless tests of two sets of items or more were asked.

    Tests that would only warn or brake have no part in it. `worst` is the iteration of the one with most evidence.
    What tests of the same items have to say is one voice (the part of a stream's name before its first `/`).
    """
    sets: dict[str, list[Finding]] = {}
    blocking = ACTIONS.index("reject")
    tests = [one for one in found if "left_log10_e" in one.beside and ACTIONS.index(one.action) >= blocking]
    for one in tests:
        sets.setdefault(one.metric.partition("/")[0], []).append(one)
    if len(sets) < 2:
        return None
    evidence = carried_on([[one.beside["left_log10_e"] for one in same] for same in sets.values()])
    p = p_together([[one.beside["p"] for one in same] for same in sets.values()])
    names = ", ".join(one.guard for one in tests)
    strongest = max(tests, key=lambda one: one.observed or 0.0)
    beside = {
        "n": len(tests), "alpha": levels.alpha, "worst": strongest.beside["worst"], "p": p, "doubt": levels.doubt,
    }  # fmt: skip
    says = f"{names} together: {levels.in_words(evidence, p)}"
    return Finding(
        TOGETHER, "", evidence, levels.limit, levels.passes(evidence, p), says, "quality",
        levels.action(evidence, action), "at_most", beside=beside,
    )  # fmt: skip
