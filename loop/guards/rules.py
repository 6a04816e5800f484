"""What can be asked of an iteration's numbers: a bound on a metric, a paired test of items, a chart of a training."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from loop.config_section import Positive, Section
from loop.guards.finding import ACTIONS, Action, Group

Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Reference = Literal["nothing", "seed", "first", "previous", "best"]
"""Whose number a limit is relative to: nobody's; the seed policy's; that of the first one that was trained and
promoted; of the policy promoted last; of the best so far, which only evidence of a gain replaces where a test asks."""


class Limit(Section):
    """A bound on one metric of an iteration."""

    name: Name
    metric: str
    at_most: Number | None = None
    at_least: Number | None = None
    of: Reference = "nothing"
    """Whose metric `at_most` and `at_least` are relative to."""
    how: Literal["times", "plus"] = "times"
    """How they are: a multiple of it, or so much above it."""
    group: Group
    action: Action = "warn"
    brakes: bool = False
    """Whether it brakes on the way there, at `guards.brake_at` of it."""
    demanded: bool = True
    """Whether a metric that the reference has not either is a fault of the run, and no question that does not arise."""

    @model_validator(mode="after")
    def _is_a_bound(self) -> "Limit":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"{self.name}: give one of at_most and at_least")
        if self.brakes and self.at_least is not None and self.of == "nothing":
            raise ValueError(f"{self.name}: nothing says how far it is on the way to at_least; leave brakes out")
        return self

    @property
    def bound(self) -> float:
        """Its `at_most` or `at_least`, whichever it has: a number of the metric, a multiple or a difference."""
        given = self.at_most if self.at_most is not None else self.at_least
        assert given is not None
        return given

    def fires_at(self, brake_at: float) -> float:
        """At which share of the way to it it first says something: at `brake_at` where it brakes, else at all of it."""
        return brake_at if self.brakes and ACTIONS.index(self.action) > ACTIONS.index("brake") else 1.0


class Paired(Section):
    """A test whether what a policy does with the same held-out items has become worse."""

    name: Name
    stream: str
    """Which numbers: a name of `selfsame show RUN@N/decide`, with a number from 0 to 1 for each item."""
    of: Literal["seed", "previous", "best"] = "best"
    """Whose numbers for the same items it is held against."""
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """How much worse, in the mean, is not yet worse."""
    by: str | None = None
    """A tag of the items: a loss is asked of those of each value by themselves, so that none can be made up for."""
    group: Group = "quality"
    action: Action = "roll_back"
    demanded: bool = True
    """Whether a stream that the reference has not either is a fault of the run, and no question that does not arise."""


class Chart(Section):
    """A control chart over a training's own stream, step by step."""

    name: Name
    stream: str
    """A column of the training curve, as `grad_norm`, `loss` or `rewards/margins`."""
    kind: Literal["cusum", "ewma"] = "cusum"
    side: Literal["up", "down", "both"] = "up"
    centre: Number | None = None
    """Its level in control; none takes the first `window` steps of the training for its level and spread."""
    spread: Positive | None = None
    window: Annotated[int, Field(ge=8)] = 16
    group: Group = "optimisation"
    action: Action = "warn"

    @model_validator(mode="after")
    def _is_centred(self) -> "Chart":
        if (self.centre is None) != (self.spread is None):
            raise ValueError(f"{self.name}: give centre and spread together, or neither")
        return self
