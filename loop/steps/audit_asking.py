"""Putting an audit's questions to the judge that is audited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from constitutions.load import Scale
from judges.audit.records import Opposed, Triad
from judges.dialogue import Judge
from loop.anchors import AnchorPair
from loop.desk import Desk
from loop.engine.protocol import Score
from loop.judging import Case, judged_shards
from loop.panel import Bench, decisive, judged_by
from loop.sources import prompt_source
from loop.steps import audit_cases as put
from loop.steps.generate import answer_shards
from loop.steps.probes import anchor_cases, sides
from loop.steps.turn import Turn
from runs.canonical import seed_of
from runs.records import Judgment, Response, Sampling

THREE = 3
"""Answers in a circle."""


@dataclass(frozen=True)
class Audited:
    """The judge under audit: any judge of one or two answers, who judges, and the `way`, which tells it from others.

    More can be asked where more is true: the `weights` that judge also write answers, and can say how likely one is;
    its scores of single answers end with the `scale`; its replies are `drawn` by lot; its verdicts are given
    `by_constitution`.
    """

    judge: Judge
    who: Bench
    way: Mapping[str, Any]
    weights: str | None = None
    scale: Scale | None = None
    drawn: bool = False
    by_constitution: bool = False


class Asking:
    """Whatever is put to the judge, and the shards that its verdicts are kept in."""

    def __init__(self, desk: Desk, turn: Turn, audited: Audited) -> None:
        self.shards: list[str] = []
        self.responses: list[str] = []
        self._desk, self._turn, self._audited = desk, turn, audited
        self._address = f"{desk.run}@{turn.index}/audit"

    def verdicts(self, cases: Sequence[Case]) -> put.Verdicts:
        """The judgments that count, by the digests of what they are of."""
        asked = self._audited
        return self._kept(judged_by(self._desk, self._address, asked.judge, asked.who, cases, asked.way))

    def again(self, cases: Sequence[Case], first: put.Verdicts) -> tuple[list[Judgment], list[Judgment]]:
        """The first judgment of each case and one with different luck; none where nothing is left to luck."""
        if not self._audited.drawn:
            return [], []
        other = [_with_other_luck(one) for one in cases]
        second = self.verdicts(other)
        return [first[one.judged[0]] for one in cases], [second[one.judged[0]] for one in other]

    def likelihoods(self, anchors: Sequence[AnchorPair]) -> dict[str, float]:
        """The mean log-probability of a token of each labelled answer, by the judge's own weights, in nats."""
        weights = self._audited.weights
        if weights is None:
            return {}
        asked = {
            side: Score(anchor.messages, weights, text)
            for anchor in anchors
            for side, text in zip(sides(anchor), (anchor.a, anchor.b), strict=True)
        }
        scored = self._desk.engine(weights).run(list(asked.values()))
        return {side: fmean(one.logprobs) for side, one in zip(asked, scored, strict=True)}

    def opposed(self, anchors: Sequence[AnchorPair]) -> list[Opposed]:
        """Labelled pairs under a principle and under its opposite, where the constitution has such principles."""
        desk, member = self._desk, self._audited.who.members[0]
        # It is asked by log-probability, which an endpoint that is only asked to write may not have.
        only_writes = desk.by(member) == "endpoint" and not desk.config.judge.chooses
        if not self._audited.by_constitution or "pairwise" not in desk.constitution.questions or only_writes:
            return []
        turned = put.turned(desk.constitution, anchors)
        said = {}
        for principle in {p.id: p for one in turned for p in (one.given, one.opposite)}.values():
            judge = put.judge_by(desk.constitution, principle, desk.config.judge.min_mass)
            of_it = [one.anchor for one in turned if principle in (one.given, one.opposite)]
            way = {"method": judge.method, "principle": principle.id, "min_mass": desk.config.judge.min_mass}
            cases = anchor_cases(judge, desk.config.seed, of_it)
            said[principle.id] = self._kept(judged_shards(desk, self._address, judge, member, cases, way))
        return [
            put.opposed_record(said[one.given.id][sides(one.anchor)], said[one.opposite.id][sides(one.anchor)])
            for one in turned
        ]

    def triads(self) -> list[Triad]:
        """Three answers of the policy to one prompt, compared in a circle; none where answers are not compared."""
        desk = self._desk
        if self._audited.judge.compares == 1:
            return []
        prompts = prompt_source(desk.config.prompts.source).held_out(
            desk.config.audit.items, seed_of(desk.config.seed, "held-out")
        )
        wanted = [
            (prompt, seed_of(desk.config.seed, "triad", prompt.digest, number))
            for prompt in prompts
            for number in range(THREE)
        ]
        sampling = Sampling(1.0, 1.0, desk.config.measure.max_tokens)
        shards = answer_shards(desk, self._address, self._turn.candidate, wanted, sampling)
        self.responses += shards
        answers: list[Response] = desk.store.rows_of("responses", shards)
        circles = [(prompt, answers[n * THREE : (n + 1) * THREE]) for n, prompt in enumerate(prompts)]
        circles = [(prompt, three) for prompt, three in circles if len({own.text for own in three}) == THREE]
        cases = [one for prompt, three in circles for one in put.circle_cases(desk.config.seed, prompt, three)]
        found = self.verdicts(cases)
        return [put.triad_record(three, found) for _, three in circles]

    def _kept(self, shards: Sequence[str]) -> put.Verdicts:
        self.shards += shards
        return {own.judged: own for own in decisive(self._desk.store.rows_of("judgments", shards))}


def _with_other_luck(one: Case) -> Case:
    item = replace(one.item, seed=seed_of(one.item.seed, "again"), prompt_seed=seed_of(one.item.prompt_seed, "again"))
    return replace(one, item=item, judged=tuple((*judged, "again") for judged in one.judged))
