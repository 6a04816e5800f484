"""The preference model's settings: from whose labels it learns, from where it starts, and how it is trained."""

from typing import Annotated, Literal

from pydantic import Field

from loop.config_section import Count, Names, Positive, Section
from loop.unasked import learns_from_pairs


class Preference(Section):
    source: Literal["none", "pairs", "labels", "hybrid"] = "none"
    """Whose preferences it learns: of the judge (`pairs`, this iteration's), of people (`labels`, a file), the judge's
    about risky prompts and people's about all others (`hybrid`); or `none`, and there is no preference model."""
    labels: str | None = None
    """A JSONL file of pairs that people compared (`selfsame label export --pairs`): `prompt`, `chosen`, `rejected` and,
    if they differ from 1, `label_probability` and `weight`; or the simulated people's labels, `microworld`."""
    models: Literal["one", "by_safety"] = "one"
    """`one` of all pairs; `by_safety` two, as in Llama 2: `safety` of risky prompts, `helpfulness` of all others."""
    safety_tags: Names = ("harm=yes", "harm=obvious", "harm=subtle")
    """Tags of the prompts that are risky, any one of them."""
    pooled: bool = False
    """Learn from the judge's pairs of all iterations of the run so far, and not of this one alone."""
    start: Literal["base", "policy"] = "base"
    """What gets a head and is trained: the model without an adapter, or the policy promoted last."""
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Llama 2's margin: how much more reward the better answer should have where it is better for certain; less, where
    the label is less sure or the judge's scores are near each other; 0 asks for none."""
    held_out_frac: Annotated[float, Field(ge=0, lt=1)] = 0.15
    """Share of the prompts that it never learns from, in any iteration: it is calibrated and evaluated on them."""
    patience: Count | None = None
    """End the training after so many epochs in a row without a lower held-out loss; none goes on to the last."""
    learning_rate: Positive = 2e-3
    """AdamW's peak learning rate, after a rise over a tenth of the steps; from there it falls to 0."""
    epochs: Count = 1
    """Passes over the pairs. More make it memorise them; the weights of the lowest held-out loss are what is kept."""
    batch_size: Count = 16
    """Pairs a gradient step."""
    micro_batch_size: Count = 8
    """Pairs computed at once; `batch_size` must be a multiple of it. Lower it where memory runs out."""
    max_length_tokens: Annotated[int, Field(ge=2)] = 512
    """Longest prompt with answer, in tokens. A longer pair is counted and left out, never cut."""
    lora_rank: Annotated[int, Field(ge=1, le=512)] = 16
    """Rank of its adapter. One that goes on from a policy keeps that one's."""
    lora_alpha: Positive = 32
    """Scale of its adapter; its product is multiplied by alpha / rank."""

    @property
    def is_on(self) -> bool:
        """Whether there is a preference model."""
        return self.source != "none"

    @property
    def wants_pairs(self) -> bool:
        """Whether it learns from pairs that the judge made."""
        return learns_from_pairs(self.source)

    @property
    def wants_labels(self) -> bool:
        """Whether it learns from a file of labels."""
        return self.source in ("labels", "hybrid")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the models."""
        return ("safety", "helpfulness") if self.models == "by_safety" else ("all",)

    def idle(self) -> set[str]:
        """The leaves that decide nothing: all where there is no preference model."""
        if not self.is_on:
            return set(type(self).model_fields)
        read = {
            "labels": self.wants_labels,
            "pooled": self.wants_pairs,
            "safety_tags": self.source == "hybrid" or self.models == "by_safety",
            "patience": self.held_out_frac > 0,
        }
        return {leaf for leaf, needed in read.items() if not needed}
