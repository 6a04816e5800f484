"""Putting cases to the judge: a pure judge asks and reads, the engine answers, and every verdict is a `Judgment`."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from judges import dialogue
from judges.dialogue import Chances, Item, Judge, Likelihood, Question, Replied, Round, Text, Verdict
from judges.verifier import Verifier
from loop.desk import Desk
from loop.endpoint_replies import Kept
from loop.engine.protocol import Choose, Score, Write
from loop.familiar import bounds, within_bounds
from loop.preference_models import maker, models_of, rewards
from runs.canonical import seed_of
from runs.errors import ConfigError
from runs.records import By, Judgment, Message, Sampling, Target, Unscored

VERSION = 1
"""Of what makes verdicts: raised with any change after which the same question would have another verdict."""
MAX_ROUNDS = 16
"""More than any judge asks; one that has not come to an end by then never will."""

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")
Answer = Callable[[Sequence[tuple[Question, int]]], list[Replied]]
"""Whoever replies to questions, each with the seed that its reply is to be drawn with."""


@dataclass(frozen=True)
class Case:
    """What is to be judged, and whose it is.

    `judged` are the digests of the rows that hold it, once for each time that the same was said: (answer,), or
    (first, second) of a pair. However often that is, it is judged once.
    """

    item: Item
    target: Target
    judged: tuple[tuple[str, ...], ...]


def case(
    seed: int, target: Target, messages: tuple[Message, ...], texts: tuple[str, ...], tags: dict[str, str],
    *judged: tuple[str, ...],
) -> Case:  # fmt: skip
    """The case of `texts` said after `messages`. What is drawn by lot for it is decided by the run's `seed` and by it.

    By nothing else: the same text has the same luck in every iteration, so that verdicts differ only where judges do.
    """
    spoken = [part for message in messages for part in (message.role, message.content)]
    luck, of_prompt = seed_of(seed, "judge", *spoken, *texts), seed_of(seed, "judge's own answer", *spoken)
    return Case(Item(messages, texts, tags, luck, of_prompt), target, judged)


def judged_shards(
    desk: Desk,
    address: str,
    judge: Judge,
    policy: str,
    cases: Sequence[Case],
    way: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """The shards that hold the verdicts of `policy` on the cases: one on each different case, for each row of it.

    They are recalled wherever this judge was asked about the same cases before, in this way and by the same words.
    `way` tells `judge` from every other one; None where it is the one that the configuration asks for.
    """
    way = desk.config.judge.way() if way is None else way
    asked = {
        "judged": VERSION,
        "way": way,
        "constitution": desk.constitution.digest,
        **bounds(desk, way),
        **({"warp": desk.warp.name} if desk.warp and desk.warp.touches(policy) else {}),
        **(maker(desk, policy) if models_of(desk, policy) else desk.maker(policy)),
    }
    different = once(cases)
    bounded = within_bounds(desk, judge, way, [one.item for one in different])

    def work(part: Sequence[Case]) -> list[Judgment]:
        return judge_cases(desk, bounded, policy, part)

    return desk.shards(address, asked, "judgments", different, work, questions_per_case(judge, different))


def once(cases: Sequence[Case]) -> list[Case]:
    """Each different case once, in the order of the first of each, with all the rows that hold it."""
    held: dict[Any, tuple[Case, dict[tuple[str, ...], None]]] = {}
    for one in cases:
        item = one.item
        said = (one.target, item.messages, item.texts, item.seed, tuple(sorted(item.tags.items())))
        _, judged = held.setdefault(said, (one, {}))
        judged |= dict.fromkeys(one.judged)
    return [replace(one, judged=tuple(judged)) for one, judged in held.values()]


def judge_cases(desk: Desk, judge: Judge, policy: str, cases: Sequence[Case]) -> list[Judgment]:
    """The verdicts of `policy` on the cases, in their order; of a case held by several rows, one for each of them."""
    found = verdicts(judge, [one.item for one in cases], lambda asked: answers(desk, policy, asked))
    if (warp := desk.warp) and warp.touches(policy):
        scale = desk.constitution.scale
        found = [warp.verdict(one.item, verdict, scale) for one, verdict in zip(cases, found, strict=True)]
    made = partial(
        Judgment,
        adapter=policy,
        by=_kind(desk, judge, policy),
        method=judge.method,
        constitution=desk.constitution.digest,
    )
    return [
        _judgment(made, one, judged, verdict)
        for one, verdict in zip(cases, found, strict=True)
        for judged in one.judged
    ]


def verdicts(judge: Judge, items: Sequence[Item], answer: Answer) -> list[Verdict]:
    """The judge's verdict on each item, all dialogues held side by side: one call of `answer` for each round."""
    rounds: list[list[Round]] = [[] for _ in items]
    open_ones = list(range(len(items)))
    for number in range(MAX_ROUNDS):
        asked = {n: judge.ask(items[n], rounds[n]) for n in open_ones}
        open_ones = [n for n in open_ones if asked[n]]
        if not open_ones:
            return [judge.read(item, own) for item, own in zip(items, rounds, strict=True)]
        questions = [
            (question, _luck(items[n], number, question) if isinstance(question, dialogue.Write) else 0)
            for n in open_ones
            for question in asked[n]
        ]
        replies = iter(each_once(questions, answer))
        for n in open_ones:
            rounds[n].append(tuple(next(replies) for _ in asked[n]))
    raise RuntimeError(f"the judge {judge.method} still asks after {MAX_ROUNDS} rounds")


def _luck(item: Item, number: int, question: dialogue.Write) -> int:
    return seed_of(item.prompt_seed if question.of_prompt else item.seed, number, question.sample)


def each_once(asked: Sequence[Asked], answer: Callable[[Sequence[Asked]], list[Answered]]) -> list[Answered]:
    """The answers to `asked` in their order, where each different one is asked once."""
    distinct = list(dict.fromkeys(asked))
    answers = dict(zip(distinct, answer(distinct), strict=True))
    return [answers[one] for one in asked]


def answers(desk: Desk, policy: str, asked: Sequence[tuple[Question, int]]) -> list[Replied]:
    """The replies of `policy`, which is an endpoint or has an engine to answer for it.

    Raises ConfigError where an endpoint would have to say how likely a given answer is.
    """
    settings = desk.config.judge
    if models := models_of(desk, policy):
        return list(rewards(desk, models, _of_models(asked)))
    sampling = Sampling(settings.temperature, settings.top_p, settings.max_tokens)
    if desk.endpoint is not None and desk.by(policy) == "endpoint":
        kept = Kept(desk.unfinished) if desk.unfinished else None
        return list(desk.endpoint.answers(_sayable(asked), sampling, desk.limits, kept))
    return engine_answers(desk, policy, asked, sampling)


def engine_answers(desk: Desk, policy: str, asked: Sequence[tuple[Question, int]], sampling: Sampling) -> list[Replied]:
    """The replies of `policy` on its engine: one call for what is to be written, one for what is to be chosen, and one
    for what each policy that is asked for likelihoods is to read."""
    replies: dict[int, Replied] = {}
    writes = [
        (n, Write(question.messages, policy, sampling, seed, question.opening))
        for n, (question, seed) in enumerate(asked)
        if isinstance(question, dialogue.Write)
    ]
    choices = [
        (n, Choose(question.messages, policy, question.labels, question.opening))
        for n, (question, _) in enumerate(asked)
        if isinstance(question, dialogue.Choose)
    ]
    if writes:
        written = desk.engine(policy).run([request for _, request in writes])
        desk.limits.tokens += sum(len(one.token_ids) for one in written)
        replies |= {n: Text(one.text, one.stop == "end") for (n, _), one in zip(writes, written, strict=True)}
    if choices:
        chosen = desk.engine(policy).run([request for _, request in choices])
        replies |= {n: Chances(one.logprobs) for (n, _), one in zip(choices, chosen, strict=True)}
    given = [
        (n, Score(question.messages, question.policy or policy, question.text))
        for n, (question, _) in enumerate(asked)
        if isinstance(question, dialogue.Likely)
    ]
    for reader in dict.fromkeys(request.policy for _, request in given):
        of_it = [(n, request) for n, request in given if request.policy == reader]
        scored = desk.engine(reader).run([request for _, request in of_it])
        replies |= {
            n: Likelihood(math.fsum(one.logprobs), len(one.logprobs)) for (n, _), one in zip(of_it, scored, strict=True)
        }
    return [replies[n] for n in range(len(asked))]


def _of_models(asked: Sequence[tuple[Question, int]]) -> list[dialogue.Reward]:
    """What a preference model can be asked."""
    questions = [question for question, _ in asked if isinstance(question, dialogue.Reward)]
    if len(questions) < len(asked):
        raise ConfigError("a preference model only gives rewards to answers: it neither writes nor chooses")
    return questions


def _sayable(asked: Sequence[tuple[Question, int]]) -> list[tuple[dialogue.Write | dialogue.Choose, int]]:
    """What an endpoint can be asked."""
    sayable = []
    for question, seed in asked:
        if isinstance(question, dialogue.Likely | dialogue.Reward):
            raise ConfigError("no endpoint says how likely or how good a given answer is; ask a model that is here")
        sayable.append((question, seed))
    return sayable


def questions_per_case(judge: Judge, cases: Sequence[Case]) -> int:
    """How many questions a verdict takes to begin with: as many as the first case does."""
    return max(1, len(judge.ask(cases[0].item, []))) if cases else 1


def _kind(desk: Desk, judge: Judge, policy: str) -> By:
    if judge.method == Verifier.method:
        return "verifier"
    return "preference_model" if models_of(desk, policy) else desk.by(policy)


def _judgment(made: Callable[..., Judgment], judged_case: Case, judged: tuple[str, ...], verdict: Verdict) -> Judgment:
    unscored = verdict.score if isinstance(verdict.score, Unscored) else None
    return made(
        target=judged_case.target,
        judged=judged,
        principles=verdict.principles,
        replies=verdict.replies,
        score=None if isinstance(verdict.score, Unscored) else verdict.score,
        unscored=unscored,
        probability=verdict.probability,
        seed=judged_case.item.seed,
    )
