"""How much better a judge thinks of answers than an anchor that does not move: the gap that over-optimisation opens.

`proxy` is the judge that trains; `anchor` a frozen one, the seed's own. Whatever both get wrong alike is not seen here
(2608.08002): labels from people see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from judges.statistics import Estimate, mean_difference, proportion


@dataclass(frozen=True)
class Scored:
    """An answer by both judges, and `before`: what the anchor says of the seed policy's answer to the same prompt."""

    proxy: float
    anchor: float
    before: float


@dataclass(frozen=True)
class ProxyGap:
    """All over the same `n` prompts, so paired.

    `gap` is the mean of proxy less anchor, `anchor_change` that of the anchor now less before. `fooled_frac` (0..1) is
    the share of prompts whose answer the proxy puts above what the seed policy's answer got and the anchor puts below
    it: hidden by means in a quarter of published settings (2606.03238).
    """

    n: int
    gap: Estimate
    anchor_change: Estimate
    fooled_frac: Estimate


def proxy_gap(scored: Sequence[Scored], seed: int) -> ProxyGap:
    """The gap with its intervals of 95 %; `seed` is the bootstrap's. All None where nothing was scored by both."""
    proxies, anchors, befores = ([getattr(one, name) for one in scored] for name in ("proxy", "anchor", "before"))
    fooled = sum(one.proxy > one.before > one.anchor for one in scored)
    return ProxyGap(
        len(scored),
        mean_difference(anchors, proxies, seed),
        mean_difference(befores, anchors, seed),
        proportion(fooled, len(scored)),
    )
