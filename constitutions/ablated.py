"""A constitution with one principle less, with one turned into its opposite, or with none: to see what each one does.

What is left keeps its ids and its order, and a draw depends on ids alone: nothing else changes than what is meant to.
"""

from typing import Any

from constitutions.load import Constitution
from constitutions.principle import Principle
from runs.errors import ConfigError

SAID = ("text", "reasons", "critique", "revision", "examples")
"""What of a principle a model is shown."""
NOTHING = Principle(id="no-principle", text="which is better?")
"""What a judge is told where it is told no principle: only what every question by principle asks anyway."""


def without(constitution: Constitution, id: str) -> Constitution:
    """The constitution without that principle. Raises KeyError where it has none of that id."""
    constitution.principle(id)
    left = [_unopposed(one, id) for one in constitution.principles if one.id != id]
    return _with(constitution, f"without {id}", left)


def opposed(constitution: Constitution, id: str) -> Constitution:
    """The constitution in which that principle says what its opposite says, in its own place and with its own weight.

    Raises KeyError where it has no principle of that id, and ConfigError where the principle names no opposite.
    """
    opposite = constitution.principle(id).opposite
    if opposite is None:
        raise ConfigError(
            f"the principle {id!r} of constitution {constitution.name!r} names no opposite; add a principle that wants "
            f"the contrary, with `use: [probe]`, and name it as `opposite:` of {id!r}"
        )
    says = constitution.principle(opposite)
    words = {field: getattr(says, field) for field in SAID}
    turned = [one.model_copy(update=words) if one.id == id else one for one in constitution.principles]
    return _with(constitution, f"with the opposite of {id}", turned)


def bare(constitution: Constitution) -> Constitution:
    """The constitution with no principle: whoever judges, criticises or revises by it is left to its own taste."""
    return _with(constitution, "without principles", [NOTHING])


def _unopposed(principle: Principle, id: str) -> Principle:
    return principle.model_copy(update={"opposite": None}) if principle.opposite == id else principle


def _with(constitution: Constitution, how: str, principles: list[Principle]) -> Constitution:
    changed: dict[str, Any] = {"name": f"{constitution.name}, {how}", "principles": tuple(principles)}
    # Read anew, so that what cannot stand as a file is refused here.
    return Constitution.model_validate(constitution.model_copy(update=changed).model_dump(exclude_defaults=True))
