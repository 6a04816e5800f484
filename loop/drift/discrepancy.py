"""Whether two policies' answers to the same prompts come from one distribution: MMD with a permutation test."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from judges.audit.distance import vectors

Floats = NDArray[np.float64]
PERMUTATIONS = 999


class Discrepancy(NamedTuple):
    """MMD squared, which chance takes below 0, and how likely equal policies are at least as far apart."""

    mmd2: float
    p_value: float


def discrepancy(own: Sequence[str], seed_policy: Sequence[str], seed: int) -> Discrepancy:
    """Of a policy's answers and the seed policy's, one each to the same two or more prompts; `seed` draws permutations.

    The kernel is Gaussian over hashed words, as wide as the median distance of the seed policy's answers, which stays
    the same in every iteration (Gretton et al., JMLR 13, 2012).
    """
    both_2N_B = vectors([*own, *seed_policy])
    n = len(own)
    squares_2N_2N = np.clip(2 - 2 * both_2N_B @ both_2N_B.T, 0, None)
    of_seed = squares_2N_2N[n:, n:][np.triu_indices(n, 1)]
    width = float(np.median(of_seed)) or 1.0  # where the seed policy says one thing, any width will do
    return paired_mmd(np.exp(-squares_2N_2N / width), seed)


def paired_mmd(kernel_2N_2N: Floats, seed: int, permutations: int = PERMUTATIONS) -> Discrepancy:
    """The unbiased MMD squared of N things and N others, and its p-value from swapping partners.

    The i-th of either is a pair (answers to one prompt), and terms within a pair are left out. Where both have one
    distribution, either of a pair could as well be the other: swapping flips the signs of its row and its column.
    """
    n = len(kernel_2N_2N) // 2
    h_N_N = (
        kernel_2N_2N[:n, :n] + kernel_2N_2N[n:, n:] - kernel_2N_2N[:n, n:] - kernel_2N_2N[n:, :n]
    )  # h((x_i, y_i), (x_j, y_j)) of Gretton et al., lemma 6
    np.fill_diagonal(h_N_N, 0.0)
    seen = float(h_N_N.sum())
    signs_P_N = np.random.default_rng(seed).choice((-1.0, 1.0), size=(permutations, n))
    swapped_P = ((signs_P_N @ h_N_N) * signs_P_N).sum(axis=1)
    # What rounding alone tells apart is equal: two policies that say the same are at no distance in any permutation.
    as_far = int((swapped_P >= seen - 1e-9 * max(1.0, abs(seen))).sum())
    return Discrepancy(seen / (n * (n - 1)), (1 + as_far) / (1 + permutations))
