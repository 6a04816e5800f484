"""Step `generate`: the policy writes several answers to each prompt."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product

from loop.desk import Desk
from loop.engine.protocol import Write
from loop.steps.turn import Turn
from runs.canonical import seed_of
from runs.output import Output
from runs.records import Prompt, Response, Sampling

VERSION = 1
"""Of how answers are written: raised with any change after which the same request would have another answer."""


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, the policy that answers, and the prompts."""
    return {"model": turn.model, "policy": turn.policy, "prompts": turn.outputs["prompts"]}


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """`generate.samples` answers to each prompt."""
    settings = desk.config.generate
    sampling = Sampling(settings.temperature, settings.top_p, settings.max_tokens)
    prompts = desk.store.all_rows("prompts", turn.done["prompts"])
    wanted = [
        (prompt, seed_of(desk.config.seed, turn.index, "generate", prompt.digest, k))
        for prompt, k in product(prompts, range(settings.samples))
    ]
    shards = desk.shards(
        f"{desk.run}@{turn.index}/generate",
        key,
        "responses",
        wanted,
        lambda part: write_answers(desk, turn.policy, part, sampling),
    )
    rows = desk.store.table("responses", shards)
    lengths = [len(ids) for ids in rows["token_ids"].to_pylist()]
    metrics = {
        "signal/responses": len(lengths),
        "signal/response_length_mean_tokens": sum(lengths) / len(lengths),
        "signal/response_truncated_frac": rows["stop"].to_pylist().count("length") / len(lengths),
    }
    return Output("generate", {"responses": shards}, {"metrics": metrics})


def answer_shards(
    desk: Desk, address: str, policy: str, wanted: Sequence[tuple[Prompt, int]], sampling: Sampling
) -> tuple[str, ...]:
    """The shards of the policy's answer to each (prompt, seed), recalled wherever it was asked the same before."""
    asked = {"written": VERSION, "sampling": asdict(sampling), **desk.maker(policy)}
    return desk.shards(address, asked, "responses", wanted, lambda part: write_answers(desk, policy, part, sampling))


def write_answers(desk: Desk, policy: str, wanted: Sequence[tuple[Prompt, int]], sampling: Sampling) -> list[Response]:
    """The policy's answer to each (prompt, seed), in one engine call."""
    requests = [Write(prompt.messages, policy, sampling, seed) for prompt, seed in wanted]
    written = desk.engine(policy).run(requests)
    desk.limits.tokens += sum(len(answer.token_ids) for answer in written)
    return [
        Response(
            prompt.digest,
            policy,
            desk.by(policy),
            sampling,
            seed,
            answer.text,
            answer.token_ids,
            answer.logprobs,
            answer.stop,
        )
        for (prompt, seed), answer in zip(wanted, written, strict=True)
    ]
