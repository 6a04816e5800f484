"""What score a judge's reply states, or why it states none. Only the reply is read, never the answer it judges."""

import re
from decimal import Decimal

from constitutions.load import Scale
from runs.records import Unscored

# ASCII throughout: without it `\d` reads Arabic digits, and IGNORECASE takes the long s (U+017F) for an s.
LABEL = re.compile(r"[ \t]*(?:#{1,6}[ \t]+)?[*_]{0,3}score[*_]{0,3}[ \t]*:(.*)", re.ASCII | re.IGNORECASE)
VALUE = re.compile(
    r"[*_]{0,3}[ \t]*[*_]{0,3}(-?[0-9]+(?:\.[0-9]+)?)(?:[ \t]*(?:/|out of)[ \t]*([0-9]+))?(?:[ \t]+points?)?[*_.]{0,4}",
    re.ASCII | re.IGNORECASE,
)

CONFIDENCE = re.compile(
    r"[ \t]*[*_]{0,3}confidence[*_]{0,3}[ \t]*:[*_]{0,3}[ \t]*([0-9]{1,3}(?:\.[0-9]+)?)[ \t]*%[*_.]{0,4}[ \t\r]*",
    re.ASCII | re.IGNORECASE,
)


def read(reply: str, finished: bool, scale: Scale) -> float | Unscored:
    """The score that `reply` ends up stating, or the reason there is none. Never raises, never clamps.

    A verdict is a line of its own that begins with `Score:`, in any case, with or without Markdown emphasis. The last
    such line is the judge's word whatever stands before it (Yuan et al., 2401.10020, let the judge reason first), also
    where that line cannot be read: falling back to an earlier one would score what the judge took back.

    - `finished` False is TRUNCATED, whatever has been said: a `1` may be the start of a `10`.
    - The number is in ASCII digits, alone or as `4/5`, `4 out of 5`, `4 points`; anything else is NO_VERDICT.
    - A number that the scale lacks is OFF_SCALE: outside low..high, not whole (trained judges drift to `4.75`;
      Meta-Rewarding, 2407.19594), or out of something other than the scale's high. `4.0` is 4.
    - A quoted (`> Score: 5`), listed (`- Score: 5`) or spoken (`I say Score: 5`) verdict is no verdict.
    """
    if not finished:
        return Unscored.TRUNCATED
    # Only "\n" ends a line: splitlines() would also let a form feed or U+2028 inside a sentence begin one.
    stated = next((match for line in reversed(reply.split("\n")) if (match := LABEL.match(line))), None)
    value = VALUE.fullmatch(stated[1].strip(" \t\r")) if stated else None
    if value is None:
        return Unscored.NO_VERDICT
    number, out_of = value.groups()
    # Decimal, because a float would round 5.00000000000000001 onto the scale.
    score = Decimal(number)
    on_scale = scale.low <= score <= scale.high and score == int(score)
    if not on_scale or (out_of is not None and Decimal(out_of) != scale.high):
        return Unscored.OFF_SCALE
    return float(int(score))


def confidence(reply: str) -> float | None:
    """How sure (0..1) the reply says that it is: the last line of its own `Confidence: N%`. None where it says nothing.

    A number above 100 is none, whatever stands before it.
    """
    stated = next((match for line in reversed(reply.split("\n")) if (match := CONFIDENCE.fullmatch(line))), None)
    value = None if stated is None else float(stated[1]) / 100
    return value if value is None or value <= 1 else None
