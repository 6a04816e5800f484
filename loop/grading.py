"""The grades of ranked answers: how probably each proposition holds of each, as a file states it or a judge says."""

from collections.abc import Mapping, Sequence
from typing import Any

from constitutions.load import Constitution
from judges.dialogue import Judge
from judges.propositions import Propositions
from judges.rule_weights import RankedAnswer
from loop.config import Config
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.drive import desk_of
from loop.judging import case
from loop.panel import bench, judged_by
from loop.preflight import check, check_judge
from loop.progress import Say
from loop.ranked_file import Ranked
from loop.steps.turn import Turn
from runs.errors import UsageError
from runs.records import Judgment
from runs.store import Store

Answers = list[RankedAnswer | None]
"""In the order of the ranked answers; None for one that has no grades."""


def as_stated(ranked: Sequence[Ranked], constitution: Constitution) -> Answers:
    """The answers with the grades that the file states."""
    return [_graded(constitution, one, one.grades or {}, 0.0) for one in ranked]


def as_judged(
    store: Store, address: str, config: Config, turn: Turn, ranked: Sequence[Ranked], rules: Propositions, say: Say
) -> Answers:
    """The answers with the grades that whoever judges at `address` gives, but for those that the file states.

    Where the judge adds rules to a score, that score is the base reward, in units of what is added
    `judge.rule_weight` times. Raises UsageError for a panel, ConfigError for what `check` refuses.
    """
    if config.judge.panel:
        raise UsageError(
            f"judge.panel={','.join(config.judge.panel)}: a panel has no grades of its own; have one of them grade, "
            "with judge.adapter=MEMBER judge.panel=null"
        )
    alone = config.judge.model_copy(update={"rule_weight": 0.0})
    grading = config.model_copy(update={"judge": alone.model_copy(update={"method": "propositions"})})
    for settings in (config, grading):
        check(settings)
    check_judge(grading, store)
    with store.lock(), desk_of(store, address.partition("@")[0], grading, say) as desk:
        desk.turn_to(turn.index)
        ungraded = [one for one in ranked if one.grades is None]
        said = _judged(desk, address, turn, ungraded, rules, grading.judge.way())
        scores: dict[str, float | None] = dict.fromkeys((one.name for one in ranked), 0.0)
        if config.judge.rule_weight:
            whole = _judged(desk, address, turn, ranked, configured_judge(alone, desk.constitution), alone.way())
            scores = {name: own.score and own.score / config.judge.rule_weight for name, own in whole.items()}
    grades = {
        name: {reply.principle: reply.score for reply in own.replies if reply.score is not None}
        for name, own in said.items()
    }
    return [
        _graded(rules.constitution, one, grades[one.name] if one.grades is None else one.grades, scores[one.name])
        for one in ranked
    ]


def _judged(
    desk: Desk, address: str, turn: Turn, ranked: Sequence[Ranked], judge: Judge, way: Mapping[str, Any]
) -> dict[str, Judgment]:
    """The judgment of each answer, by its name."""
    seed, who = desk.config.seed, bench(desk, turn, turn.candidate)
    cases = [case(seed, "response", one.prompt.messages, (one.text,), one.prompt.tags, (one.name,)) for one in ranked]
    shards = judged_by(desk, f"{address}/fit", judge, who, cases, way)
    judgments: list[Judgment] = desk.store.rows_of("judgments", shards)
    return {own.judged[0]: own for own in judgments}


def _graded(
    constitution: Constitution, one: Ranked, grades: Mapping[str, float], base: float | None
) -> RankedAnswer | None:
    if base is None or not constitution.propositions.keys() <= grades.keys():
        return None
    features = constitution.response_types[one.kind].features(grades)
    return RankedAnswer(one.prompt.digest, one.rank, features, base)
