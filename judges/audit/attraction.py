"""Whether something besides quality draws a judge: length, its own hand, texts that it finds likely.

A plain preference for longer answers proves nothing where longer answers are better. So verdicts are compared at equal
quality, as far as labels tell it, and labels can be read in two ways:

- plainly: all that the judge could see is which answer is better. Then its verdict depends on length only if it has a
  taste for length.
- by degree: the label is the sign of a quality that the judge sees better than the label says. Where longer answers
  tend to be better, an answer that is better and longer is better by more, and is recognised more often, without any
  taste for length. How much more follows from how well length foretells the label: for a quality that is logistic
  around m its mean where it is positive is softplus(m) / sigmoid(m).

A bias is only claimed where it shows under both readings, with the same sign: neither alone clears a judge that is
sound by the other. Where it is known how much better the better answer is, that settles it, and only that is used.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from scipy import special

from judges.audit.firth import Firth, firth
from judges.audit.records import JudgedPair
from judges.audit.statistic import UNKNOWN, Evidence, Floats, Statistic, share, share_difference
from judges.statistics import SIGN

MATCHED = 0.1
"""Two answers are of matched length where the shorter lacks at most this share of the longer."""


def attraction(pairs: Sequence[JudgedPair]) -> tuple[Statistic, ...]:
    """How place, length, authorship and likelihood draw the verdicts of labelled pairs, each beside the others.

    Coefficients are in nats of the verdict's odds, for tanh of the standardised difference of the two answers in length
    and likelihood (2404.04475) and for own against other; `by_degree` reads the labels by degree. Ties among the
    verdicts do not count.

    - `position/coefficient`: of the answer shown first, over pairs that were judged in one order only: labels stand in
      for the other order, without which a good first answer and a taste for first answers look the same.
    - `length/longer_when_better` (-1..1): how much more often the better answer is recognised when it is the longer.
    - `length/accuracy_matched` (0..1): accuracy where length says nothing, as the two are about equally long.
    - `self/own_when_better` (-1..1): how much more often the better answer is recognised when it is the judge's own:
      P(Y'=1|S=1,Y=1) - P(Y'=1|S=0,Y=1) of 2410.21819.
    - `self/at_equal_likelihood`: the coefficient of own against other among texts that the judge finds equally likely;
      self-preference that vanishes here is a taste for the familiar.
    """
    judged = [p for p in pairs if p.label is not None and p.chance not in (None, 0.5)]
    likely = [p for p in judged if p.likelihood_a is not None and p.likelihood_b is not None]
    length_N, own_N = _lengths(judged), _own(judged)
    length_L, own_L, likelihood_L = _lengths(likely), _own(likely), _likelihoods(likely)
    placed = [p for p in judged if p.in_one_order]
    drawn_by_place = _drawn(
        "position", ("first", "second"), placed, np.ones(len(placed)), [_lengths(placed), _own(placed)]
    )
    # Where place cannot be told from quality, because the better answer was always shown first, nothing else can be.
    told = drawn_by_place[0].n > 0
    place_N = np.array([float(told and p.in_one_order) for p in judged])
    return (
        *drawn_by_place,
        *_drawn("length", ("longer", "shorter"), judged, length_N, [own_N, place_N]),
        _recognised("length/longer_when_better", judged, length_N),
        _accuracy_matched(judged),
        *_drawn("self", ("own", "other"), judged, own_N, [length_N, place_N]),
        _recognised("self/own_when_better", judged, own_N),
        *_drawn("likelihood", ("likely", "unlikely"), likely, likelihood_L, [length_L, own_L]),
        _coefficient("self/at_equal_likelihood", own_L, _fitted(likely, own_L, [length_L, likelihood_L], _decided)),
    )


def _lengths(pairs: Sequence[JudgedPair]) -> Floats:
    return _squashed([p.length_a - p.length_b for p in pairs])


def _own(pairs: Sequence[JudgedPair]) -> Floats:
    return np.array([{"a": 1.0, "b": -1.0, None: 0.0}[p.own] for p in pairs])


def _likelihoods(pairs: Sequence[JudgedPair]) -> Floats:
    return _squashed([(p.likelihood_a or 0.0) - (p.likelihood_b or 0.0) for p in pairs])


def _squashed(differences: Sequence[float]) -> Floats:
    """tanh of the differences over their root mean square: which is called `a` is arbitrary, so 0 is the middle."""
    differences_N = np.array(differences, dtype=float)
    spread = float(np.sqrt(np.mean(differences_N**2))) if len(differences_N) else 0.0
    return np.tanh(differences_N / spread) if spread else differences_N


BIASES = {
    "position": "position bias",
    "length": "length bias",
    "self": "self-preference",
    "likelihood": "likelihood bias",
}


def _drawn(
    name: str, ends: tuple[str, str], pairs: Sequence[JudgedPair], draw_N: Floats, besides: Sequence[Floats]
) -> tuple[Statistic, ...]:
    """The coefficient of one draw by both readings; the first carries the evidence of both."""
    if pairs and all(p.label_margin is not None for p in pairs):
        plain, by_degree = _fitted(pairs, draw_N, besides, _margins, _decided), None
    else:
        plain, by_degree = (
            _fitted(pairs, draw_N, besides, _decided),
            _fitted(pairs, draw_N, besides, partial(_by_degree, draws=[draw_N, *besides])),
        )
    fits = [fit for fit in (plain, by_degree) if fit is not None]
    upwards = [bool(fit.coefficients_F[0] > 0) for fit in fits]
    evidence = None
    if fits:
        p_value = max(fit.p_value(0) for fit in fits) if len(set(upwards)) == 1 else 1.0
        evidence = Evidence(p_value, f"{BIASES[name]}: {ends[0] if upwards[0] else ends[1]}")
    return (
        _coefficient(f"{name}/coefficient", draw_N, plain, evidence),
        _coefficient(f"{name}/coefficient_by_degree", draw_N, by_degree),
    )


def _coefficient(name: str, draw_N: Floats, fit: Firth | None, evidence: Evidence | None = None) -> Statistic:
    if fit is None:
        return Statistic(name, 0, UNKNOWN)
    return Statistic(name, int(np.count_nonzero(draw_N)), fit.interval(0), evidence)


def _fitted(
    pairs: Sequence[JudgedPair],
    draw_N: Floats,
    besides: Sequence[Floats],
    *qualities: Callable[[Sequence[JudgedPair]], Floats],
) -> Firth | None:
    """How the odds that `a` is preferred go with the draw, held against quality on the label's side.

    None where nothing is drawn: the two are always alike in this respect.
    """
    if not draw_N.any():
        return None
    held = [*besides, *(quality(pairs) * _labels(pairs) for quality in qualities)]
    # Where all are alike in something, or all labels tie, there is nothing to hold it against.
    features_N_F = np.stack([draw_N, *(one_N for one_N in held if one_N.any())], axis=1)
    return firth(features_N_F, np.array([float((p.chance or 0.0) > 0.5) for p in pairs]))


def _labels(pairs: Sequence[JudgedPair]) -> Floats:
    return np.array([SIGN[p.label] for p in pairs if p.label is not None])


def _decided(pairs: Sequence[JudgedPair]) -> Floats:
    return np.abs(_labels(pairs))


def _margins(pairs: Sequence[JudgedPair]) -> Floats:
    return np.array([abs(p.label_margin or 0.0) for p in pairs]) * _decided(pairs)


def _by_degree(pairs: Sequence[JudgedPair], draws: Sequence[Floats]) -> Floats:
    """How much better the better answer is on average, in the units of a logistic quality; 0 where the label ties."""
    labels_N = _labels(pairs)
    draws_N_F = np.stack([draw_N for draw_N in draws if draw_N.any()], axis=1)
    decided_N = labels_N != 0
    foretold = firth(draws_N_F[decided_N], (labels_N[decided_N] > 0).astype(float))
    if foretold is None:
        return np.abs(labels_N)
    middle_N = (draws_N_F @ foretold.coefficients_F) * labels_N
    return np.logaddexp(0, middle_N) / special.expit(middle_N) * decided_N


def _recognised(name: str, pairs: Sequence[JudgedPair], draw_N: Floats) -> Statistic:
    labels_N = _labels(pairs)
    right_N = np.array([(p.chance or 0.0) > 0.5 for p in pairs]) == (labels_N > 0)
    with_N, against_N = (labels_N * draw_N > 0), (labels_N * draw_N < 0)
    n_with, n_against = int(with_N.sum()), int(against_N.sum())
    value = share_difference(int(right_N[with_N].sum()), n_with, int(right_N[against_N].sum()), n_against)
    return Statistic(name, n_with + n_against, value)


def _accuracy_matched(pairs: Sequence[JudgedPair]) -> Statistic:
    matched = [
        p
        for p in pairs
        if p.label != "tie" and min(p.length_a, p.length_b) >= (1 - MATCHED) * max(p.length_a, p.length_b)
    ]
    right = sum(((p.chance or 0.0) > 0.5) == (p.label == "a") for p in matched)
    return share("length/accuracy_matched", right, len(matched))
