"""Every question that the guards have about an iteration, asked in one place and always in the same order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from loop.config_guards import Guards
from loop.guards.charting import charted
from loop.guards.comparing import TOGETHER, Levels, begun, compared, is_asked, together
from loop.guards.finding import Finding, Group
from loop.guards.limits import all_finite, at_least, at_most, within
from loop.guards.references import reference
from loop.guards.seen import Seen
from loop.guards.spending import at_look, shares


def examine(
    guards: Guards,
    now: Seen,
    of: Mapping[str, Seen],
    recent: Sequence[Seen] = (),
    look: int = 1,
    anew: Sequence[Seen] = (),
) -> list[Finding]:
    """Whether there is enough to train on, and what the bounds, the paired tests and the charts say of `now`.

    `of` has what numbers are held against: `seed`, `first`, `previous` and `best`; nothing for the seed itself.
    `recent` are the last ones that were promoted, `anew` those that are references for what was measured otherwise
    before them. `look` counts the iterations whose paired tests were asked, this one included.
    """
    found: list[Finding | None] = list(_usable(guards, now))
    found += [within(limit, now, of, guards.brake_at, anew) for limit in guards.every_limit()]
    tests = [test for test in guards.every_paired() if test.of in of] if now.measured else []
    held = {test.name: reference(test.stream, now, test.of, of, anew) for test in tests}
    asked = [(test, first) for test in tests if (first := held[test.name]) and is_asked(test, now, first)]
    # A test that is not asked spends nothing, so that its share is the others'. They sum to the budget at each look.
    groups: dict[str, Group] = {test.name: test.group for test, _ in asked}
    action = guards.action(TOGETHER, "roll_back")
    if len({test.stream.partition("/")[0] for test, _ in asked}) > 1 and action != "off":
        groups[TOGETHER] = "quality"
    share = shares(guards.false_alarm, groups)
    levels = {test: Levels(at_look(spent, look), guards.doubt / len(share)) for test, spent in share.items()}
    tested = [compared(test, now, first, recent, levels[test.name], guards.min_paired_frac) for test, first in asked]
    found += tested
    if TOGETHER in groups:
        found.append(together(tested, levels[TOGETHER], action))
    found += [begun(test, now) for test in tests if held[test.name] is None]
    found += [charted(chart, now) for chart in guards.every_chart()]
    return [one for one in found if one is not None]


def _usable(guards: Guards, now: Seen) -> list[Finding]:
    """Whether there are enough rows, enough verdicts, and numbers where there must be."""
    metrics, unscored = now.metrics, guards.max_unscored_frac
    found = [at_least("min_pairs", metrics, name, guards.min_pairs, "optimisation") for name in now.counts]
    found += [
        at_most("max_unscored_frac", metrics, name, unscored)
        for name, step in (("judge/train_unscored_frac", "judge"), ("judge/unscored_frac", "measure"))
        if name in metrics or step in now.rows
    ]
    found += all_finite({name: metrics.get(name) for name in now.finite})
    placed = [replace(one, rows=now.addresses(one.metric)) for one in found]
    return acting(guards, placed)


def acting(guards: Guards, found: Sequence[Finding]) -> list[Finding]:
    """What was found, with what follows from it as `guards.actions` says; nothing of a guard that is off."""
    changed = [replace(one, action=guards.action(one.guard, one.action)) for one in found]
    return [one for one in changed if one.action != "off"]
