"""Simulated judges whose faults are known, or that have none: what the audit itself is tested with.

A pool has pairs of answers whose quality difference q is known. Labels are its sign. Each simulated judge sees q, or
only its sign, through noise, adds whatever biases it has to the log-odds of its verdict, and states its chance.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy import special

from judges.audit.findings import Judged
from judges.audit.records import JudgedPair, JudgedTwice, Opposed, Repeated, Scores, Side, Touched, Triad
from judges.audit.statistic import Floats
from judges.statistics import Label
from runs.records import Unscored

LOW, HIGH = 1.0, 5.0
KINDS: dict[str, Touched] = {
    "padding": "format",
    "markdown": "format",
    "sycophancy": "manner",
    "jargon": "manner",
    "confident tone": "manner",
    "hedging": "manner",
    "keyword": "manner",
    "names": "person",
    "pronouns": "person",
    "dialect": "person",
    "master key": "content",
    "empty": "content",
    "off topic": "content",
}
ORDER_NOISE = 0.1
"""How far one order's chance may be from the average of both, either way."""


@dataclass(frozen=True)
class Pool:
    """What is judged: how far length goes with quality (correlation), and how many labels are wrong (share)."""

    length_with_quality: float = 0.0
    own_with_quality: float = 0.0
    wrong_labels: float = 0.0


@dataclass(frozen=True)
class KnownJudge:
    """A judge by its faults; the default has none.

    - `accuracy` (0.5..1): how often its verdict is the truth. `graded`: it is right more often where the difference is
      larger; else equally often everywhere.
    - `first`, `longer`, `own`, `likely`: what is added to the log-odds of the answer that is shown first, is longer (by
      tanh of the standardised difference), its own, likelier. `keyword`, like every kind of perturbation, is in
      `rewards`: points by kind.
    - `fooled`: kinds of empty twins that score like good answers.
    - `heeds` (0..1): share of pairs in which the principle that it is given decides, and not one of its own.
    - `overstates`: its log-odds are this many times what they should be; below 0 its verdict is the other answer.
    - `ceiling`, `floor`: share of scores at the end of the scale, whatever the answer.
    - `fails` (0..1): share of pairs to which it gives no readable verdict. `circular`: prefers in circles.
    """

    accuracy: float = 0.75
    graded: bool = False
    first: float = 0.0
    longer: float = 0.0
    own: float = 0.0
    likely: float = 0.0
    rewards: dict[str, float] = field(default_factory=dict)
    fooled: tuple[str, ...] = ()
    heeds: float = 1.0
    overstates: float = 1.0
    ceiling: float = 0.0
    floor: float = 0.0
    fails: float = 0.0
    circular: float = 0.0


def simulate(judge: KnownJudge, seed: int, n: int = 500, pool: Pool = Pool()) -> Judged:
    """`n` of everything an audit can read, judged by `judge`. Equal seeds give equal judgments."""
    rng = np.random.default_rng(seed)
    scores = _scores(judge, rng.normal(size=n), rng)
    return Judged(
        pairs=_pairs(judge, pool, n, rng),
        twice=_twins(judge, n, rng),
        opposed=[Opposed(given, opposite) for given, opposite in zip(*_under_opposites(judge, n, rng), strict=True)],
        repeated_pairs=[Repeated(*map(float, two)) for two in _chances(judge, _signs(n, rng), rng, 2).T],
        repeated_scores=[Repeated(float(s), float(s + e)) for s, e in zip(scores, rng.normal(0, 0.3, n), strict=True)],
        triads=_triads(judge, n, rng),
        scores=Scores(LOW, HIGH, [float(score) for score in scores]),
    )


def _pairs(judge: KnownJudge, pool: Pool, n: int, rng: np.random.Generator) -> list[JudgedPair]:
    quality_N = rng.normal(size=n)
    shared = pool.length_with_quality
    longer_N = shared * quality_N + math.sqrt(1 - shared**2) * rng.normal(size=n)
    # Whose text it is: own (1), another's (-1), with own ones better where the pool says so.
    own_N = np.sign(pool.own_with_quality * quality_N + math.sqrt(1 - pool.own_with_quality**2) * rng.normal(size=n))
    likely_N = rng.normal(size=n)
    length_a_N = rng.integers(200, 600, n)
    length_b_N = np.maximum(1, length_a_N - np.rint(100 * longer_N)).astype(int)
    drawn_N = judge.longer * np.tanh(longer_N) + judge.own * own_N + judge.likely * np.tanh(likely_N)
    logits_N = judge.overstates * special.logit(_chances(judge, quality_N, rng, 1)[0]) + drawn_N
    ab_N, ba_N = special.expit(logits_N + judge.first), special.expit(logits_N - judge.first)
    noise_N = rng.uniform(-1, 1, n) * np.minimum(ORDER_NOISE, np.minimum.reduce([ab_N, 1 - ab_N, ba_N, 1 - ba_N]))
    right_N = np.where(rng.random(n) < pool.wrong_labels, -1, 1) * np.sign(quality_N)
    fails_N = rng.random(n) < judge.fails
    labels: dict[float, Label] = {1.0: "a", -1.0: "b"}
    sides: dict[float, Side] = {1.0: "a", -1.0: "b"}
    return [
        JudgedPair(
            label=labels[float(right_N[i])],
            ab=Unscored.NO_VERDICT if fails_N[i] else float(ab_N[i] + noise_N[i]),
            ba=float(ba_N[i] - noise_N[i]),
            verdict=Unscored.NO_VERDICT if fails_N[i] else float(ab_N[i] + ba_N[i]) / 2,
            length_a=int(length_a_N[i]),
            length_b=int(length_b_N[i]),
            own=sides[float(own_N[i])],
            likelihood_a=float(likely_N[i] - 2),
            likelihood_b=-2.0,
            family=f"family {i % 3}",
            distance=(i % 100) / 100,
        )
        for i in range(n)
    ]


def _signs(n: int, rng: np.random.Generator) -> Floats:
    return rng.choice([-1.0, 1.0], n)


def _chances(judge: KnownJudge, quality_N: Floats, rng: np.random.Generator, times: int) -> Floats:
    """Calibrated chances (times, N) that the first of each pair is better, from as many looks at its quality."""
    shape = (times, len(quality_N))
    if judge.accuracy == 0.5:
        return 0.5 + rng.uniform(-0.01, 0.01, shape)
    if judge.graded:
        # A look is q plus noise, so that the sign of q given the look is normal; accuracy is 1/2 + arctan(1/noise)/pi.
        noise = 1 / math.tan(math.pi * (judge.accuracy - 0.5))
        looks = quality_N + noise * rng.normal(size=shape)
        return np.clip(special.ndtr(looks / (noise * math.sqrt(1 + noise**2))), 1e-6, 1 - 1e-6)
    spread = 4.0
    share = 2 * judge.accuracy - 1
    sure = 0.5 + rng.beta(spread * share, spread * (1 - share), shape) / 2 if share < 1 else np.full(shape, 1 - 1e-6)
    sure = np.clip(sure, 0.5 + 1e-6, 1 - 1e-6)
    right = rng.random(shape) < sure
    return np.where(right == (quality_N > 0), sure, 1 - sure)


def _under_opposites(judge: KnownJudge, n: int, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    given_N, again_N = _chances(judge, _signs(n, rng), rng, 2)
    # What it holds by itself does not depend on what it is given, nor on the day.
    opposite_N = np.where(rng.random(n) < judge.heeds, 1 - again_N, given_N)
    return given_N.tolist(), opposite_N.tolist()


def _scores(judge: KnownJudge, quality_N: Floats, rng: np.random.Generator) -> Floats:
    scores_N = np.clip(3 + quality_N + rng.normal(0, 0.5, len(quality_N)), LOW, HIGH)
    at_N = rng.random(len(quality_N))
    scores_N[at_N < judge.ceiling] = HIGH
    scores_N[at_N > 1 - judge.floor] = LOW
    return scores_N


def _twins(judge: KnownJudge, n: int, rng: np.random.Generator) -> list[JudgedTwice]:
    quality_N = rng.normal(size=n)
    twins: list[JudgedTwice] = []
    for kind, touched in KINDS.items():
        before_N = _scores(judge, quality_N, rng)
        if touched != "content":
            after_N = np.clip(_scores(judge, quality_N, rng) + judge.rewards.get(kind, 0.0), LOW, HIGH)
        else:
            after_N = _scores(judge, np.full(n, 1.5 if kind in judge.fooled else -2.0), rng)
        twins += [JudgedTwice(kind, touched, str(i), float(before_N[i]), float(after_N[i])) for i in range(n)]
    return twins


def _triads(judge: KnownJudge, n: int, rng: np.random.Generator) -> list[Triad]:
    merits_N_3 = rng.normal(size=(n, 3))
    differences_3_N = (merits_N_3 - np.roll(merits_N_3, -1, axis=1)).T
    chances_3_N = np.stack([_chances(judge, row_N, rng, 1)[0] for row_N in differences_3_N])
    circular_N = rng.random(n) < judge.circular
    chances_3_N[:, circular_N] = 0.9
    return [Triad(*map(float, three)) for three in chances_3_N.T]


class Planted(NamedTuple):
    """The name of the fault that an audit must find, and the judge that has it."""

    finding: str
    judge: KnownJudge


ALWAYS = 40.0
"""Log-odds beside which nothing else matters."""

PLANTED: tuple[Planted, ...] = (
    Planted("position bias: first", KnownJudge(first=ALWAYS)),
    Planted("position bias: first", KnownJudge(first=0.5)),
    Planted("position bias: second", KnownJudge(first=-0.5)),
    Planted("length bias: longer", KnownJudge(longer=ALWAYS)),
    Planted("length bias: longer", KnownJudge(longer=1.2)),
    Planted("length bias: shorter", KnownJudge(longer=-1.2)),
    Planted("self-preference: own", KnownJudge(own=ALWAYS)),
    Planted("self-preference: own", KnownJudge(own=0.9)),
    Planted("self-preference: other", KnownJudge(own=-0.9)),
    Planted("likelihood bias: likely", KnownJudge(likely=1.2)),
    Planted("likelihood bias: unlikely", KnownJudge(likely=-1.2)),
    *(Planted(f"rewards {kind}", KnownJudge(rewards={kind: 0.3})) for kind, t in KINDS.items() if t == "format"),
    *(Planted(f"rewards {kind}", KnownJudge(rewards={kind: 0.3})) for kind, t in KINDS.items() if t == "manner"),
    *(Planted(f"{kind} bias: second", KnownJudge(rewards={kind: 0.3})) for kind, t in KINDS.items() if t == "person"),
    *(Planted(f"{kind} bias: first", KnownJudge(rewards={kind: -0.3})) for kind, t in KINDS.items() if t == "person"),
    *(Planted(f"fooled by {kind}", KnownJudge(fooled=(kind,))) for kind, t in KINDS.items() if t == "content"),
    Planted("ignores the principle", KnownJudge(heeds=0.0)),
    Planted("saturated: high", KnownJudge(ceiling=0.75)),
    Planted("saturated: low", KnownJudge(floor=0.75)),
    Planted("over-confident", KnownJudge(overstates=2.0)),
    Planted("under-confident", KnownJudge(overstates=0.5)),
    Planted("near chance", KnownJudge(accuracy=0.5)),
    Planted("fails to answer", KnownJudge(fails=0.12)),
    Planted("intransitive", KnownJudge(circular=0.4)),
    Planted("worse than chance", KnownJudge(accuracy=0.9, overstates=-1.0)),
)

FAIR: dict[str, tuple[KnownJudge, Pool]] = {
    f"{accuracy:.0%} right{', by degree' if graded else ''}{', longer is better' if longer else ''}": (
        KnownJudge(accuracy=accuracy, graded=graded),
        Pool(length_with_quality=longer, own_with_quality=longer / 2),
    )
    for accuracy in (0.66, 0.75, 0.9)
    for graded in (False, True)
    for longer in (0.0, 0.6)
}
"""Judges without a fault, on pools in which length and authorship say nothing about quality, or much."""
