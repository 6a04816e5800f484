"""What is measured of a run's drift beyond what each policy is measured by anyway."""

from typing import Annotated

from pydantic import Field

from loop.config_section import Section


class Drift(Section):
    judge: bool = True
    """Hold the judge against the seed's judge and the one before, on the policy's answers and on labelled pairs."""
    policy: bool = True
    """Measure how diverse, how undecided, how evasive and how far from the seed's the policy's answers are."""
    prompts: bool = True
    """Measure how far the training prompts are from the held-out ones, and how the judge fares far from them."""
    signal: bool = True
    """Measure how alike the two of a pair are, what training did to labelled answers, and how far the weights went."""
    items: Annotated[int, Field(ge=0)] = 64
    """Held-out prompts answered several times, and labelled pairs that are read; 0 measures no drift at all."""
    samples: Annotated[int, Field(ge=2)] = 2
    """Answers to each of these prompts, at temperature 1: for diversity within a prompt."""

    def idle(self) -> set[str]:
        """The leaves that decide nothing."""
        return set() if self.policy else {"samples"}
