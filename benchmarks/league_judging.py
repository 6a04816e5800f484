"""Putting the league's pairs to a judge as a run would: what it decides, what that costs, and whether places matter."""

import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Literal
from unittest.mock import patch

from benchmarks.league_items import Answered
from benchmarks.league_judges import asks_one_order
from judges.dialogue import Judge, Question
from loop import judging
from loop.desk import Desk
from loop.judging import Case, case, judge_cases, questions_per_case
from loop.panel import Bench, together
from loop.steps.votes import order_chance
from runs.records import Judgment


def costed(
    desks: Sequence[Desk], judge: Judge, pairs: Sequence[Answered], seed: int
) -> tuple[dict[str, Any], list[list[Judgment]]]:
    """What judging all pairs took, requests and tokens of all who judge; and the judgments of each pair."""
    asked = 0
    answer = judging.engine_answers

    def counted(desk: Desk, policy: str, questions: Sequence[tuple[Question, int]], sampling: Any) -> Any:
        nonlocal asked
        asked += len(questions)
        return answer(desk, policy, questions, sampling)

    before = [desk.engine(desk.base.digest).used for desk in desks]
    began = time.perf_counter()
    with patch("loop.judging.engine_answers", counted):
        of_members = [judged(desk, judge, cases_of(judge, pairs, seed)) for desk in desks]
    seconds = time.perf_counter() - began
    used = [desk.engine(desk.base.digest).used - was for desk, was in zip(desks, before, strict=True)]
    who = Bench(tuple(desk.base.digest for desk in desks), "mean")
    flat = of_members[0] if len(desks) == 1 else [together(own, who) for own in zip(*of_members, strict=True)]
    answers = 2 if judge.compares == 1 else 1
    return {
        "requests": asked,
        "prompt_tokens": sum(one.prompt_tokens for one in used),
        "reply_tokens": sum(one.reply_tokens for one in used),
        "judging_s": round(seconds, 3),
    }, [flat[n : n + answers] for n in range(0, len(flat), answers)]


def cases_of(judge: Judge, pairs: Sequence[Answered], seed: int, exchanged: bool = False) -> list[Case]:
    """What the judge is put: both answers of a pair, one after the other or at once, or all that were sampled."""
    cases = []
    for pair in pairs:
        prompt = pair.prompt
        if judge.compares == 1:
            both: list[tuple[str, ...]] = [(text,) for text in pair.texts[:2]]
        else:
            texts = pair.texts[: judge.compares]
            both = [texts[::-1] if exchanged else texts]
        cases += [
            case(seed, "response" if judge.compares == 1 else "pair", prompt.messages, texts, prompt.tags, texts)
            for texts in both
        ]
    return cases


def judged(desk: Desk, judge: Judge, cases: Sequence[Case]) -> list[Judgment]:
    """The judgments in the order of the cases, shard by shard as in a run."""
    size = max(1, desk.config.engine.shard_requests // questions_per_case(judge, cases))
    shards = [cases[start : start + size] for start in range(0, len(cases), size)]
    return [one for shard in shards for one in judge_cases(desk, judge, desk.base.digest, shard)]


def chance(judgments: Sequence[Judgment]) -> float | None:
    """How probably the first answer is better: by two scores 1, 0 or, where they tie, 0.5. None for no verdict."""
    scores = [judgment.score for judgment in judgments]
    if len(scores) == 1:
        return scores[0]
    a, b = scores
    return None if a is None or b is None else 0.5 if a == b else float(a > b)


def consistency(
    desk: Desk, judge: Judge, pairs: Sequence[Answered], judgments: Sequence[Sequence[Judgment]], seed: int
) -> dict[str, Any]:
    """Of the pairs that are decided in either order: in how many both prefer the same answer. Nothing where none is.

    A judge that asks in one order only is asked again in the other one, which its cost does not count.
    """
    if judge.compares != 2:
        return {}
    if asks_one_order(judge):
        again = judged(desk, judge, cases_of(judge, pairs, seed, exchanged=True))
        orders = [
            (own[0].score, None if other.score is None else 1 - other.score)
            for own, other in zip(judgments, again, strict=True)
        ]
    else:
        orders = [(_read(own[0], "ab"), _read(own[0], "ba")) for own in judgments]
    both = [(ab, ba) for ab, ba in orders if ab is not None and ba is not None and ab != 0.5 and ba != 0.5]
    same = sum((ab > 0.5) == (ba > 0.5) for ab, ba in both)
    return {"both_orders": len(both), "same_in_both": same} if both else {}


def _read(judgment: Judgment, order: Literal["ab", "ba"]) -> float | None:
    read = order_chance(judgment, order)
    return read if isinstance(read, float) else None


def best_rank(pairs: Sequence[Answered], judgments: Sequence[Sequence[Judgment]], method: str) -> dict[str, float]:
    """The mean rank by gold (1 is best, equals share theirs) of the answer of four that a tournament finds best."""
    if method != "tournament":
        return {}
    ranks = []
    for pair, (judgment,) in zip(pairs, judgments, strict=True):
        strongest = max(judgment.replies, key=lambda reply: reply.score or 0.0).text
        gold = pair.golds[pair.texts.index(strongest)]
        ranks.append(sum(one > gold for one in pair.golds) + (sum(one == gold for one in pair.golds) + 1) / 2)
    return {"best_rank": round(fmean(ranks), 4)}
