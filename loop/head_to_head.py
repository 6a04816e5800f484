"""What one judge says of what policies answered to the same held-out prompts: of two answers, and of each alone.

Of two, the judge sees the texts and no author, in both orders, and every principle of the constitution has a vote. Of
one it is asked for a score, by the constitution's question about an answer as a whole.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from judges.dialogue import Judge
from judges.expected import Expected
from loop.configured_judge import configured_judge
from loop.evaluating import Table
from loop.panel import decisive, judged_by
from loop.steps.probes import own_cases
from runs.records import Judgment, Prompt, Response, Unscored


def preferences(
    table: Table, address: str, prompts: Sequence[Prompt], mine: Sequence[Response], theirs: Sequence[Response]
) -> dict[str, float]:
    """By prompt, how probably the first of two answers is better; a half where both say the same, or tie.

    A prompt without a verdict is left out.
    """
    desk = table.desk
    judge = configured_judge(desk.config.judge, desk.constitution, desk.judge_tokens)
    cases = own_cases(judge, desk.config.seed, {one.digest: one for one in prompts}, mine, theirs)
    asked = [one for one in cases if one is not None]
    shards = judged_by(desk, address, judge, table.who, asked)
    verdicts = {one.judged: one for one in decisive(desk.store.rows_of("judgments", shards))}
    chances = [0.5 if one is None else _chance(verdicts[one.judged[0]]) for one in cases]
    return {prompt.digest: chance for prompt, chance in zip(prompts, chances, strict=True) if chance is not None}


def scores(table: Table, address: str, prompts: Sequence[Prompt], answers: Sequence[Response]) -> dict[str, float]:
    """By answer, its expected score on the constitution's scale; nothing where the constitution asks for none."""
    constitution, least = table.desk.constitution, table.desk.config.judge.min_mass
    if Expected.method not in constitution.questions:
        return {}
    verdicts = verdicts_of(table, address, prompts, answers, Expected(constitution, least), {"min_mass": least})
    return {digest: one.score for digest, one in verdicts.items() if one.score is not None}


def verdicts_of(
    table: Table,
    address: str,
    prompts: Sequence[Prompt],
    answers: Sequence[Response],
    judge: Judge,
    way: Mapping[str, Any],
) -> dict[str, Judgment]:
    """By answer, what this judge of single answers says; `way` is what tells it from others of its method."""
    cases = own_cases(judge, table.desk.config.seed, {one.digest: one for one in prompts}, answers, ())
    asked = [one for one in cases if one is not None]
    shards = judged_by(table.desk, address, judge, table.who, asked, {"method": judge.method, **way})
    return {one.judged[0]: one for one in decisive(table.desk.store.rows_of("judgments", shards))}


def _chance(verdict: Judgment) -> float | None:
    return 0.5 if verdict.unscored is Unscored.TIE else verdict.score
