"""The settings of what the policy is asked: from which sources, in which shares, and what a model writes itself."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from loop.config_section import Count, Fraction, Names, Positive, Section, spelt_in_json

WRITING = frozenset(
    {"adapter", "examples", "temperature", "top_p", "max_tokens", "min_words", "max_words", "max_rouge_l", "attempts"}
)
"""The leaves about prompts that a model writes."""


class Part(Section):
    share: Positive
    """How large it is beside the other parts."""
    source: str | None = None
    """From where, named as in `prompts.source`; none is from there."""
    tags: Names = ()
    """Tags of its prompts, any one of them; none named takes all."""


Mix = Annotated[tuple[Part, ...], BeforeValidator(spelt_in_json)]


class Prompts(Section):
    source: str = "microworld"
    """From where: `microworld`, or a JSONL or Parquet file with `prompt`, or `messages` of several turns."""
    count: Count = 384
    """Prompts an iteration. A file is gone through in a seeded order, and again from its start when it ends."""
    mix: Mix = ()
    """What the source's prompts are made of, where not of all as they come: `{share: 0.3, tags: [harm=obvious]}` and so
    on, of `source: FILE` where that is another one. Shares are of their sum."""
    self_made_frac: Fraction = 0
    """Share of the prompts that a model writes after the example of others."""
    red_team_frac: Fraction = 0
    """Share of the prompts that a model writes after the example of those that are to be declined, and that the policy
    fails by its own judge. The leaves below are about what a model writes."""
    red_team_tags: Names = ("harm=yes", "harm=obvious", "harm=subtle")
    """The classes that are to be declined, by tag; as many new prompts are wanted of each that the source has."""
    red_team_score: Annotated[float, Field(allow_inf_nan=False)] = 2.0
    """Highest score of an answer that fails its prompt, on the judge's scale."""
    adapter: Literal["seed", "self"] = "seed"
    """Whose weights write them: those of iteration 0, or the policy that answers."""
    examples: Count = 4
    """Prompts shown each time, drawn from the source: those of one turn and of no other length than a new one's."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.6
    """Sampling temperature of new prompts. Higher ones are newer and make less sense; at 0 hardly any is new."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Nucleus sampling of new prompts."""
    max_tokens: Count = 48
    """Longest new prompt in tokens; one that is cut off here is dropped."""
    min_words: Count = 3
    """Fewest words of a new prompt; words are what stands between blanks."""
    max_words: Count = 150
    """Most words of a new prompt."""
    max_rouge_l: Fraction = 0.7
    """Highest ROUGE-L F1 of a new prompt with any of this iteration's and any new one before; 1 drops copies only."""
    attempts: Count = 8
    """Times that as many prompts are asked for as are wanted, before the source gives what is still lacking."""

    def idle(self) -> set[str]:
        """The leaves that decide nothing: shares that are 0, and what is about prompts that no model writes."""
        off = {leaf for leaf in ("mix", "self_made_frac", "red_team_frac") if not getattr(self, leaf)}
        if not self.red_team_frac:
            off |= {"red_team_tags", "red_team_score"}
        written = self.self_made_frac or self.red_team_frac
        return off if written else off | WRITING
