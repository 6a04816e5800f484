"""What the policy has to do in a run, by kind of work: answers, revisions, new prompts, and answers that it only reads.

Every count is the most that it can be.
"""

from dataclasses import dataclass
from math import comb
from statistics import fmean

from constitutions.exemplars import Revising, revising_question
from constitutions.load import Constitution, find_constitution
from constitutions.principle import in_scope
from judges.dialogue import Item
from loop.anchors import anchor_pairs, decided_pairs
from loop.base import find_base
from loop.config import Config
from loop.configured_judge import configured_judge
from loop.mixing import draw
from loop.sources import prompt_source
from loop.steps.prompts import held_back
from loop.token_count import counter
from runs.canonical import seed_of

SAMPLE = 32


@dataclass(frozen=True)
class Share:
    """What one who writes or judges has to do in the whole run. `usd` is None for a model of one's own."""

    work: str
    requests: int
    prompt_tokens: int
    reply_tokens: int
    usd: float | None = None

    def __add__(self, more: "Share") -> "Share":
        usd = None if self.usd is None and more.usd is None else (self.usd or 0.0) + (more.usd or 0.0)
        tokens = self.prompt_tokens + more.prompt_tokens, self.reply_tokens + more.reply_tokens
        return Share(self.work, self.requests + more.requests, *tokens, usd)


def written_a_prompt(config: Config, index: int) -> int:
    """How many answers to each prompt iteration `index` writes: the seed's beside its own, once they are two."""
    return config.generate.samples + (config.generate.seed_samples if index > 1 else 0)


def answers_a_prompt(config: Config, index: int) -> int:
    """How many answers to each prompt iteration `index` has: with what was chosen for it before."""
    return written_a_prompt(config, index) + int(config.generate.past_winners and index > 1)


def answering(config: Config, candidates: int, measured: int) -> Share:
    """Answers to be learnt from and answers that are measured."""
    length = _request_length(config)
    return Share(
        "the policy: answers",
        candidates + measured,
        round((candidates + measured) * length),
        candidates * config.generate.max_tokens + measured * config.measure.max_tokens,
    )


@dataclass(frozen=True)
class OfDrift:
    """What the step `drift` takes of each policy: answers, and readings of the seed policy's and of labelled ones.

    `judged` are the answers of a policy that the seed's judge judges beside its own.
    """

    answers: int = 0
    of_seed_read: int = 0
    labelled_read: int = 0
    judged: int = 0


def of_drift(config: Config) -> OfDrift:
    """By the groups that are on."""
    settings, measured = config.drift, config.measure
    answers = read = labelled = 0
    if settings.policy:
        read = min(settings.items, measured.prompts)
        answers = read * (settings.samples - 1)
    if settings.signal:
        decided = decided_pairs(anchor_pairs(measured.anchors, measured.anchor_count))
        labelled = 2 * len(decided[: settings.items])
    return OfDrift(answers, read, labelled, measured.prompts if settings.judge else 0)


def revised(config: Config, index: int) -> int:
    """How many answers of iteration `index` are to be revised: to prompts of `revise.tags`, where these are known."""
    settings, tags = config.prompts, config.revise.tags
    answers = answers_a_prompt(config, index)
    if not tags or settings.self_made_frac or settings.red_team_frac or config.pair.source == "demonstrations":
        return settings.count * answers
    drawn = draw(settings, index, seed_of(config.seed, "prompts"), held_back(config))
    return answers * sum(in_scope(tags, prompt.tags) for part in drawn for prompt in part.prompts)


def revising(config: Config, revisions: int) -> Share:
    """Every pass over every answer, with the longest answers; the words of the principle are not counted."""
    settings, constitution = config.revise, find_constitution(config.constitution)
    count = counter(find_base(config.model).folder)
    length = _request_length(config)
    answer = length + max(config.generate.max_tokens, settings.max_tokens)
    steps = [
        (_asked(constitution, "revision" if settings.critique else "direct_revision"), answer, settings.max_tokens)
    ]
    if settings.critique:
        steps = [
            (_asked(constitution, "critique"), answer, settings.critique_tokens),
            (steps[0][0], answer + settings.critique_tokens, settings.max_tokens),
        ]
    if settings.accept_score is not None:
        steps.append((constitution.question("expected"), answer, 1))
    return Share(
        "the policy: critiques and revisions",
        revisions * len(steps),
        round(revisions * sum(count(question) + shown for question, shown, _ in steps)),
        revisions * sum(written for _, _, written in steps),
    )


def _asked(constitution: Constitution, method: Revising) -> str:
    """The question as it stands, with the exemplars ahead of it."""
    return revising_question(constitution, method, "{principle}", "{request}", "{response}", "{critique}")


def new_prompts(config: Config) -> int:
    """How many requests for new prompts an iteration makes, where none of the replies will do."""
    settings = config.prompts
    frac = (settings.self_made_frac, settings.red_team_frac)
    return settings.attempts * sum(max(1, round(settings.count * one)) for one in frac if one)


def red_teamed(config: Config) -> int:
    """Those of `new_prompts` that the policy answers, and is judged for."""
    settings = config.prompts
    return settings.attempts * max(1, round(settings.count * settings.red_team_frac)) if settings.red_team_frac else 0


def prompting(config: Config, requests: int) -> Share:
    """Requests for new prompts, with examples that are as long as prompts are; and the question around them."""
    settings = config.prompts
    count = counter(find_base(config.model).folder)
    shown = settings.examples * _request_length(config) + count(
        find_constitution(config.constitution).question("new_prompt")
    )
    return Share("the policy: new prompts", requests, round(requests * shown), requests * settings.max_tokens)


def judging_judgments(config: Config, prompts: int) -> Share:
    """Every two judgments of one answer to each prompt, in both orders, as long as they may get."""
    count = counter(find_base(config.model).folder)
    asked = count(find_constitution(config.constitution).question("meta"))
    shown = asked + _request_length(config) + config.generate.max_tokens + 2 * config.judge.max_tokens
    requests = prompts * 2 * comb(config.judge.replies, 2)
    return Share("the policy: verdicts on judgments", requests, round(requests * shown), requests)


def reading(config: Config, answers: int) -> Share:
    """Answers of which only the likelihood is wanted: nothing is written."""
    return Share(
        "the policy: answers read", answers, round(answers * (_request_length(config) + config.measure.max_tokens)), 0
    )


def gold(config: Config, answers: int) -> Share:
    """The answers that the microworld's scorer sees."""
    return Share(
        "the policy: answers for gold",
        answers,
        round(answers * _request_length(config)),
        answers * config.gold.max_tokens,
    )


def _request_length(config: Config) -> float:
    count = counter(find_base(config.model).folder)
    return fmean(sum(count(message.content) for message in item.messages) for item in items(config))


def items(config: Config) -> list[Item]:
    """Some training prompts with answers that say nothing yet."""
    judge = configured_judge(config.judge, find_constitution(config.constitution))
    seed = seed_of(config.seed, "prompts")
    drawn = prompt_source(config.prompts.source).train(min(SAMPLE, config.prompts.count), 1, seed)
    return [Item(prompt.messages, ("",) * judge.compares, prompt.tags, n) for n, prompt in enumerate(drawn)]
