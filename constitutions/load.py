"""A constitution from its YAML file: strict, frozen, and named by the digest of its canonical form."""

from pathlib import Path
from reprlib import repr as short_repr
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from constitutions.fill import placeholders
from constitutions.strict_yaml import MAX_CHARACTERS, StrictYamlError, load_strict_yaml
from runs.canonical import digest
from runs.errors import ConfigError

Method = Literal[
    "rubric", "expected", "pairwise", "pairwise_reasoned", "proposition", "meta", "critique", "revision", "new_prompt"
]
ALLOWED: dict[str, set[str]] = {
    "rubric": {"request", "response"},
    "expected": {"request", "response"},
    "pairwise": {"principle", "request", "response_a", "response_b"},
    "pairwise_reasoned": {"principle", "request", "response_a", "response_b"},
    "proposition": {"proposition", "request", "response"},
    "meta": {"request", "response", "judgment_a", "judgment_b"},
    "critique": {"principle", "request", "response"},
    "revision": {"principle", "request", "response", "critique"},
    "new_prompt": {"examples"},
}
# A question without these is about nothing, and its answers would look like any others.
JUDGED = {"response", "response_a", "response_b", "judgment_a", "judgment_b", "critique", "proposition", "examples"}

# Blanks around a text are the file's layout, not what it says.
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Principle(Frozen):
    """One sentence of what is good, with the reasons for it."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    text: Text
    reasons: str = ""
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    scope: tuple[str, ...] = ()


class Scale(Frozen):
    """The scores that exist: the whole numbers from `low` to `high`."""

    low: Annotated[int, Field(ge=-1000)]
    high: Annotated[int, Field(le=1000)]

    @model_validator(mode="after")
    def _ordered(self) -> "Scale":
        if self.low >= self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        return self


class Constitution(Frozen):
    """Principles in order of precedence, the question of each judging method, and the scale of scores."""

    name: Text
    scale: Scale
    principles: tuple[Principle, ...] = ()
    propositions: dict[str, Text] = {}
    questions: dict[Method, Text]

    @model_validator(mode="after")
    def _consistent(self) -> "Constitution":
        ids = [p.id for p in self.principles]
        for repeated in {i for i in ids if ids.count(i) > 1}:
            raise ValueError(f"two principles are called {repeated!r}")
        for method, question in self.questions.items():
            shown = placeholders(question)
            if strange := shown - ALLOWED[method]:
                raise ValueError(f"question {method!r} has a placeholder that nobody fills: {sorted(strange)}")
            if hidden := JUDGED & ALLOWED[method] - shown:
                raise ValueError(f"question {method!r} never shows what it asks about: {sorted(hidden)}")
        return self

    @property
    def digest(self) -> str:
        """The name of what this constitution says, whatever its file looks like."""
        return digest(self.model_dump(mode="json"))

    def question(self, method: Method) -> str:
        """The question of `method`. Raises ConfigError where this constitution does not ask it."""
        if method not in self.questions:
            asked = ", ".join(self.questions) or "nothing"
            raise ConfigError(f"constitution {self.name!r} asks {asked}, not {method}; add it under `questions:`")
        return self.questions[method]

    def principle(self, id: str) -> Principle:
        """The principle called `id`. Raises KeyError."""
        return {p.id: p for p in self.principles}[id]


def shipped(name: str) -> Path:
    """The file of a constitution that comes with selfsame."""
    return Path(__file__).parent / f"{name}.yaml"


def find_constitution(name: str) -> Constitution:
    """The constitution that a configuration names: a shipped one, or a YAML file. Raises ConfigError."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else shipped(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in Path(__file__).parent.glob("*.yaml")))
        raise ConfigError(f"constitution={name}: no such file; the shipped ones are {known}, or name a .yaml file")
    return load_constitution(path)


def load_constitution(path: Path) -> Constitution:
    """The constitution in `path`. Raises ConfigError with the file, the place in it, the value and the reason."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_CHARACTERS + 1)  # enough to see that it is too long
        return Constitution.model_validate(load_strict_yaml(text))
    except (OSError, UnicodeDecodeError, StrictYamlError) as error:
        raise ConfigError(f"{path}: {error}") from error
    except ValidationError as error:
        says = "; ".join(
            f"{'.'.join(map(str, detail['loc'])) or 'constitution'} = {short_repr(detail['input'])}: {detail['msg']}"
            for detail in error.errors()
        )
        raise ConfigError(f"{path}: {says}") from error
