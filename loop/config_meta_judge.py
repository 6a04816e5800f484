"""The meta-judge's settings: what the judge learns from pairs of its own judgments."""

from typing import Annotated

from pydantic import Field

from loop.config_section import Count, Fraction, Section


class MetaJudge(Section):
    max_frac: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest share of the pairs trained on that are pairs of judgments, chosen by the policy as meta-judge of its own
    written ones (Meta-Rewarding); 0 asks no meta-judge. In a phase it is for some iterations only. With
    `judge.adapter=own` the judge's adapter alone learns from them, at most this share of all pairs."""
    max_characters: Count = 1100
    """Longest judgment that is chosen, in characters: judges grow verbose too."""
    strip_scores: bool = False
    """Hide from the meta-judge what each judgment concludes, so that the reasons must speak."""
    min_mass: Fraction = 0.5
    """Least probability that A and B must have together, or there is no verdict."""
