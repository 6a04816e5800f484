"""How answers are criticised and revised before anybody learns from them."""

from typing import Annotated

from pydantic import Field

from loop.config_section import Count, Names, Section


class Revise(Section):
    passes: Annotated[int, Field(ge=0, le=4)] = 0
    """Times that each answer is criticised and revised by its own writer, each time by another draw of a principle; 0
    revises nothing."""
    tags: Names = ()
    """Tags of the prompts whose answers are revised, any one of them; none named revises all answers."""
    critique: bool = True
    """Have the answer criticised first, and the critique shown where it is revised; else it is revised at once."""
    accept_score: float | None = None
    """A revision of which its writer expects at least this score is accepted, and its answer revised no further; none
    goes through all passes."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    """Sampling temperature of critiques and revisions."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Nucleus sampling of critiques and revisions."""
    max_tokens: Count = 48
    """Longest revision in tokens; one that is cut off here is kept, marked, and never learnt from."""
    critique_tokens: Count = 32
    """Longest critique in tokens. One that is cut off here is shown as far as it goes."""

    def idle(self) -> set[str]:
        """The leaves that decide nothing: all where nothing is revised, or a critique's length where none is asked."""
        if not self.passes:
            return set(type(self).model_fields)
        return set() if self.critique else {"critique_tokens"}
