"""Step `audit`: what the judge's verdicts depend on besides quality, from questions put to it for that purpose.

It decides nothing and nothing is trained on it. The judgments are kept with those of the other steps.
"""

from collections.abc import Sequence
from dataclasses import replace

from judges.audit.findings import Judged, audit
from judges.audit.insertions import ENGLISH, MICROWORLD
from judges.audit.records import Opposed, Triad
from judges.audit.report import as_json, as_metrics
from judges.dialogue import Judge
from loop.anchors import AnchorPair, anchor_pairs, anchors_digest
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.judging import Case, judged_shards
from loop.panel import bench, decisive, judged_by
from loop.sources import prompt_source
from loop.steps import audit_cases as put
from loop.steps.generate import answer_shards
from loop.steps.probes import anchor_cases, sides
from loop.steps.turn import Turn
from runs.canonical import seed_of
from runs.output import Output
from runs.records import Judgment, Response, Sampling

THREE = 3
"""Answers in a circle."""


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, who judges, who wrote what is compared in circles, the constitution, the prompts and the anchors."""
    return {
        "model": turn.model,
        "judge": bench(desk, turn, turn.candidate).digest,
        "candidate": turn.candidate,
        "constitution": desk.constitution.digest,
        "source": prompt_source(desk.config.prompts.source).digest,
        "anchors": anchors_digest(desk.config.measure.anchors),
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """Every statistic of the judge that its method allows, and the faults found."""
    asking = Asking(desk, turn)
    labelled = anchor_pairs(desk.config.measure.anchors)
    anchors, known = labelled[: desk.config.audit.items], labelled[desk.config.audit.items :]
    seed = desk.config.seed
    insertions = MICROWORLD if desk.config.prompts.source == "microworld" else ENGLISH
    twins = put.probed(anchors, insertions, seed)
    cases = anchor_cases(asking.judge, seed, anchors)
    verdicts = asking.verdicts(cases)
    of_twins = asking.verdicts(put.twin_cases(asking.judge, seed, twins))
    repeated = put.repeated_records(*asking.again(cases, verdicts))
    found = audit(
        Judged(
            pairs=put.pair_records(anchors, verdicts, known),
            twice=put.twin_records(twins, of_twins),
            opposed=asking.opposed(anchors),
            repeated_pairs=repeated if asking.judge.compares == 2 else (),
            repeated_scores=repeated if asking.judge.compares == 1 else (),
            triads=asking.triads(),
            scores=put.scores_of(desk.constitution, anchors, verdicts),
        ),
        seed_of(seed, "audit"),
    )
    tables = {"responses": tuple(asking.responses), "judgments": tuple(asking.shards)}
    return Output("audit", tables, {"metrics": as_metrics(found), "audit": as_json(found)})


class Asking:
    """The judge under audit, whatever is put to it, and the shards that its verdicts are kept in."""

    def __init__(self, desk: Desk, turn: Turn) -> None:
        self.judge: Judge = configured_judge(desk.config.judge, desk.constitution)
        self.shards: list[str] = []
        self.responses: list[str] = []
        self._desk, self._turn = desk, turn
        self._who = bench(desk, turn, turn.candidate)
        self._address = f"{desk.run}@{turn.index}/audit"

    def verdicts(self, cases: Sequence[Case]) -> dict[tuple[str, ...], Judgment]:
        """The judgments that count, by the digests of what they are of."""
        return self._kept(judged_by(self._desk, self._address, self.judge, self._who, cases))

    def again(
        self, cases: Sequence[Case], first: dict[tuple[str, ...], Judgment]
    ) -> tuple[list[Judgment], list[Judgment]]:
        """The first judgment of each case and one with different luck; none where nothing is left to luck."""
        if "temperature" in self._desk.config.judge.idle() or not self._desk.config.judge.temperature:
            return [], []
        other = [_with_other_luck(one) for one in cases]
        second = self.verdicts(other)
        return [first[one.judged[0]] for one in cases], [second[one.judged[0]] for one in other]

    def opposed(self, anchors: Sequence[AnchorPair]) -> list[Opposed]:
        """Labelled pairs under a principle and under its opposite, where the constitution has such principles."""
        desk = self._desk
        # It is asked by log-probability, which an endpoint that is only asked to write may not have.
        only_writes = desk.by(self._who.members[0]) == "endpoint" and not desk.config.judge.chooses
        if "pairwise" not in desk.constitution.questions or only_writes:
            return []
        turned = put.turned(desk.constitution, anchors)
        said = {}
        for principle in {p.id: p for one in turned for p in (one.given, one.opposite)}.values():
            judge = put.judge_by(desk.constitution, principle, desk.config.judge.min_mass)
            of_it = [one.anchor for one in turned if principle in (one.given, one.opposite)]
            way = {"method": judge.method, "principle": principle.id, "min_mass": desk.config.judge.min_mass}
            cases = anchor_cases(judge, desk.config.seed, of_it)
            said[principle.id] = self._kept(judged_shards(desk, self._address, judge, self._who.members[0], cases, way))
        return [
            put.opposed_record(said[one.given.id][sides(one.anchor)], said[one.opposite.id][sides(one.anchor)])
            for one in turned
        ]

    def triads(self) -> list[Triad]:
        """Three answers of the policy to one prompt, compared in a circle; none where answers are not compared."""
        desk = self._desk
        if self.judge.compares == 1:
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

    def _kept(self, shards: Sequence[str]) -> dict[tuple[str, ...], Judgment]:
        self.shards += shards
        return {own.judged: own for own in decisive(self._desk.store.rows_of("judgments", shards))}


def _with_other_luck(one: Case) -> Case:
    item = replace(one.item, seed=seed_of(one.item.seed, "again"))
    return replace(one, item=item, judged=tuple((*judged, "again") for judged in one.judged))
