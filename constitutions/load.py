"""A constitution from its file: strict, frozen, and named by the digest of its canonical form."""

import difflib
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from constitutions.extends import Origins, Part, parts_of, put_together
from constitutions.faults import sentence
from constitutions.files import READERS, shipped_files
from constitutions.fill import placeholders
from constitutions.principle import Frozen, Id, Principle, Prose, Provenance, Saying, Text, as_set, refusal
from constitutions.response_types import ResponseType, check
from runs.canonical import digest
from runs.errors import ConfigError

Method = Literal[
    "rubric", "expected", "pairwise", "pairwise_reasoned", "proposition", "meta", "critique", "revision",
    "direct_revision", "new_prompt",
]  # fmt: skip
SHOWN: dict[str, set[str]] = {
    "rubric": {"request", "response"},
    "expected": {"request", "response"},
    "pairwise": {"principle", "request", "response_a", "response_b"},
    "pairwise_reasoned": {"principle", "request", "response_a", "response_b"},
    "proposition": {"proposition", "request", "response"},
    "meta": {"request", "response", "judgment_a", "judgment_b"},
    "critique": {"principle", "request", "response"},
    "revision": {"principle", "request", "response", "critique"},
    "direct_revision": {"principle", "request", "response"},
    "new_prompt": {"examples"},
}
EXEMPLARS_OF: dict[str, set[str]] = {
    "exemplars": {"rubric", "expected"},
    "exemplars_compared": {"pairwise", "pairwise_reasoned"},
    "exemplars_revised": {"critique", "revision", "direct_revision"},
}
"""By the field that holds exemplars, the questions that they are shown ahead of."""
DEFAULTS: dict[Method, str] = {
    "direct_revision": "{principle}\nrequest: {request}\nanswer: {response}\nwrite a better answer.",
}
"""What is asked by a constitution that has no such question of its own. Part of what every digest means, for ever."""
MAX_FAULTS = 20  # named at once


class Scale(Frozen):
    """The scores that exist: the whole numbers from `low` to `high`."""

    low: Annotated[int, Field(ge=-1000)]
    high: Annotated[int, Field(le=1000)]

    @model_validator(mode="after")
    def _ordered(self) -> "Scale":
        if self.low >= self.high:
            raise refusal(f"low {self.low} is not below high {self.high}")
        return self


class Exemplar(Frozen):
    """An answer with its score and why, which a judge of single answers is shown before those that it judges."""

    request: Text
    response: Text
    score: int
    reasons: Prose = ""


class ComparedExemplar(Frozen):
    """Two answers, which of them is better and why, shown to a judge of two ahead of those that it compares."""

    request: Text
    better: Text
    worse: Text
    reasons: Prose = ""


class RevisedExemplar(Frozen):
    """An answer with what was asked about it, its critique and its revision, shown to whoever criticises or revises."""

    request: Text
    response: Text
    critique_request: Saying
    critique: Text
    revision_request: Saying
    revision: Text


class Constitution(Frozen):
    """Principles in order of precedence, the question of each judging method, and the scale of scores.

    `order` says how principles are shown: as listed, or shuffled for each judgment. `explain` names what a model is
    shown of a principle beside its text. `exemplars` are shown ahead of the questions `expected` and `rubric`,
    `exemplars_compared` ahead of `pairwise` and `pairwise_reasoned`, `exemplars_revised` ahead of `critique`,
    `revision` and `direct_revision`. A default is part of what every digest means, so it can never change.
    """

    name: Text
    scale: Scale
    order: Literal["listed", "shuffled"] = "listed"
    explain: Annotated[tuple[Literal["reasons", "examples"], ...], AfterValidator(as_set)] = ()
    principles: tuple[Principle, ...] = ()
    propositions: dict[Id, Saying] = Field(default_factory=dict)
    response_types: dict[Id, ResponseType] = Field(default_factory=dict)
    questions: dict[Method, Text]
    exemplars: tuple[Exemplar, ...] = ()
    exemplars_compared: tuple[ComparedExemplar, ...] = ()
    exemplars_revised: tuple[RevisedExemplar, ...] = ()
    provenance: Provenance = Provenance()

    @model_validator(mode="after")
    def _consistent(self) -> "Constitution":
        ids: set[str] = set()
        for nth, principle in enumerate(self.principles):
            if principle.id in ids:
                raise refusal(f"two principles are called {principle.id!r}", "principles", nth, "id")
            ids.add(principle.id)
        for nth, principle in enumerate(self.principles):
            if principle.opposite is not None and principle.opposite not in ids - {principle.id}:
                raise refusal(f"no other principle is called {principle.opposite!r}", "principles", nth, "opposite")
        for method, question in self.questions.items():
            shown = placeholders(question)
            if strange := shown - SHOWN[method]:
                near = [one for one in sorted(SHOWN[method]) if one in {name.strip().lower() for name in strange}]
                hint = f"; did you mean {', '.join(f'{{{one}}}' for one in near)}?" if near else ""
                raise refusal(f"a placeholder that nobody fills: {sorted(strange)}{hint}", "questions", method)
            if hidden := SHOWN[method] - shown:  # it would be about nothing, and answered like any other
                raise refusal(f"never shows what it asks about: {sorted(hidden)}", "questions", method)
        for nth, exemplar in enumerate(self.exemplars):
            if not self.scale.low <= exemplar.score <= self.scale.high:
                raise refusal(f"the scale has no score {exemplar.score}", "exemplars", nth, "score")
        for field, methods in EXEMPLARS_OF.items():
            if getattr(self, field) and not methods & self.questions.keys():
                raise refusal(f"shown before the questions {' and '.join(sorted(methods))}, and none is there", field)
        check(self.response_types, self.propositions)
        return self

    @property
    def digest(self) -> str:
        """The name of what this constitution says, whatever its file looks like and whoever approved it."""
        return digest(self.said)

    @property
    def said(self) -> dict[str, Any]:
        """The canonical form: all that it says, as JSON values.

        Fields at their defaults are left out, so that a field which is new in the format renames no old constitution.
        """
        said = self.model_dump(
            mode="json", exclude_defaults=True, exclude={"provenance": True, "principles": {"__all__": {"provenance"}}}
        )
        if "response_types" in said:
            said["response_types"] = list(said["response_types"].items())  # the first that fits is the one
        return said

    def question(self, method: Method) -> str:
        """The question of `method`. Raises ConfigError where this constitution does not ask it."""
        if method in DEFAULTS:
            return self.questions.get(method, DEFAULTS[method])
        if method not in self.questions:
            asked = ", ".join(self.questions) or "nothing"
            raise ConfigError(f"constitution {self.name!r} asks {asked}, not {method}; add it under `questions:`")
        return self.questions[method]

    def principle(self, id: str) -> Principle:
        """The principle called `id`. Raises KeyError."""
        return {p.id: p for p in self.principles}[id]


def as_said(said: dict[str, Any]) -> Constitution:
    """The constitution of which this is the canonical form, without its provenance."""
    types = {"response_types": dict(said["response_types"])} if "response_types" in said else {}
    return Constitution.model_validate({**said, **types})


def find_constitution(name: str, setting: str = "constitution=") -> Constitution:
    """The constitution that a setting names: a shipped one, or a file. Raises ConfigError."""
    return load_constitution(constitution_file(name, setting))


def constitution_file(name: str, setting: str = "constitution=") -> Path:
    """The file of the constitution that a setting names. Raises ConfigError where there is none to read."""
    path = shipped_files().get(name, Path(name))
    if not os.path.isfile(path):
        known = ", ".join(shipped_files())
        near = difflib.get_close_matches(name, shipped_files(), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"{setting}{name}: no such file; {hint}shipped are {known}, or name a .yaml or .md file")
    if path.suffix not in READERS:
        raise ConfigError(
            f"{setting}{name}: a constitution is read from {', '.join(READERS)}, and not from "
            f"{path.suffix or 'a file without such an ending'}; rename the file to what it holds"
        )
    return path


def load_constitution(path: Path) -> Constitution:
    """The constitution in `path`. Raises ConfigError with the file and, for each fault, its line, place and reason."""
    return validated(parts_of(path))[0]


def load_with_origins(path: Path) -> tuple[Constitution, Origins]:
    """The constitution in `path`, and the file and line of each of its values. Raises ConfigError."""
    return validated(parts_of(path))


@lru_cache(maxsize=32)
def validated(parts: tuple[Part, ...]) -> tuple[Constitution, Origins]:
    """The constitution that the texts of its files mean, and the origin of each value. Raises ConfigError.

    Kept by the texts, since every preflight, desk and estimate reads them again.
    """
    tree, origins = put_together(parts)
    try:
        return Constitution.model_validate(tree), origins
    except ValidationError as error:
        # What holds values that are refused one by one counts as empty too, which it is not.
        details = [detail for detail in error.errors() if detail["type"] != "too_short" or not detail["input"]]
        faults = [sentence(detail, origins, Constitution) for detail in details[:MAX_FAULTS]]
        more = len(details) - len(faults)
        raise ConfigError("\n".join([*faults, *([f"and {more} more"] if more else [])])) from error
