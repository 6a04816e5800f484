"""The guards held over a run that is over, or over numbers that no run gave."""

from collections.abc import Iterable, Iterator

from loop.config_guards import Guards
from loop.guards.decision import Conclusion, Kept, Standing, conclude
from loop.guards.examine import examine
from loop.guards.seen import Seen


def replay(guards: Guards, history: Iterable[Seen]) -> Iterator[Conclusion]:
    """What the guards would have concluded of each iteration, number 0 first.

    Policies are called by the number of their iteration. What comes after one that is not promoted is taken as it was:
    a loop with these guards would have gone another way from there on.
    """
    known: dict[int, Seen] = {}
    standing: Standing | None = None
    for now in history:
        known[now.index] = now
        of = {whose: known[kept.index] for whose, kept in standing.references().items()} if standing else {}
        recent = [known[kept.index] for kept in standing.recent] if standing else []
        anew = [known[kept.index] for kept in standing.anew] if standing else []
        asked = guards.after(standing.braked, standing.held) if standing else guards
        findings = examine(asked, now, of, recent, standing.looks + 1 if standing else 1, anew)
        concluded = conclude(guards, findings, Kept(now.index, str(now.index)), standing)
        standing = concluded.standing
        yield concluded
        kept = {one.index for one in (*standing.references().values(), *standing.recent, *standing.anew)}
        known = {index: seen for index, seen in known.items() if index in kept}
