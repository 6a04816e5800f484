"""What the step `measure` left, as the groups of drift metrics read it, and what each of them adds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loop.anchors import AnchorPair, anchor_pairs
from loop.desk import Desk
from loop.judging import Case
from loop.panel import decisive
from loop.steps.probes import Judged
from loop.steps.turn import Turn
from runs.records import Judgment, Prompt, Reading, Response, Unscored

Numbers = dict[str, float | None]


@dataclass(frozen=True)
class Seen:
    """The held-out prompts with the candidate's answer to each in the same order, the labelled pairs, all verdicts.

    `readings` are what other policies find of those answers, by who reads. `address` is where the step is.
    """

    address: str
    prompts: Sequence[Prompt]
    answers: Sequence[Response]
    rivals: Sequence[Response]
    anchors: Sequence[AnchorPair]
    verdicts: Mapping[Judged, Judgment]
    readings: Mapping[str, Sequence[Reading]]


@dataclass(frozen=True)
class Found:
    """What one group adds: its numbers, its numbers about single probes, and the shards that they rest on."""

    metrics: Numbers = field(default_factory=dict)
    held_out: dict[str, Numbers] = field(default_factory=dict)
    """By the digest of the prompt."""
    labelled: dict[str, Numbers] = field(default_factory=dict)
    """By the digest of the pair."""
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Those of its metrics, and of its numbers about probes as streams, `PROBE/NAME`."""
        of_probes = (("held-out", self.held_out), ("labelled", self.labelled))
        streams = {f"{probe}/{name}" for probe, rows in of_probes for numbers in rows.values() for name in numbers}
        return [*self.metrics, *sorted(streams)]


def seen(desk: Desk, turn: Turn) -> Seen:
    """What `measure` left of this turn's candidate."""
    measured, settings = turn.done["measure"], desk.config.measure
    prompts: list[Prompt] = desk.store.all_rows("prompts", measured)
    responses: list[Response] = desk.store.all_rows("responses", measured)
    judgments: list[Judgment] = desk.store.all_rows("judgments", measured)
    readings: dict[str, list[Reading]] = {}
    for reading in desk.store.all_rows("readings", measured):
        readings.setdefault(reading.adapter, []).append(reading)
    return Seen(
        f"{desk.run}@{turn.index}/drift",
        prompts,
        responses[: len(prompts)],
        responses[len(prompts) :],
        anchor_pairs(settings.anchors, settings.anchor_count),
        {judgment.judged: judgment for judgment in decisive(judgments)},
        readings,
    )


def scores_of(cases: Sequence[Case | None], verdicts: Mapping[Judged, Judgment]) -> list[float | None]:
    """What was said of each case: a score, or how probably the first of two is better; None where nothing was.

    A tie is one half, and so are two answers that are the same word by word, which nobody has to be asked about.
    """
    return [0.5 if one is None else score_of(verdicts[one.judged[0]]) for one in cases]


def score_of(judgment: Judgment) -> float | None:
    """The score, with a tie as one half."""
    return 0.5 if judgment.unscored is Unscored.TIE else judgment.score
