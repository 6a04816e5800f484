"""The audit of the reward that a policy trained by DPO stands for: a bias of its judge's, followed into the policy.

It is asked for by name and is no step of an iteration: a policy that it trained would chase what it already wants.
"""

from judges.implicit import ImplicitReward
from loop.anchors import anchors_digest
from loop.desk import Desk
from loop.panel import Bench
from loop.sources import prompt_source
from loop.steps.audit import audited
from loop.steps.audit_asking import Audited
from loop.steps.turn import Turn
from runs.output import Output


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, the policy, beta and the seed that it is held against, the prompts, the anchors and how many."""
    return {
        "items": str(desk.config.audit.items),
        "beta": str(desk.config.train.beta),
        "model": turn.model,
        "candidate": turn.candidate,
        "seed": turn.seed_policy,
        "source": prompt_source(desk.config.prompts.source).digest,
        "anchors": anchors_digest(desk.config.measure.anchors),
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """Every statistic of the implicit reward, and the faults found."""
    reward = ImplicitReward(desk.config.train.beta, turn.seed_policy)
    way = {"method": reward.method, "beta": reward.beta, "reference": reward.reference}
    judge = Audited(reward, Bench((turn.candidate,), None), way, weights=turn.candidate)
    return audited(desk, turn, judge, "implicit")
