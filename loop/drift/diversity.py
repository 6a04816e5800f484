"""How different a policy's answers are, by the hashed words that they share (`judges.audit.distance`).

A policy that collapses says one thing whatever it is asked. The kernel of hashed words never changes, so that a number
means the same in every iteration; it depends on how many answers there are, so that only equal sets compare.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from judges.audit.distance import vectors

Floats = NDArray[np.float64]


def vendi_frac(answers: Sequence[str]) -> float:
    """The Vendi score (Friedman and Dieng, 2210.02410) by the number of answers: 1/n if all are alike, 1 if none is."""
    return vendi_score(cosines(answers)) / len(answers)


def vendi_score(similarity_N_N: Floats) -> float:
    """exp of the entropy of the eigenvalues of similarity / N, 1 to N: how many different things there are.

    The similarities are symmetric, positive semidefinite, and 1 of each with itself.
    """
    shares_N = np.linalg.eigvalsh(similarity_N_N / len(similarity_N_N))
    shares_N = shares_N[shares_N > 0]  # rounding leaves some a little below
    return float(np.exp(-(shares_N * np.log(shares_N)).sum()))


def prompt_independence(answers: Sequence[Sequence[str]]) -> float | None:
    """How like the answers to different prompts are, by how like those to one prompt are: 1 says that prompts are idle.

    `answers` are two or more for each of two or more prompts. None where answers to one prompt have no word in common.
    """
    prompt_N = np.repeat(np.arange(len(answers)), [len(own) for own in answers])
    cosines_N_N = cosines([text for own in answers for text in own])
    same_N_N = prompt_N[:, None] == prompt_N
    across = float(cosines_N_N[~same_N_N].mean())
    np.fill_diagonal(same_N_N, False)
    within = float(cosines_N_N[same_N_N].mean())
    return across / within if within > 0 else None


def cosines(answers: Sequence[str]) -> Floats:
    """The cosine (N, N) of each two answers; 1 of each with itself, also where it has no word."""
    vectors_N_B = vectors(answers)
    cosines_N_N = vectors_N_B @ vectors_N_B.T
    wordless_N = ~vectors_N_B.any(axis=1)
    cosines_N_N[np.ix_(wordless_N, wordless_N)] = 1.0  # saying nothing twice is saying the same
    np.fill_diagonal(cosines_N_N, 1.0)
    return cosines_N_N
