"""Step `prove`: whether the candidate judges better than whoever judges as `proven`, on the same labelled pairs.

People's labels decide, pair by pair, by a test that may look again in every iteration: the chance that a run ever seats
a judge that is no better is at most `judge.proven_alpha`.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict

from loop.anchors import AnchorPair, anchor_pairs, anchors_digest
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.guards.betting import paired
from loop.guards.spending import at_look
from loop.panel import Bench, judged_by
from loop.proven import Proof, seat
from loop.steps.drift_judge import hit
from loop.steps.probes import anchor_cases
from loop.steps.turn import Turn
from runs.canonical import digest
from runs.output import Output
from runs.records import DriftItem, Judgment

NO_VERDICT = 0.5
"""What a pair counts where there is no verdict: as a tie does, so that nobody gains by silence."""


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, the candidate, who sits and how often that was asked, the constitution and the labelled pairs."""
    return {
        "model": turn.model,
        "candidate": turn.candidate,
        "seat": digest(asdict(seat(desk, turn))),
        "constitution": desk.constitution.digest,
        "anchors": anchors_digest(desk.config.measure.anchors),
        "anchor_count": str(desk.config.measure.anchor_count),
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The proof, with a row for each labelled pair; no test where there is no other candidate than who sits."""
    seated = seat(desk, turn)
    metrics: dict[str, float | None] = {"judge/proven_index": float(seated.index)}
    if turn.candidate in (seated.policy, turn.policy):
        none = Proof(seated, turn.candidate, turn.index, 0, 0, 0.0, 0.0, 0.0, 0.0)
        return Output("prove", {}, {"metrics": metrics, "proof": asdict(none)})
    import numpy as np

    pairs = anchor_pairs(desk.config.measure.anchors, desk.config.measure.anchor_count)
    decided = [pair for pair in pairs if pair.label != "tie"]
    of_candidate, candidate_hits = _hits(desk, turn, turn.candidate, pairs, decided)
    of_seated, seated_hits = _hits(desk, turn, seated.policy, pairs, decided)
    found = paired(np.array([seated_hits]), np.array(candidate_hits))
    look = seated.looks + 1
    shown = Proof(
        seated=seated,
        candidate=turn.candidate,
        index=turn.index,
        look=look,
        n=found.n,
        candidate_right=found.after,
        seated_right=found.before[0],
        gain_log10_e=found.gain_log10_e,
        limit_log10_e=-math.log10(at_look(desk.config.judge.proven_alpha, look)),
    )
    metrics |= {
        "judge/proven_right_frac": shown.seated_right,
        "judge/candidate_right_frac": shown.candidate_right,
        "judge/candidate_gain_log10_e": shown.gain_log10_e,
        "judge/candidate_gain_log10_limit": shown.limit_log10_e,
    }
    rows = [
        DriftItem(turn.candidate, "labelled", pair.digest, {"candidate_hit": own, "proven_hit": other})
        for pair, own, other in zip(decided, candidate_hits, seated_hits, strict=True)
    ]
    kept = turn.done["measure"].tables.get("judgments", ())
    tables = {
        "judgments": tuple(shard for shard in (*of_candidate, *of_seated) if shard not in kept),
        "drift_items": (desk.store.put_rows("drift_items", rows),),
    }
    return Output("prove", tables, {"metrics": metrics, "proof": asdict(shown)})


def _hits(
    desk: Desk, turn: Turn, policy: str, pairs: Sequence[AnchorPair], decided: Sequence[AnchorPair]
) -> tuple[tuple[str, ...], list[float]]:
    """The shards of the policy's verdicts on all pairs, recalled where they were asked for before, and how right it is
    on each decided one: 1, 0, or a half."""
    judge = configured_judge(desk.config.judge, desk.constitution)
    cases = anchor_cases(judge, desk.config.seed, pairs)
    shards = judged_by(desk, f"{desk.run}@{turn.index}/prove", judge, Bench((policy,), None), cases)
    judgments: list[Judgment] = desk.store.rows_of("judgments", shards)
    verdicts = {own.judged: own for own in judgments}
    right = [hit(pair, verdicts) for pair in decided]
    return shards, [NO_VERDICT if one is None else one for one in right]
