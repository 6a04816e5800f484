"""The settings of how candidate answers are written, and which older ones stand beside them."""

from typing import Annotated

from pydantic import Field

from loop.config_section import Count, Section


class Generate(Section):
    samples: Annotated[int, Field(ge=2)] = 6
    """Answers to each prompt; the best and the worst of them make a pair, so at least 2."""
    temperature: Annotated[float, Field(gt=0, le=2)] = 1.0
    """Sampling temperature, above 0 (greedy answers would all be the same) and at most 2."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Nucleus sampling: the smallest set of tokens with this much probability. 1 keeps all."""
    max_tokens: Count = 48
    """Longest answer in tokens. An answer cut off here is never chosen in a pair."""
    seed_samples: Annotated[int, Field(ge=0)] = 0
    """Answers to each prompt that the policy of iteration 0 writes beside those: they may be rejected, never
    chosen, so that the two never come too near (Temporal Self-Rewarding). There are none while it is the policy."""
    past_winners: bool = False
    """Have what was chosen for the same prompt in an earlier iteration of the run stand beside the new answers."""

    def idle(self) -> set[str]:
        """The leaves that decide nothing: those that are off."""
        return {leaf for leaf in ("seed_samples", "past_winners") if not getattr(self, leaf)}
