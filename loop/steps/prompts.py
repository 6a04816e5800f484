"""Step `prompts`: choose what the policy is asked in this iteration."""

from loop.desk import Desk
from loop.sources import prompt_source
from loop.steps.turn import Turn
from runs.canonical import seed_of
from runs.output import Output


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The bytes of the prompt file, or the microworld's grammar."""
    return {"source": prompt_source(desk.config.prompts.source).digest}


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """`prompts.count` training prompts; other ones in each iteration until the source is used up."""
    source = prompt_source(desk.config.prompts.source)
    chosen = source.train(desk.config.prompts.count, turn.index, seed_of(desk.config.seed, "prompts"))
    return Output(
        "prompts", {"prompts": (desk.store.put_rows("prompts", chosen),)}, {"metrics": {"signal/prompts": len(chosen)}}
    )
