"""Step `judge`: the judge scores every candidate."""

import statistics
from collections import Counter

from loop.desk import Desk
from loop.judging import Candidate, judge_answers, requests_per_answer
from loop.steps.turn import Turn
from runs.errors import ConfigError
from runs.lineage import resolve
from runs.output import Output
from runs.records import Judgment


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, the judging policy, the constitution, the prompts and the answers."""
    return {
        "model": turn.model,
        "judge": judging_policy(desk, turn, turn.policy),
        "constitution": desk.constitution.digest,
        "prompts": turn.outputs["prompts"],
        "generate": turn.outputs["generate"],
    }


def judging_policy(desk: Desk, turn: Turn, answering: str) -> str:
    """Whose weights judge the answers of the policy `answering`: this turn's, or the candidate that follows it."""
    before = turn.policy_before if answering == turn.policy else turn.policy
    named = {"self": answering, "previous": before, "seed": turn.seed_policy}
    name = desk.config.judge.adapter
    if name in named:
        return named[name]
    policy = resolve(desk.store, name).iteration.policy
    if policy != desk.base.digest and desk.store.adapter(policy).base != desk.base.digest:
        raise ConfigError(
            f"judge.adapter={name} is an adapter of another base model than model.base={desk.config.model.base}"
        )
    return policy


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """One judgment for each answer."""
    prompts = {prompt.digest: prompt for prompt in desk.store.all_rows("prompts", turn.done["prompts"])}
    candidates = [
        Candidate(prompts[response.prompt].messages, response.text, response.digest)
        for response in desk.store.all_rows("responses", turn.done["generate"])
    ]
    policy = judging_policy(desk, turn, turn.policy)
    shards = desk.shards(
        f"{desk.run}@{turn.index}/judge",
        key,
        "judgments",
        candidates,
        lambda part: judge_answers(desk, policy, part, turn.index),
        requests_per_answer(desk),
    )
    metrics = judgment_metrics(desk.store.rows_of("judgments", shards), "judge/train_")
    return Output("judge", {"judgments": shards}, {"judge": policy, "metrics": metrics})


def judgment_metrics(judgments: list[Judgment], prefix: str) -> dict[str, float | None]:
    """Mean and spread of the scores, and the share without one (by reason too)."""
    scores = [judgment.score for judgment in judgments if judgment.score is not None]
    reasons = Counter(judgment.unscored for judgment in judgments if judgment.unscored is not None)
    return {
        f"{prefix}score_mean": statistics.fmean(scores) if scores else None,
        f"{prefix}score_sd": statistics.pstdev(scores) if scores else None,
        f"{prefix}score_se": statistics.pstdev(scores) / len(scores) ** 0.5 if scores else None,
        f"{prefix}unscored_frac": 1 - len(scores) / len(judgments),
        **{
            f"{prefix}unscored/{reason.replace(' ', '_')}_frac": n / len(judgments)
            for reason, n in sorted(reasons.items())
        },
    }
