"""A principle: one sentence of what is good, why, where it holds, and who says so."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from constitutions.fill import placeholders
from constitutions.prose import unwrapped
from constitutions.strict_yaml import HIDDEN, unseen

Use = Literal["critique", "comparison", "probe"]
"""What a principle is for. A `probe` is said only in an audit, to see whether verdicts turn with the principle."""


def refusal(reason: str, *at: str | int) -> PydanticCustomError:
    """What a validator raises about the value `at` these keys below its own, so that its line can be named."""
    return PydanticCustomError("constitution", "{reason}", {"reason": reason, "at": at})


def _visible(text: str) -> str:
    if hidden := HIDDEN.search(text):  # spelt with a backslash
        raise refusal(unseen(hidden[0]))
    return text


def _without_placeholders(text: str) -> str:
    if names := placeholders(text):
        raise refusal(f"a placeholder that nobody fills: {sorted(names)}; only questions have placeholders")
    return text


def as_set(values: tuple[str, ...]) -> tuple[Any, ...]:
    """The values once each and sorted: their order says nothing, so it must not change the digest."""
    return tuple(sorted(set(values)))


# Blanks around a text, and the line breaks within a paragraph, are the file's layout and not what it says.
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_visible)]
Prose = Annotated[str, AfterValidator(_visible), AfterValidator(unwrapped), AfterValidator(_without_placeholders)]
Saying = Annotated[Text, AfterValidator(unwrapped), AfterValidator(_without_placeholders)]
ID = r"^[a-z0-9][a-z0-9_-]{0,62}$"
Id = Annotated[str, Field(pattern=ID)]
PROMPT_CLASS = r"^[^\s=]+=\S"
PromptClass = Annotated[str, StringConstraints(strip_whitespace=True, pattern=PROMPT_CLASS)]


def in_scope(scope: Collection[str], tags: Mapping[str, str]) -> bool:
    """Whether a prompt with these tags is of one of the classes in `scope`; an empty scope is every prompt's."""
    return not scope or any(f"{tag}={value}" in scope for tag, value in tags.items())


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Examples(Frozen):
    """Short texts that follow a principle, and short texts that break it."""

    follows: tuple[Text, ...] = ()
    breaks: tuple[Text, ...] = ()


class Votes(Frozen):
    """How one group of people voted on a statement."""

    agree: int
    disagree: int
    passed: int = 0


class Provenance(Frozen):
    """Who says so, and who may use it. No model sees it and no digest holds it: an approval must not re-judge a run.

    `place` is where in the source it stands, `votes` what each group of people said to it, `merged` what else stood
    there and says the same.
    """

    source: str = ""
    place: str = ""
    licence: str = ""
    author: str = ""
    approver: str = ""
    votes: dict[str, Votes] = Field(default_factory=dict)
    merged: tuple[str, ...] = ()


class Principle(Frozen):
    """One sentence of what is good, with the reasons for it.

    `weight` counts its vote. `scope` are the prompt classes for which it holds ("tag=value"; any of them; empty: all
    prompts). `critique` and `revision` are said in the place of `text` where a model criticises and where it revises.
    `opposite` names the principle that wants the contrary: a judge that heeds principles turns its verdicts with them.
    """

    id: Id
    text: Saying
    reasons: Prose = ""
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    scope: Annotated[tuple[PromptClass, ...], AfterValidator(as_set)] = ()
    use: Annotated[tuple[Use, ...], Field(min_length=1), AfterValidator(as_set)] = ("comparison", "critique")
    critique: Prose = ""
    revision: Prose = ""
    opposite: Id | None = None
    examples: Examples = Examples()
    provenance: Provenance = Provenance()

    @model_validator(mode="after")
    def _requests_are_used(self) -> "Principle":
        if "critique" not in self.use and (self.critique or self.revision):
            raise refusal("has words for critiques and revisions, and `use` leaves critique out", "use")
        return self
