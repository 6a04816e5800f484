"""What a run may cost before it begins: tokens, time and money, and what people would take for the same labels.

Every count is the most that it can be: answers and replies as long as they may get, no text judged twice saved, every
round that a judge may ask for, every attempt at a new prompt. What trainers do, and a chat template's own marks, are
not counted.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb, log
from statistics import fmean
from typing import Any

from constitutions.load import find_constitution
from judges.audit.insertions import ENGLISH, MICROWORLD
from judges.dialogue import (
    Chances,
    Choose,
    Item,
    Judge,
    Likelihood,
    Likely,
    Question,
    Replied,
    Reward,
    Rewarded,
    Round,
    Text,
    Write,
)
from loop.anchors import anchor_pairs
from loop.base import find_base, find_judge_base
from loop.config import Config
from loop.configured_judge import configured_judge
from loop.cost_policy import (
    Share,
    answering,
    counter,
    gold,
    items,
    judging_judgments,
    new_prompts,
    of_drift,
    prompting,
    reading,
    red_teamed,
    revising,
)
from loop.forecast import forecast
from loop.iterate import PlannedStep
from loop.steps.audit_cases import probed, turned, twin_cases
from loop.steps.capability import known_prompts
from loop.steps.probes import anchor_cases
from loop.terminal import table
from runs.records import Run
from runs.store import Store

PERSON_USD = 0.67
"""A preference label by a person, in US dollars (Lee et al., 2309.00267; the same by a model: 0.06)."""
LABELS_A_DAY = 480
"""By one person: one a minute for eight hours. Our assumption, and a fast pace for long answers."""
FROZEN = ("seed", "base", "endpoint")
SIZES = (
    "model",
    "prompts",
    "generate",
    "revise",
    "judge",
    "preference",
    "train",
    "measure",
    "capability",
    "drift",
    "audit",
    "engine",
)
"""The sections that decide how long a run takes."""


@dataclass(frozen=True)
class Cost:
    """A whole run's cost. `labels` are the verdicts on what the policy wrote, those that people could give instead.

    `seconds` are those of the run `timed_by`, which had the same sizes; both None where no run here had.
    """

    shares: tuple[Share, ...]
    labels: int
    seconds: float | None
    timed_by: str | None

    @property
    def usd(self) -> float:
        """What is to be paid to an endpoint."""
        return sum(share.usd or 0.0 for share in self.shares)

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        people = {
            "usd": self.labels * PERSON_USD,
            "person_days": self.labels / LABELS_A_DAY,
            "usd_a_label": PERSON_USD,
            "labels_a_day": LABELS_A_DAY,
        }
        return {**asdict(self), "usd": self.usd, "people": people}

    def text(self) -> str:
        """As lines for people."""
        rows = [(one.work, one.requests, one.prompt_tokens, one.reply_tokens, one.usd) for one in self.shares]
        time = "no run here had these sizes, so nobody knows how long"
        if self.seconds is not None:
            time = f"{self.seconds:.0f} s, as {self.timed_by} took"
        return "\n".join(
            [
                table(["at most", "requests", "prompt tokens", "reply tokens", "US dollars"], rows),
                f"Time: {time}. Money: {self.usd:.2f} US dollars.",
                f"People would take {self.labels * PERSON_USD:,.0f} US dollars and {self.labels / LABELS_A_DAY:,.1f} "
                f"person-days for the same {self.labels:,} labels ({PERSON_USD} each, Lee et al., 2309.00267; "
                f"{LABELS_A_DAY} a day, one a minute).",
            ]
        )


def estimate(store: Store, config: Config, planned: list[PlannedStep]) -> Cost:
    """What a new run would cost from its beginning; `planned` is what it would find done."""
    timed = _like(store, config)
    parts = [_part(variant, span) for variant, span in zip(config.variants(), _spans(config), strict=True) if span]
    return Cost(
        _summed([share for shares, _ in parts for share in shares]),
        labels=sum(labels for _, labels in parts),
        seconds=forecast(store, timed, config, planned).seconds if timed else None,
        timed_by=timed.name if timed else None,
    )


def _spans(config: Config) -> list[range]:
    """The iterations of each of the configuration's variants; the first one's begin with number 0."""
    begins = [0, *(phase.since for phase in config.phases)]
    ends = [*begins[1:], config.iterations + 1]
    return [range(begin, min(end, config.iterations + 1)) for begin, end in zip(begins, ends, strict=True)]


def _part(config: Config, span: range) -> tuple[list[Share], int]:
    """What the iterations `span` take that have these settings, and how many verdicts people could give instead."""
    settings, turns, trained = config.judge, len(span), sum(index > 0 for index in span)
    prompts, measured = config.prompts.count, config.measure.prompts
    samples, pairs = config.generate.samples, comb(config.generate.samples, 2)
    revisions = samples * config.revise.passes
    scored = samples + (revisions if config.train.source == "revisions" else 0)
    cases = 0 if "judge" in config.unasked(1) else prompts * (pairs if settings.compares else scored)
    anchors = len(anchor_pairs(config.measure.anchors, config.measure.anchor_count)) * (1 if settings.compares else 2)
    audits = sum(index % config.audit.every == 0 for index in span)
    audited, compared = _audited(config)
    circles = 3 * config.audit.items if settings.compares and audited else 0
    rivals = measured if settings.compares else 0  # of the seed policy, written once
    failing = red_teamed(config)
    drift = of_drift(config)
    tried = len(known_prompts(config.capability)) * (1 + config.capability.samples)
    answered = turns * (measured + tried + drift.answers) + rivals + audits * circles
    shares = [answering(config, trained * (prompts * samples + failing), answered)]
    if revisions:
        shares.append(revising(config, trained * prompts * revisions))
    if config.meta_judge.max_frac:
        shares.append(judging_judgments(config, trained * prompts))
    if attempts := new_prompts(config):
        shares.append(prompting(config, trained * attempts))
    # Measured answers by the seed and by the policy before; labelled ones by the judge's own weights, where it has any.
    alone = not settings.panel and settings.method != "verifier" and settings.adapter != "endpoint"
    labelled = 2 * len(anchor_pairs(config.measure.anchors, config.audit.items)) if alone else 0
    drifted = trained * drift.of_seed_read + turns * drift.labelled_read
    if read := trained * 2 * measured + audits * labelled + drifted:
        shares.append(reading(config, read))
    if config.gold.enabled:
        shares.append(gold(config, turns * 2 * config.gold.prompts))
    for name in settings.sitting:
        # The same judge says the same of the same labelled pairs, and is not asked again.
        frozen = name in FROZEN or "@" in name
        held = anchors * (1 if frozen else turns) + audited * (1 if frozen else audits)
        more = compared * (1 if frozen else audits) if name == settings.adapter else 0
        own = trained * (cases + failing) + turns * measured + audits * circles
        again = 0 if frozen else trained * drift.judged  # by the seed's judge
        shares.append(_judging(config, name, own + held + again, more))
    return shares, trained * (cases + failing) + turns * measured


def _summed(shares: Sequence[Share]) -> tuple[Share, ...]:
    """One share for each kind of work, in the order of the first of each."""
    found: dict[str, Share] = {}
    for share in shares:
        had = found.get(share.work)
        found[share.work] = share if had is None else had + share
    return tuple(found.values())


def _audited(config: Config) -> tuple[int, int]:
    """What one audit puts to a judge: the cases about labelled pairs, and how many comparisons under one principle."""
    constitution = find_constitution(config.constitution)
    judge = configured_judge(config.judge, constitution)
    anchors = anchor_pairs(config.measure.anchors, config.audit.items)
    insertions = MICROWORLD if config.prompts.source == "microworld" else ENGLISH
    labelled = len(anchor_cases(judge, config.seed, anchors))
    again = labelled if "temperature" not in config.judge.idle() and config.judge.temperature else 0
    twins = len(twin_cases(judge, config.seed, probed(anchors, insertions, config.seed)))
    in_both_orders = 2 * 2 * len(turned(constitution, anchors)) if "pairwise" in constitution.questions else 0
    return labelled + again + twins, in_both_orders


def _judging(config: Config, name: str, cases: int, more: int) -> Share:
    """What one judge has to do: `more` requests, and as many a case as the sample has, with the longest answers."""
    judge = configured_judge(config.judge, find_constitution(config.constitution))
    other = find_judge_base(config) if name == "base" else None
    count = counter(None if name == "endpoint" else (other or find_base(config.model)).folder)
    asked = [_questions(judge, item) for item in items(config)]
    questions = [question for one in asked for question in one]
    if not questions:
        return Share(f"{name}: verdicts", 0, 0, 0)
    requests = cases * len(questions) / len(asked) + more
    answers = judge.compares * max(config.generate.max_tokens, config.measure.max_tokens)
    said = fmean(sum(count(message.content) for message in question.messages) for question in questions)
    replies = fmean(config.judge.max_tokens if isinstance(question, Write) else 1 for question in questions)
    sent, written = round(requests * (said + answers)), round(requests * replies)
    usd = None
    if name == "endpoint":
        prices = config.limits.endpoint
        usd = (sent * prices.usd_per_million_prompt_tokens + written * prices.usd_per_million_reply_tokens) / 1e6
    return Share(f"{name}: verdicts", round(requests), sent, written, usd)


def _questions(judge: Judge, item: Item) -> list[Question]:
    """All that the judge asks about the item where it hears nothing that decides."""
    rounds: list[Round] = []
    asked: list[Question] = []
    while questions := judge.ask(item, rounds):
        asked += questions
        rounds.append(tuple(_nothing_said(question) for question in questions))
    return asked


def _nothing_said(question: Question) -> Replied:
    match question:
        case Write():
            return Text("", True)
        case Choose():
            return Chances((-log(len(question.labels)),) * len(question.labels))
        case Likely():
            return Likelihood(0.0, 1)
        case Reward():
            return Rewarded(0.0)


def _like(store: Store, config: Config) -> Run | None:
    """The run begun last of those with the same sizes that have closed an iteration in which something was trained."""
    wanted = config.semantic()
    found = [
        run
        for run in store.runs()
        if run.iteration
        and store.iteration(run.iteration).index > 0
        and all(run.config.get(section) == wanted.get(section) for section in SIZES)
    ]
    return max(found, key=lambda run: run.begun, default=None)
