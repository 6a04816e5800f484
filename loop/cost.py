"""What a run may cost before it begins: tokens, time and money, and what people would take for the same labels.

Every count is the most that it can be: answers and replies as long as they may get, no text judged twice saved, every
round that a judge may ask for, every attempt at a new prompt. What trainers do, and a chat template's own marks, are
not counted.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from judges.verifier import Verifier
from loop.anchors import anchor_pairs
from loop.config import Config
from loop.cost_judging import AskedBefore, candidates, verdicts
from loop.cost_policy import (
    Share,
    answering,
    gold,
    judging_judgments,
    new_prompts,
    of_drift,
    prompting,
    reading,
    red_teamed,
    revised,
    revising,
    written_a_prompt,
)
from loop.forecast import forecast
from loop.iterate import PlannedStep
from loop.steps.audit_asking import THREE
from loop.steps.capability import known_prompts
from loop.terminal import table
from runs.canonical import digest
from runs.records import Run
from runs.store import Store

PERSON_USD = 0.67
"""A preference label by a person, in US dollars (Lee et al., 2309.00267; the same by a model: 0.06)."""
LABELS_A_DAY = 480
"""By one person: one a minute for eight hours. Our assumption, and a fast pace for long answers."""
NO_PRICE = (
    "nobody knows, as no price of the endpoint was given (limits.endpoint.usd_per_million_prompt_tokens and "
    "limits.endpoint.usd_per_million_reply_tokens)"
)
SIZES = (
    *("model", "prompts", "generate", "revise", "judge", "preference", "train"),
    *("measure", "capability", "drift", "audit", "engine"),
)
"""The sections that decide how long a run takes."""


@dataclass(frozen=True)
class Cost:
    """A whole run's cost. `labels` are the verdicts on what the policy wrote, those that people could give instead;
    a verifier's are none.

    `seconds` are those of the run `timed_by`, which had the same sizes; both None where no run here had. `known_steps`
    are not done again, and of a run that is `recalled` none is done: it costs nothing. `unpriced`: an endpoint
    judges, and nobody said what it takes.
    """

    shares: tuple[Share, ...]
    labels: int
    seconds: float | None
    timed_by: str | None
    known_steps: int = 0
    recalled: bool = False
    unpriced: bool = False

    @property
    def usd(self) -> float | None:
        """What is to be paid to an endpoint; None where it has no price."""
        return None if self.unpriced else sum(share.usd or 0.0 for share in self.shares)

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
        if self.recalled:
            return f"All {self.known_steps} steps are known and would be recalled: no request, no time and no money."
        rows = [(one.work, one.requests, one.prompt_tokens, one.reply_tokens, one.usd) for one in self.shares]
        time = "no run here had these sizes, so nobody knows how long"
        if self.seconds is not None:
            time = f"{self.seconds:.0f} s, as {self.timed_by} took"
        people = (
            f"People would take {self.labels * PERSON_USD:,.0f} US dollars and {self.labels / LABELS_A_DAY:,.1f} "
            f"person-days for the same {self.labels:,} labels ({PERSON_USD} each, Lee et al., 2309.00267; "
            f"{LABELS_A_DAY} a day, one a minute)."
        )
        known = f"The {self.known_steps} steps that are known are not done again; this is the whole run's:"
        return "\n".join(
            [
                *([known] if self.known_steps else []),
                table(["at most", "requests", "prompt tokens", "reply tokens", "US dollars"], rows),
                f"Time: {time}. Money: {NO_PRICE if self.usd is None else f'{self.usd:.2f} US dollars'}.",
                *([people] if self.labels else []),
            ]
        )


def estimate(store: Store, config: Config, planned: list[PlannedStep]) -> Cost:
    """What a new run would cost from its beginning; `planned` is what it would find done."""
    timed, known = _like(store, config), sum(step.done for step in planned)
    if planned and known == len(planned):
        return Cost((), 0, 0.0, timed.name if timed else None, known, recalled=True)
    before: AskedBefore = set()
    spans = zip(config.variants(), _spans(config), strict=True)
    parts = [_part(variant, span, before) for variant, span in spans if span]
    return Cost(
        _summed([share for shares, _ in parts for share in shares]),
        labels=sum(labels for _, labels in parts),
        seconds=forecast(store, timed, config, planned).seconds if timed else None,
        timed_by=timed.name if timed else None,
        known_steps=known,
        unpriced="endpoint" in config.judge.sitting and not config.limits.endpoint.priced,
    )


def _spans(config: Config) -> list[range]:
    """The iterations of each of the configuration's variants; the first one's begin with number 0."""
    begins = [0, *(phase.since for phase in config.phases)]
    ends = [*begins[1:], config.iterations + 1]
    return [range(begin, min(end, config.iterations + 1)) for begin, end in zip(begins, ends, strict=True)]


def _part(config: Config, span: range, before: AskedBefore) -> tuple[list[Share], int]:
    """What the iterations `span` take that have these settings, and how many verdicts people could give instead."""
    settings, trained = config.judge, [index for index in span if index > 0]
    prompts, measured = config.prompts.count, len(span) * config.measure.prompts
    audits = sum("audit" not in config.unasked(index) for index in span)
    circles = THREE * config.audit.items if settings.compares else 0
    failing = red_teamed(config)
    written = 0 if "generate" in config.unasked(1) else sum(prompts * written_a_prompt(config, n) for n in trained)
    drift, tried = of_drift(config), len(known_prompts(config.capability)) * (1 + config.capability.samples)
    asked = measured + _rivals(config, before) + audits * circles + len(span) * (tried + drift.answers)
    shares = [answering(config, written + len(trained) * failing, asked)]
    if config.revise.passes and "revise" not in config.unasked(1):
        shares.append(revising(config, sum(revised(config, index) for index in trained) * config.revise.passes))
    if config.meta_judge.max_frac:
        shares.append(judging_judgments(config, len(trained) * prompts))
    if attempts := new_prompts(config):
        shares.append(prompting(config, len(trained) * attempts))
    # Measured answers by the seed and by the policy before; labelled ones by the judge's own weights, where it has any.
    writes = (
        not settings.panel and settings.method not in (Verifier.method, "preference") and settings.adapter != "endpoint"
    )
    labelled = 2 * len(anchor_pairs(config.measure.anchors, config.audit.items)) if writes else 0
    drifted = len(trained) * drift.of_seed_read + len(span) * drift.labelled_read
    if read := len(trained) * 2 * config.measure.prompts + audits * labelled + drifted:
        shares.append(reading(config, read))
    if config.gold.enabled:
        shares.append(gold(config, len(span) * (1 + config.gold.greedy) * config.gold.prompts))
    if settings.method == Verifier.method:  # it compares with references: nobody is asked, and nobody would be
        return shares, 0
    return [*shares, *verdicts(config, span, before)], candidates(config, span) + measured


def _rivals(config: Config, before: AskedBefore) -> int:
    """The seed policy's answers that measured ones are compared with: written once in a run."""
    asked = digest(["rivals", config.measure.prompts, config.measure.max_tokens])
    if not config.judge.compares or asked in before:
        return 0
    before.add(asked)
    return config.measure.prompts


def _summed(shares: Sequence[Share]) -> tuple[Share, ...]:
    """One share for each kind of work, in the order of the first of each."""
    found: dict[str, Share] = {}
    for share in shares:
        had = found.get(share.work)
        found[share.work] = share if had is None else had + share
    return tuple(found.values())


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
