"""Group `signal` of the drift metrics: what there was to learn, what training did to labelled answers, and its step.

Yield, margins, label probabilities, the loss and the gradients are metrics of `pair` and `train` already.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from judges.audit.distance import vectors
from loop.anchors import AnchorPair, decided_pairs
from loop.desk import Desk
from loop.drift.adapter_weights import read_factors, step
from loop.steps.drift_judge import hit
from loop.steps.drift_seen import Found, Numbers, Seen
from loop.steps.probes import sides
from loop.steps.readings import Read, reading_shards
from loop.steps.turn import Turn
from runs.records import PreferencePair, Reading, Response

AT_ONCE = 256
"""Pairs whose words are counted at once."""

Readings = Mapping[str, Reading]
"""By the name of the answer."""


def signal_drift(desk: Desk, turn: Turn, seen: Seen) -> Found:
    """How alike chosen and rejected are, what the policy makes of labelled answers, and how far its weights went."""
    metrics: Numbers = {**_pairs(desk, turn), **_weights(desk, turn)}
    decided = decided_pairs(seen.anchors)[: desk.config.drift.items]
    if not decided:
        return Found(metrics)
    shards = {
        policy: _read(desk, seen.address, policy, decided)
        for policy in dict.fromkeys((turn.candidate, turn.policy, turn.seed_policy))
    }
    own, previous, seed = (
        {one.read: one for one in desk.store.rows_of("readings", shards[policy])}
        for policy in (turn.candidate, turn.policy, turn.seed_policy)
    )
    labelled = {anchor.digest: _labelled(anchor, own, previous, seed) for anchor in decided}

    def mean(name: str) -> float:
        return fmean(value for one in labelled.values() if (value := one[name]) is not None)

    metrics |= {
        "signal/labelled_chosen_logp_nats_per_token": mean("chosen_logp_nats_per_token"),
        "signal/labelled_rejected_logp_nats_per_token": mean("rejected_logp_nats_per_token"),
        # Below 0 training made the better answers less likely: likelihood displacement.
        "signal/labelled_chosen_logp_step_nats_per_token": mean("chosen_logp_step_nats_per_token"),
    }
    if turn.candidate != turn.seed_policy:
        margins = {anchor: one["implicit_margin_nats"] for anchor, one in labelled.items()}
        metrics["signal/implicit_margin_mean_nats"] = mean("implicit_margin_nats")
        metrics["signal/implicit_accuracy_frac"] = fmean(_right(one) for one in margins.values() if one is not None)
        metrics |= _disagreement(decided, margins, seen)
    return Found(metrics, {}, labelled, {"readings": shards[turn.candidate]})


def _read(desk: Desk, address: str, policy: str, anchors: Sequence[AnchorPair]) -> tuple[str, ...]:
    texts = [
        Read(side, anchor.messages, text)
        for anchor in anchors
        for side, text in zip(sides(anchor), (anchor.a, anchor.b), strict=True)
    ]
    return reading_shards(desk, address, policy, texts)


def _labelled(anchor: AnchorPair, own: Readings, previous: Readings, seed: Readings) -> Numbers:
    """What training did to one labelled pair: mean log-probabilities, and the reward that the policy stands for.

    The implicit reward of an answer, less what hangs on beta, is how much likelier it is than under the seed (Rafailov,
    2305.18290); the margin is that of the better answer less the other's.
    """
    chosen, rejected = sides(anchor) if anchor.label == "a" else sides(anchor)[::-1]

    def gain(side: str) -> float:
        return math.fsum(own[side].logprobs) - math.fsum(seed[side].logprobs)

    now = fmean(own[chosen].logprobs)
    return {
        "chosen_logp_nats_per_token": now,
        "rejected_logp_nats_per_token": fmean(own[rejected].logprobs),
        "chosen_logp_step_nats_per_token": now - fmean(previous[chosen].logprobs),
        "implicit_margin_nats": gain(chosen) - gain(rejected),
    }


def _disagreement(anchors: Sequence[AnchorPair], margins: Mapping[str, float | None], seen: Seen) -> Numbers:
    """How often the judge and the implicit reward prefer different answers (SCIR, 2502.08922), a tie being half."""
    both = [(hit(anchor, seen.verdicts), margins[anchor.digest]) for anchor in anchors]
    apart = [abs(judged - _right(margin)) for judged, margin in both if judged is not None and margin is not None]
    return {"judge/implicit_disagreement_frac": fmean(apart)} if apart else {}


def _right(margin: float) -> float:
    """1 for the better answer, 0 for the other, a half for neither."""
    return 0.5 if margin == 0 else float(margin > 0)


def _pairs(desk: Desk, turn: Turn) -> Numbers:
    """How alike the two answers of a pair are (0 to 1), where pairs were made: where they are, there is little to learn
    but length and luck."""
    pairs: list[PreferencePair] = desk.store.all_rows("pairs", turn.done["pair"]) if "pair" in turn.done else []
    if not pairs:
        return {}
    texts: dict[str, str] = {}
    for made in ("generate", "pair"):
        if made in turn.done:
            rows: list[Response] = desk.store.all_rows("responses", turn.done[made])
            texts |= {row.digest: row.text for row in rows}
    alike: list[float] = []
    for start in range(0, len(pairs), AT_ONCE):
        some = pairs[start : start + AT_ONCE]
        chosen_N_B = vectors([texts[pair.chosen] for pair in some])
        rejected_N_B = vectors([texts[pair.rejected] for pair in some])
        alike += (chosen_N_B * rejected_N_B).sum(axis=1).tolist()
    return {"signal/chosen_rejected_similarity_mean": fmean(alike)}


def _weights(desk: Desk, turn: Turn) -> Numbers:
    """How large the adapter's change of the base model is, and its step from the policy promoted before it."""
    after = read_factors(desk.folder(turn.candidate))
    found: Numbers = {"signal/adapter_norm": after.norm}
    if turn.candidate != turn.policy:
        went = step(read_factors(desk.folder(turn.policy)), after)
        found["signal/adapter_step_norm"] = went.distance
        if went.angle_rad is not None:
            found["signal/adapter_step_angle_rad"] = went.angle_rad
    return found
