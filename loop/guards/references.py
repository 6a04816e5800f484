"""Whose numbers are a reference: like is held against like.

What a number was measured by may change within a line of descent: another constitution, judge or scale, other prompts,
a measurement that was off before. Such a number has no reference. The first iteration that measures it so and is
promoted becomes the reference of those after it.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from loop.guards.finding import Action, Finding, Group, said
from loop.guards.seen import Seen

WHOSE = {
    "seed": "the seed policy's",
    "first": "that of the first one promoted",
    "previous": "that of the policy promoted last",
    "best": "that of the best so far",
}
ANEW = "anew"
"""What marks the evidence of a number that has no reference and becomes one, if the candidate is promoted."""


def reference(name: str, now: Seen, whose: str, of: Mapping[str, Seen], anew: Sequence[Seen]) -> Seen | None:
    """Whose number of that name is held against: `whose`, else the first of `anew` that measured it as `now` does.

    None where there is none, or nobody of that sort yet. Where nobody has the number and nothing says that `whose` was
    measured otherwise, it is `whose`, which lacks it. What came last has nobody in its place.
    """
    if whose not in of:
        return None
    stand = (of[whose], *(anew if whose != "previous" else ()))
    found = (one for one in stand if one.has(name) and now.is_like(one, name))
    known = of[whose]
    # One that says nothing of how it was measured and lacks what there is now is of a version without such a number.
    older = now.has(name) and bool(now.yardsticks) and not known.yardsticks
    return next(found, known if now.is_like(known, name) and not older else None)


def without_reference(
    guard: str, name: str, whose: str, now: Seen, group: Group, action: Action, demanded: bool
) -> Finding | None:
    """What is said of a number that nothing like it can be held against; None where settings do without it.

    It passes if it can be a reference itself. What somebody demands and nobody measures does not.
    """
    if not demanded and not now.has(name):
        return None
    numbers = now.numbers(name)
    mean = fmean(numbers) if numbers else None
    sound = mean is not None and math.isfinite(mean) and (name in now.metrics or all(0 <= one <= 1 for one in numbers))
    kept = sound and whose != "previous"  # what came last is a reference for one iteration alone
    says = f"{name} is {said(mean)}; {WHOSE[whose]} was measured otherwise, or not at all"
    says += ": it is the reference from here on" if kept else ""
    return Finding(
        guard, name, mean, None, sound, says, group, action, "", None, WHOSE[whose], now.addresses(name),
        {ANEW: 1} if kept else {},
    )  # fmt: skip
