"""A loop judged by gold: the ceiling that self-judged loops are held against. It exists only here."""

from dataclasses import replace

from loop.desk import Desk
from loop.gold import SCORER, gold_judgment
from loop.pipeline import JUDGE, Step, steps_of
from loop.steps.judge import judgment_metrics
from loop.steps.turn import Turn
from microworld.gold import score
from runs.output import Output


def gold_judged_steps(index: int) -> tuple[Step, ...]:
    """The loop's steps, with the judge replaced by the truth."""
    by_gold = replace(JUDGE, sections=(), inputs=_inputs, run=_run)
    return tuple(by_gold if step.name == "judge" else step for step in steps_of(index))


def _inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    return {"judge": SCORER, "prompts": turn.outputs["prompts"], "generate": turn.outputs["generate"]}


def _run(desk: Desk, turn: Turn, key: str) -> Output:
    prompts = {prompt.digest: prompt for prompt in desk.store.all_rows("prompts", turn.done["prompts"])}
    responses = desk.store.all_rows("responses", turn.done["generate"])
    judgments = [gold_judgment(r, score(prompts[r.prompt].messages, r.text)) for r in responses]
    shards = (desk.store.put_rows("judgments", judgments),)
    return Output("judge", {"judgments": shards}, {"metrics": judgment_metrics(judgments, "judge/train_")})
