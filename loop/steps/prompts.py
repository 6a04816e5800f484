"""Step `prompts`: choose what the policy is asked in this iteration, and have a model write a share of it."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from loop.anchors import anchor_pairs, anchors_digest
from loop.config import Config
from loop.desk import Desk
from loop.mixing import account, draw, sources_digest
from loop.progress import Event
from loop.self_instruct import RED_TEAM, SOURCE, Drop, Sieve, control_tokens, demonstrations, question
from loop.sources import plain, prompt_source
from loop.steps.generate import write_answers
from loop.steps.given_pairs import demonstrated_prompts, pairs_path
from loop.steps.past import earlier
from loop.steps.turn import Turn
from runs.canonical import digest, digest_file, seed_of
from runs.output import Output
from runs.records import Message, Prompt, Response, Sampling


@dataclass(frozen=True)
class Made:
    """What a model wrote: the prompts that passed, the shards of all its replies, and how many there were."""

    prompts: tuple[Prompt, ...] = ()
    replies: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The bytes of the prompt file, or the microworld's grammar; and where a model writes prompts, all that decides it.

    That is the model, the weights that write, the question, the engine's shape, what models wrote in earlier iterations
    (no new one repeats it) and the labelled pairs (no new one is among them).
    """
    config = desk.config
    asked = {"source": sources_digest(config.prompts)}
    if config.pair.source == "demonstrations":
        asked["demonstrations"] = digest_file(pairs_path(desk))
    if config.prompts.mix:
        asked["anchors"] = anchors_digest(config.measure.anchors)
    if config.prompts.red_team_frac:
        asked["red_team"] = turn.outputs["red_team"]
    if not config.prompts.self_made_frac:
        return asked
    return asked | {
        "model": turn.model,
        "writer": writer(desk, turn),
        "question": digest(desk.constitution.question("new_prompt")),
        "engine": digest(config.engine.model_dump(mode="json")),
        "past": digest([iteration.outputs["prompts"] for iteration in earlier(desk, turn, ("prompts",))]),
        "anchors": anchors_digest(config.measure.anchors),
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """`prompts.count` training prompts; other ones in each iteration until the source is used up."""
    settings = desk.config.prompts
    if desk.config.pair.source == "demonstrations":
        chosen = demonstrated_prompts(desk, turn.index)
        shards = (desk.store.put_rows("prompts", chosen),)
        return Output("prompts", {"prompts": shards}, {"metrics": {"signal/prompts": len(chosen)}})
    holds_back = held_back(desk.config) if settings.mix else lambda text: False
    parts = draw(settings, turn.index, seed_of(desk.config.seed, "prompts"), holds_back)
    drawn = [prompt for part in parts for prompt in part.prompts]
    made = make_prompts(desk, turn, key, drawn) if settings.self_made_frac else Made()
    failed = failed_prompts(desk, turn) if settings.red_team_frac else []
    written = [*made.prompts, *failed][: settings.count]
    chosen = drawn
    if written:
        # Any of them: from a file that is gone through in one order, the first ones would be taken again and again.
        rng = random.Random(seed_of(desk.config.seed, turn.index, "prompts", "from the source"))
        kept = sorted(rng.sample(range(len(drawn)), min(len(drawn), settings.count - len(written))))
        chosen = [*written, *(drawn[n] for n in kept)]
    tables: dict[str, tuple[str, ...]] = {"prompts": (desk.store.put_rows("prompts", chosen),)}
    if settings.self_made_frac:
        tables["responses"] = made.replies
    metrics: dict[str, float | None] = {"signal/prompts": len(chosen), **made.metrics}
    values: dict[str, object] = {"metrics": metrics}
    if settings.mix:
        values["mix"] = account(parts, settings, chosen)
    if settings.red_team_frac:
        metrics["prompts/red_team"] = len(failed)
    return Output("prompts", tables, values)


def failed_prompts(desk: Desk, turn: Turn) -> list[Prompt]:
    """The model-written prompts that the policy fails: `prompts.red_team_frac` of `prompts.count`, or what there is."""
    settings = desk.config.prompts
    found: list[Prompt] = desk.store.all_rows("prompts", turn.done["red_team"])
    return found[: max(1, round(settings.count * settings.red_team_frac))]


def writer(desk: Desk, turn: Turn) -> str:
    """Whose weights write new prompts."""
    return turn.policy if desk.config.prompts.adapter == "self" else turn.seed_policy


def make_prompts(desk: Desk, turn: Turn, key: str, drawn: list[Prompt]) -> Made:
    """New prompts after the example of `drawn` ones: `prompts.self_made_frac` of `prompts.count`, or what was found.

    As many are asked for at a time as are wanted, until enough replies pass or `prompts.attempts` is reached.
    """
    settings, address = desk.config.prompts, f"{desk.run}@{turn.index}/prompts"
    wanted = max(1, round(settings.count * settings.self_made_frac))
    showable = demonstrations(drawn, settings)
    pool = [*drawn, *made_before(desk, turn)]
    if settings.red_team_frac:
        pool += desk.store.all_rows("prompts", turn.done["red_team"])
    sieve = Sieve(settings, pool, control_tokens(desk.base.folder), held_back(desk.config))
    sampling = Sampling(settings.temperature, settings.top_p, settings.max_tokens)
    write = partial(write_answers, desk, writer(desk, turn), sampling=sampling)
    passed: list[Prompt] = []
    replies: list[str] = []
    dropped: Counter[Drop] = Counter()
    asked = 0
    while len(passed) < wanted and asked < settings.attempts * wanted:
        seeds = [seed_of(desk.config.seed, turn.index, "prompts", asked + k) for k in range(wanted)]
        shown = [random.Random(seed).sample(showable, settings.examples) for seed in seeds]
        requests = [(question(desk.constitution, examples), seed) for examples, seed in zip(shown, seeds, strict=True)]
        shards = desk.shards(address, digest([key, asked]), "responses", requests, write)
        for examples, reply in zip(shown, desk.store.rows_of("responses", shards), strict=True):
            sifted = sieve.sift(reply)
            if isinstance(sifted, Drop):
                dropped[sifted] += 1
            else:
                passed.append(new_prompt(sifted, examples, reply, SOURCE, {}))
        replies += shards
        asked += wanted
    if len(passed) < wanted:
        lacking = f"{len(passed)} of {wanted} new prompts after {asked} requests; the source gives the rest"
        desk.say(Event("note", address, text=lacking))
    metrics = {
        "prompts/wanted": wanted,
        "prompts/asked": asked,
        "prompts/self_made": min(len(passed), wanted),
        "prompts/spare": max(len(passed) - wanted, 0),
        "prompts/yield_frac": len(passed) / asked,
        **{f"prompts/dropped_{drop}": dropped[drop] for drop in Drop},
    }
    return Made(tuple(passed[:wanted]), tuple(replies), metrics)


def new_prompt(text: str, examples: list[Prompt], reply: Response, source: str, tags: dict[str, str]) -> Prompt:
    """A new prompt that says where it comes from: the reply that it was, and what had been shown."""
    origin = {"reply": reply.digest, "examples": " ".join(example.digest for example in examples)}
    return Prompt((Message("user", text),), source, "train", tags | origin)


def made_before(desk: Desk, turn: Turn) -> list[Prompt]:
    """The prompts of earlier iterations that a model wrote."""
    outputs = [desk.store.output(iteration.outputs["prompts"]) for iteration in earlier(desk, turn, ("prompts",))]
    return [p for output in outputs for p in desk.store.all_rows("prompts", output) if p.source in (SOURCE, RED_TEAM)]


def held_back(config: Config) -> Callable[[str], bool]:
    """What says of a request whether it is kept for measuring: by its source, or because people labelled answers."""
    source = prompt_source(config.prompts.source)
    labelled = {plain(pair.messages[-1].content) for pair in anchor_pairs(config.measure.anchors)}
    return lambda text: plain(text) in labelled or source.holds_back(text)


def measured_prompts(config: Config) -> list[Prompt]:
    """The held-out prompts that every policy of the run is measured on: the same in all iterations."""
    seed = seed_of(config.seed, "held-out")
    return prompt_source(config.prompts.source).held_out(config.measure.prompts, seed)
