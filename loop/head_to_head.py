"""Blind comparisons of what policies answered to the same held-out prompts.

The judge sees two texts and no author, in both orders, and every principle of the constitution has a vote.
"""

from collections.abc import Sequence

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


def _chance(verdict: Judgment) -> float | None:
    return 0.5 if verdict.unscored is Unscored.TIE else verdict.score
