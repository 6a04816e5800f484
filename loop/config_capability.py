"""The settings of what a policy can do: held-out prompts with a known answer, for measuring and never for training."""

from typing import Annotated, Literal

from pydantic import Field

from loop.config_section import Count, Section


class Capability(Section):
    prompts: str | None = None
    """Prompts whose right answer is known, as their tag `reference`: `microworld`, a file, or none. No judge and no
    training sees them; guards may."""
    count: Count = 512
    """How many of them, the same in every iteration."""
    samples: Annotated[int, Field(ge=1)] = 1
    """Answers to each at temperature 1, beside the greedy one: what pass@k is estimated from, for k up to this."""
    match: Literal["says", "exact", "number", "words"] = "says"
    """When an answer is right: it `says` the reference somewhere; or is it, by the rules of `judge.verifier`."""
    max_tokens: Count = 48
    """Longest such answer, in tokens."""

    def idle(self) -> set[str]:
        """The leaves that decide nothing: all where no prompts are named."""
        return set() if self.prompts else set(type(self).model_fields)
