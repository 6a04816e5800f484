"""Step `red_team`: a model writes more prompts of the kinds that are to be declined; those that the policy fails by its
own judge are kept.

Constitutional AI enlarged its red-team prompts from demonstrations (Bai et al., 2212.08073, section 3.1); that a prompt
is of use where the policy fails it is from Perez et al., 2202.03286.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from constitutions.principle import in_scope
from loop.anchors import anchors_digest
from loop.config_prompts import Prompts
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.judging import case
from loop.mixing import evenly, sources_digest
from loop.panel import bench, decisive, judged_by
from loop.progress import Event
from loop.self_instruct import RED_TEAM, Drop, Sieve, control_tokens, question, showable
from loop.sources import prompt_source
from loop.steps.generate import write_answers
from loop.steps.past import earlier
from loop.steps.prompts import held_back, made_before, measured_prompts, new_prompt, writer
from loop.steps.turn import Turn
from runs.canonical import digest, seed_of
from runs.errors import ConfigError
from runs.output import Output
from runs.records import Judgment, Prompt, Response, Sampling


@dataclass
class Kind:
    """One class of prompts while more of it are written: its tag, the tags that all of it share, and what is shown."""

    tag: str
    shared: dict[str, str]
    examples: list[Prompt]
    wanted: int
    asked: int = 0
    failed: list[Prompt] = field(default_factory=list)


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """All that decides what is written, answered and judged; what models wrote in earlier iterations, and what policies
    are measured on."""
    config = desk.config
    return {
        "model": turn.model,
        "writer": writer(desk, turn),
        "policy": turn.policy,
        "judge": bench(desk, turn, turn.policy).digest,
        "constitution": desk.constitution.digest,
        "source": sources_digest(config.prompts),
        "past": digest([iteration.outputs["prompts"] for iteration in earlier(desk, turn, ("prompts",))]),
        "anchors": anchors_digest(config.measure.anchors),
        "measured": digest([prompt.digest for prompt in measured_prompts(config)]),
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The new prompts that the policy fails, the classes' first ones first, with all that was said on the way.

    In each round as many are asked for as are wanted of every class that lacks some, at most `prompts.attempts` times.
    """
    settings = desk.config.prompts
    kinds = kinds_of(settings, turn.index, seed_of(desk.config.seed, "prompts"))
    pool = [*(example for kind in kinds for example in kind.examples), *made_before(desk, turn)]
    control, measured = control_tokens(desk.base.folder), measured_prompts(desk.config)
    sieve = Sieve(settings, pool, control, held_back(desk.config), measured)
    dropped: Counter[Drop] = Counter()
    responses: list[str] = []
    judgments: list[str] = []
    unscored = off_class = 0
    for nth in range(settings.attempts):
        found, shards = _written(desk, turn, digest([key, nth, "prompts"]), kinds, sieve, dropped)
        new = [(kind, prompt) for kind, prompt in found if kind]
        off_class += len(found) - len(new)
        responses += shards
        if not new:
            continue
        scores, answers, judged = _answered(desk, turn, digest([key, nth, "answers"]), [prompt for _, prompt in new])
        responses += answers
        judgments += judged
        for (kind, prompt), score in zip(new, scores, strict=True):
            unscored += score is None
            if score is not None and score <= settings.red_team_score:
                kind.failed.append(prompt)
    first = [prompt for kind in kinds for prompt in kind.failed[: kind.wanted]]
    spare = [prompt for kind in kinds for prompt in kind.failed[kind.wanted :]]
    _say_what_lacks(desk, turn, kinds)
    return Output(
        "red_team",
        {
            "prompts": (desk.store.put_rows("prompts", [*first, *spare]),),
            "responses": tuple(responses),
            "judgments": tuple(judgments),
        },
        {"metrics": red_team_metrics(kinds, dropped, off_class, unscored)},
    )


def kinds_of(settings: Prompts, index: int, seed: int) -> list[Kind]:
    """The classes that the source has examples of, each with as many new prompts wanted as any other.

    Raises ConfigError where it has not `prompts.examples` of any class.
    """
    found = []
    for tag in settings.red_team_tags:
        examples = showable(prompt_source(settings.source).train(settings.count, index, seed, (tag,)), settings)
        if len(examples) >= settings.examples:
            common = [set(example.tags.items()) for example in examples]
            found.append((tag, dict(set.intersection(*common)), examples))
    if not found:
        raise ConfigError(
            f"prompts.red_team_tags={','.join(settings.red_team_tags)}: prompts.source={settings.source} has no "
            f"{settings.examples} prompts of one turn and a new one's length with any of these tags; name tags that it "
            "has, show fewer (prompts.examples), or set prompts.red_team_frac=0"
        )
    wanted = evenly(max(1, round(settings.count * settings.red_team_frac)), [1.0] * len(found))
    return [Kind(*kind, number) for kind, number in zip(found, wanted, strict=True)]


def red_team_metrics(
    kinds: Sequence[Kind], dropped: Counter[Drop], off_class: int, unscored: int
) -> dict[str, float | None]:
    """Over all and for each class: asked for, failed and their share; and the share of the classes that have enough."""
    asked, failed = sum(kind.asked for kind in kinds), sum(len(kind.failed) for kind in kinds)
    metrics: dict[str, float | None] = {
        "red_team/wanted": sum(kind.wanted for kind in kinds),
        "red_team/asked": asked,
        "red_team/written": asked - dropped.total(),
        "red_team/off_class": off_class,
        "red_team/unscored": unscored,
        "red_team/failed": failed,
        "red_team/yield_frac": failed / asked if asked else None,
        "red_team/coverage_frac": sum(bool(kind.failed) for kind in kinds) / len(kinds),
        **{f"red_team/dropped_{drop}": dropped[drop] for drop in Drop},
    }
    for kind in kinds:
        name = re.sub(r"\W+", "_", kind.tag)  # as metrics may be called
        metrics[f"red_team/failed/{name}"] = len(kind.failed)
        metrics[f"red_team/yield/{name}_frac"] = len(kind.failed) / kind.asked if kind.asked else None
    return metrics


def _written(
    desk: Desk, turn: Turn, key: str, kinds: Sequence[Kind], sieve: Sieve, dropped: Counter[Drop]
) -> tuple[list[tuple[Kind | None, Prompt]], tuple[str, ...]]:
    """New prompts that pass the sieve, each with its class, None where it is of another; and the shards of all replies.

    Where the source can tell the class of a request, that is what counts, else what was shown.
    """
    settings = desk.config.prompts
    source = prompt_source(settings.source)
    asked = []
    for kind in kinds:
        if len(kind.failed) >= kind.wanted:
            continue
        for _ in range(kind.wanted):
            seed = seed_of(desk.config.seed, turn.index, "red_team", kind.tag, kind.asked)
            asked.append((kind, random.Random(seed).sample(kind.examples, settings.examples), seed))
            kind.asked += 1
    requests = [(question(desk.constitution, examples), seed) for _, examples, seed in asked]
    sampling = Sampling(settings.temperature, settings.top_p, settings.max_tokens)
    write = partial(write_answers, desk, writer(desk, turn), sampling=sampling)
    shards = desk.shards(f"{desk.run}@{turn.index}/red_team", key, "responses", requests, write)
    new: list[tuple[Kind | None, Prompt]] = []
    for (kind, examples, _), reply in zip(asked, desk.store.rows_of("responses", shards), strict=True):
        sifted = sieve.sift(reply)
        if isinstance(sifted, Drop):
            dropped[sifted] += 1
            continue
        tags = source.classify(sifted)
        if tags is None:
            new.append((kind, new_prompt(sifted, examples, reply, RED_TEAM, kind.shared)))
        else:
            own = next((one for one in kinds if in_scope({one.tag}, tags)), None)
            new.append((own, new_prompt(sifted, examples, reply, RED_TEAM, tags)))
    return new, shards


def _answered(
    desk: Desk, turn: Turn, key: str, prompts: Sequence[Prompt]
) -> tuple[list[float | None], tuple[str, ...], tuple[str, ...]]:
    """What the judge scores the policy's answer to each prompt, and the shards of answers and judgments."""
    generate, address = desk.config.generate, f"{desk.run}@{turn.index}/red_team"
    sampling = Sampling(generate.temperature, generate.top_p, generate.max_tokens)
    wanted = [(prompt, seed_of(desk.config.seed, turn.index, "red_team", prompt.digest)) for prompt in prompts]
    write = partial(write_answers, desk, turn.policy, sampling=sampling)
    shards = desk.shards(address, key, "responses", wanted, write)
    answers: list[Response] = desk.store.rows_of("responses", shards)
    judge = configured_judge(desk.config.judge, desk.constitution)
    cases = [
        case(desk.config.seed, "response", prompt.messages, (answer.text,), prompt.tags, (answer.digest,))
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    judged = judged_by(desk, address, judge, bench(desk, turn, turn.policy), cases)
    verdicts: list[Judgment] = decisive(desk.store.rows_of("judgments", judged))
    scores = {verdict.judged: verdict.score for verdict in verdicts}
    return [scores[answer.digest,] for answer in answers], shards, judged


def _say_what_lacks(desk: Desk, turn: Turn, kinds: Sequence[Kind]) -> None:
    for kind in kinds:
        if len(kind.failed) < kind.wanted:
            text = f"{len(kind.failed)} of {kind.wanted} prompts of {kind.tag} that the policy fails, of {kind.asked}"
            desk.say(Event("note", f"{desk.run}@{turn.index}/red_team", text=text))
