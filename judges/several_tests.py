"""Several tests at once: p-values that hold for all of them together."""

from collections.abc import Sequence


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number, in their order (Holm 1979)."""
    adjusted, least = [0.0] * len(ps), 0.0
    for nth, place in enumerate(sorted(range(len(ps)), key=lambda n: ps[n])):
        least = max(least, min(1.0, (len(ps) - nth) * ps[place]))
        adjusted[place] = least
    return adjusted
