"""What log-probabilities of answers say: how undecided a policy is, and how it finds text that another one wrote."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Logprobs = Sequence[float]
"""Of the tokens of one answer, in nats."""
RARE_FRAC = 0.1


def entropy_nats(answers: Sequence[Logprobs]) -> tuple[float, float]:
    """The entropy of a policy's answers, in nats an answer and in nats a token.

    The log-probabilities are the policy's own, of answers that it sampled at temperature 1 from all tokens: then the
    mean of -log p(answer) is an unbiased estimate of the entropy of its answers, and divided by their mean length it is
    that of a token where answers go (the exact one would need every token's probability, and has the same mean).
    """
    surprise = math.fsum(-logprob for answer in answers for logprob in answer)
    return surprise / len(answers), surprise / sum(len(answer) for answer in answers)


def perplexity(texts: Sequence[Logprobs]) -> float:
    """exp of the mean negative log-probability of a token."""
    return math.exp(-_joined(texts).mean())


def rare_token_nll_nats(texts: Sequence[Logprobs], seed: Sequence[Logprobs]) -> float:
    """The mean negative log-probability of the tenth of the tokens that the seed policy finds least likely, in nats.

    `seed` has the seed's log-probabilities of the same tokens. A collapsing policy loses the tail first (2305.17493).
    Raises ValueError where the tokens are not the same number.
    """
    own_T, seed_T = _joined(texts), _joined(seed)
    if own_T.shape != seed_T.shape:
        raise ValueError(f"{len(own_T)} tokens read by the policy and {len(seed_T)} by the seed")
    rare_T = np.argsort(seed_T, kind="stable")[: max(1, round(RARE_FRAC * len(seed_T)))]
    return float(-own_T[rare_T].mean())


def _joined(texts: Sequence[Logprobs]) -> NDArray[np.float64]:
    return np.array([logprob for text in texts for logprob in text], dtype=float)
