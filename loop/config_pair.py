"""The settings of where preference pairs come from, which two answers make one, and how sure its label is."""

from typing import Annotated, Literal

from pydantic import Field

from loop.config_section import Count, Section
from loop.unasked import made_by_judge


class Pair(Section):
    source: Literal["judge", "labels", "demonstrations"] = "judge"
    """Whose preferences they are: the `judge`'s; people's, of a file of `labels`; or those of who wrote a file of
    `demonstrations`, each chosen over what the policy answers to its prompt (SPIN; prompts are then the file's)."""
    file: str | None = None
    """The file, as `preference.labels` and `train.demonstrations` name one; `microworld` is of the simulated people."""
    judged_frac: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the pairs that the judge makes where the others are people's labels."""
    min_margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    """Least difference between the best and the worst score (points; log-odds of comparisons). Ties never pair."""
    labels: Literal["hard", "soft", "margin", "consistency"] = "hard"
    """How probably the answer that the judge prefers is better: for certain (`hard`); as a judge that compares says,
    over both orders (`soft`); 1 / (1 + exp(-margin)) (`margin`); or as much as the judge and the one before it agree
    on the order of the answers (`consistency`: CREAM)."""
    consistency: Literal["iteration", "prompt"] = "iteration"
    """Over what their agreement is taken: all prompts of the `iteration`, or each `prompt` for itself."""
    ranked_by: Literal["judge", "implicit"] = "judge"
    """Whose rankings agree: those of the `judge` now and before; or, as CREAM's own, those of the policy now and before
    by how much likelier than the seed they find each answer (`implicit`: the reward that DPO stands for)."""
    length_control: Annotated[float, Field(ge=0, lt=0.5)] | None = None
    """Of the answers within this share of the score range from the top the shortest is chosen, of those within it from
    the bottom the longest rejected (Meta-Rewarding's rho); 0 lets length decide between equals; none has no regard."""
    max_longer_tokens: Count | None = None
    """Drop a pair whose chosen answer is longer than the rejected one by more tokens than this."""

    @property
    def judged(self) -> bool:
        """Whether the judge makes any of the pairs."""
        return made_by_judge(self.source, self.judged_frac)

    def idle(self) -> set[str]:
        """The leaves that decide nothing: those that are off, and those about what is off."""
        read = {
            "source": self.source != "judge",
            "file": self.source != "judge",
            "judged_frac": self.source == "labels" and self.judged_frac > 0,
            "consistency": self.labels == "consistency",
            "ranked_by": self.labels == "consistency" and self.ranked_by != "judge",
            "length_control": self.length_control is not None,
            "max_longer_tokens": self.max_longer_tokens is not None,
        }
        return {leaf for leaf, needed in read.items() if not needed}
