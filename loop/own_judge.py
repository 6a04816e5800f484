"""Who judges as `own`: the judge's own adapter, which learns from pairs of its judgments and never from the policy's.

Iteration 0 begins with the seed's policy. Each iteration proposes the judge that it trained together with its policy:
the one is measured under the other, and what becomes of the candidate becomes of its judge.
"""

from loop.desk import Desk
from loop.steps.past import standing_before
from loop.steps.turn import Turn
from runs.lineage import JUDGE_TRAINING, judge_made


def standing_judge(desk: Desk, turn: Turn) -> str:
    """The judge that came with the policy promoted last; the seed's policy where none was trained."""
    standing = standing_before(desk, turn)
    return judge_made(desk.store, standing.previous.outputs if standing else {}) or turn.seed_policy


def own_judge(desk: Desk, turn: Turn, answering: str) -> str:
    """Who judges the answers of the policy `answering`: for the candidate, the judge trained with it."""
    proposed = turn.done.get(JUDGE_TRAINING)
    if proposed and answering == turn.candidate:
        return str(proposed.values["adapter"])
    return standing_judge(desk, turn)
