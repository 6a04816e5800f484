"""How far two rankings of the same answers agree: by this iteration's judge or policy, and by the one before it.

What CREAM takes for the probability of its labels (Wang, 2410.12735).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from judges.consistency import consistency
from judges.dialogue import Judge
from judges.implicit import ImplicitReward
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.panel import Bench, bench, decisive, judged_by
from loop.steps.judge import candidate_cases
from loop.steps.past import policy_before
from loop.steps.turn import Turn
from runs.canonical import digest
from runs.records import Judgment, Response


@dataclass(frozen=True)
class Ranking:
    """Who ranks, and how; `now` is None where the step `judge` has ranked already."""

    judge: Judge
    now: Bench | None
    before: Bench
    way: Mapping[str, Any] | None


def ranking(desk: Desk, turn: Turn) -> Ranking | None:
    """Whose rankings are to be compared; None where nobody asks, or where there are no two of them.

    The seed's implicit reward is how much likelier than the seed it finds an answer, and so ranks nothing.
    """
    settings = desk.config.pair
    if settings.labels != "consistency" or not settings.judged:
        return None
    if settings.ranked_by == "implicit":
        policies = (turn.policy, policy_before(desk, turn))
        if len({*policies, turn.seed_policy}) < 3:
            return None
        reward = ImplicitReward(1.0, turn.seed_policy)  # no ranking depends on beta
        way = {"method": reward.method, "beta": reward.beta, "reference": reward.reference}
        now, before = (Bench((policy,), None) for policy in policies)
        return Ranking(reward, now, before, way)
    before = bench(desk, turn, policy_before(desk, turn))
    if before == bench(desk, turn, turn.policy):
        return None
    return Ranking(configured_judge(desk.config.judge, desk.constitution, desk.judge_tokens), None, before, None)


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The prompts, who ranked before, and the engine that serves them; nothing where nothing is compared."""
    who = ranking(desk, turn)
    if who is None:
        return {}
    ranks = [who.before.digest, desk.constitution.digest] if who.now is None else [who.before.digest, who.now.digest]
    return {
        "prompts": turn.outputs["prompts"],
        "before": digest([turn.model, *ranks, *([turn.seed_policy] if who.now else [])]),
        "engine": digest(desk.config.engine.model_dump(mode="json")),
    }


def agreement(
    desk: Desk, turn: Turn, responses: Sequence[Response], judgments: Sequence[Judgment]
) -> tuple[tuple[str, ...], dict[str, float] | None]:
    """The shards of what was asked for it, and how far the two agree on the answers of each prompt, 0 to 1."""
    who = ranking(desk, turn)
    if who is None:
        return (), None
    prompts = desk.store.all_rows("prompts", turn.done["prompts"])
    cases = candidate_cases(who.judge, desk.config.seed, prompts, responses)

    def ranked(rankers: Bench) -> tuple[str, ...]:
        return judged_by(desk, f"{desk.run}@{turn.index}/pair", who.judge, rankers, cases, who.way)

    of_now, of_before = ranked(who.now) if who.now else (), ranked(who.before)
    now = decisive(desk.store.rows_of("judgments", of_now)) if who.now else judgments
    before = decisive(desk.store.rows_of("judgments", of_before))
    return (*of_now, *of_before), consistency(responses, now, before)
