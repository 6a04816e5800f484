"""What every section of the configuration is made of."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def _names(given: Any) -> Any:
    """A list as the command line spells it, `seed,r1@3` or `["seed", "r1@3"]`; anything else as it is."""
    if given is None:
        return ()
    if not isinstance(given, str):
        return given
    names = (name.strip(" \"'") for name in given.strip().removeprefix("[").removesuffix("]").split(","))
    return tuple(name for name in names if name)


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


def spelt_in_json(given: Any) -> Any:
    """A list as the command line spells it, in JSON; anything else as it is."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError as error:
        raise ValueError(f"no list in JSON ({error})") from error


class Section(BaseModel):
    """A frozen group of leaves; a leaf that does not exist is refused, and the sentence under each is its help."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)
