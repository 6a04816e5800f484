"""Every question that the guards have about an iteration, asked in one place and always in the same order."""

from collections.abc import Mapping

from loop.config_guards import Guards
from loop.guards.charting import charted
from loop.guards.comparing import compared
from loop.guards.finding import Finding
from loop.guards.limits import within
from loop.guards.seen import Seen
from loop.guards.spending import at_look, shares


def examine(guards: Guards, now: Seen, of: Mapping[str, Seen], look: int) -> list[Finding]:
    """What the bounds, the paired tests and the charts say of `now`.

    `of` has what numbers are held against: `seed`, `first`, `previous` and `best`; nothing for the seed itself. `look`
    counts the iterations whose paired tests were asked, this one included.
    """
    found = [within(limit, now, of, guards.brake_at) for limit in guards.every_limit()]
    tests = guards.every_paired()
    # A test that is not asked spends nothing, so that its share is the others'.
    asked = {test.name: test.group for test in tests if test.demanded or _is_there(test.stream, of)}
    share = shares(guards.false_alarm, asked)
    for test in tests:
        if test.name in share:
            found.append(compared(test, now, of, at_look(share[test.name], max(look, 1)), guards.min_paired_frac))
    found += [charted(chart, now) for chart in guards.every_chart()]
    return [one for one in found if one is not None]


def _is_there(stream: str, of: Mapping[str, Seen]) -> bool:
    """Whether the seed had it: what there is to be asked does not change within a run."""
    return "seed" in of and bool(of["seed"].items.get(stream))
