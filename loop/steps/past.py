"""What was before an iteration: the iterations themselves, what their decisions left, and which policies stand."""

from collections.abc import Sequence

from loop.desk import Desk
from loop.guards.decision import Kept, Standing
from loop.steps.turn import Turn
from runs.records import Iteration


def earlier(desk: Desk, turn: Turn, steps: Sequence[str] = ()) -> list[Iteration]:
    """The iterations before this one that took these steps, oldest first, those that a branch shares included.

    Number 0 is never among them.
    """
    known = {iteration.digest: iteration for iteration in turn.past}
    found: list[Iteration] = []
    name = turn.past[-1].digest if turn.past else ""
    while name:
        found.append(known.get(name) or desk.store.iteration(name))
        name = found[-1].parent
    return [iteration for iteration in reversed(found) if iteration.index > 0 and {*steps} <= {*iteration.outputs}]


def promoted(desk: Desk, turn: Turn) -> list[str]:
    """The seed policy and every one promoted since, oldest first, up to the one that answers in this iteration.

    What was rolled back is not among them, and an iteration that kept its policy adds none.
    """
    line = [turn.seed_policy]
    for iteration in earlier(desk, turn):
        if iteration.policy in line:
            del line[line.index(iteration.policy) + 1 :]
        else:
            line.append(iteration.policy)
    return line


def policy_before(desk: Desk, turn: Turn) -> str:
    """The policy promoted before the one that answers in this iteration; the seed where there is none."""
    return promoted(desk, turn)[-2:][0]


def standing_before(desk: Desk, turn: Turn) -> Standing | None:
    """What the decision before left; None for the seed. An iteration of a version that left nothing is the best."""
    if not turn.past:
        return None
    last = turn.past[-1]
    left = desk.store.output(last.outputs["decide"]).values.get("standing")
    if left is None:
        seed, kept = (_as_kept(one) for one in (turn.past[0], last))
        return Standing(seed, kept, kept)
    named = {whose: Kept(**left[whose]) if left[whose] else None for whose in ("seed", "previous", "best", "first")}
    several = {which: tuple(Kept(**kept) for kept in left.get(which, ())) for which in ("recent", "anew")}
    return Standing(**{**left, **named, **several})


def drift_before(desk: Desk, turn: Turn) -> str:
    """The digest of what `drift` gave for the policy promoted last; "" where it gave nothing."""
    standing = standing_before(desk, turn)
    return standing.previous.outputs.get("drift", "") if standing else ""


def _as_kept(iteration: Iteration) -> Kept:
    return Kept(iteration.index, iteration.policy, iteration.outputs)
