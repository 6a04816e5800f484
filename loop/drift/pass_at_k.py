"""What a policy gets right on prompts whose answer can be checked: once, and within several tries."""

from collections.abc import Sequence
from math import comb
from statistics import fmean


def pass_at_k(right: Sequence[Sequence[bool]], k: int) -> float:
    """The mean chance (0..1) that of k answers to a prompt at least one is right; `right` has k or more of each prompt.

    The unbiased estimate 1 - C(n - c, k) / C(n, k) for c of n answers right (Chen et al., 2107.03374). Where pass@1
    rises and pass@k of a larger k falls, the policy sharpens what it could do already (2504.13837).
    """
    return fmean(1 - comb(len(own) - sum(own), k) / comb(len(own), k) for own in right)
