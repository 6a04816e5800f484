"""Step `generate`: the policy writes several answers to each prompt."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product

from loop.desk import Desk
from loop.engine.protocol import Write
from loop.steps.past import earlier
from loop.steps.turn import Turn
from runs.canonical import digest, seed_of
from runs.output import Output
from runs.records import Prompt, Response, Sampling

MADE_OF = ("generate", "pair")
"""The steps of an iteration that say which answers won."""
VERSION = 1
"""Of how answers are written: raised with any change after which the same request would have another answer."""


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, the policy that answers, the prompts, and whose older answers stand beside the new ones."""
    asked = {"model": turn.model, "policy": turn.policy, "prompts": turn.outputs["prompts"]}
    if _anchored(desk, turn):
        asked["seed"] = turn.seed_policy
    if desk.config.generate.past_winners:
        asked["past"] = digest([[one.outputs[step] for step in MADE_OF] for one in earlier(desk, turn, MADE_OF)])
    return asked


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """`generate.samples` answers to each prompt, and the older ones that are wanted; `seed_shards` are the seed's."""
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
    values: dict[str, object] = {"metrics": metrics}
    if _anchored(desk, turn):
        values["seed_shards"] = seeds = _of_the_seed(desk, turn, prompts, sampling)
        shards += seeds
        metrics["signal/seed_responses"] = settings.seed_samples * len(prompts)
    if settings.past_winners:
        winners = _past_winners(desk, turn, prompts)
        shards += (desk.store.put_rows("responses", winners),)
        metrics["signal/past_winners"] = len(winners)
    return Output("generate", {"responses": shards}, values)


def _anchored(desk: Desk, turn: Turn) -> bool:
    return desk.config.generate.seed_samples > 0 and turn.policy != turn.seed_policy


def _of_the_seed(desk: Desk, turn: Turn, prompts: Sequence[Prompt], sampling: Sampling) -> tuple[str, ...]:
    wanted = [
        (prompt, seed_of(desk.config.seed, turn.index, "generate", "seed", prompt.digest, k))
        for prompt, k in product(prompts, range(desk.config.generate.seed_samples))
    ]
    return answer_shards(desk, f"{desk.run}@{turn.index}/generate", turn.seed_policy, wanted, sampling)


def _past_winners(desk: Desk, turn: Turn, prompts: Sequence[Prompt]) -> list[Response]:
    """Of each prompt that was asked before, what was chosen for it last, in the order of `prompts`."""
    won: dict[str, Response] = {}
    for one in earlier(desk, turn, MADE_OF):
        generated, paired = (desk.store.output(one.outputs[step]) for step in MADE_OF)
        answers = {answer.digest: answer for answer in desk.store.all_rows("responses", generated)}
        for pair in desk.store.all_rows("pairs", paired):
            if pair.chosen in answers:  # and no demonstration
                won[pair.prompt] = answers[pair.chosen]
    return [won[prompt.digest] for prompt in prompts if prompt.digest in won]


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
