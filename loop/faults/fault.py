"""What a fault is: all that is other than in a healthy run, from one iteration on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from constitutions.load import Scale
from judges.dialogue import Item, Verdict
from loop.desk import Desk
from loop.steps.turn import Turn
from runs.output import Output

ONSET = 3
"""The first iteration that has the fault: by then a healthy run has improved, and there is something to lose."""
LAST = 9
"""The last iteration of a run with a fault."""

Break = Callable[[Item, Verdict, Scale, int], Verdict]
"""What a broken judge says instead of the verdict; the number is how many iterations ago it broke."""
Change = Callable[[Desk, Turn, Output, int], Output]
"""What a step gave, made into what it gives with the fault; the number is how many iterations ago that began."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong in a run from iteration `onset` on, and nothing of it before.

    `settings` are other settings from then on, by dotted name, `judged` is what a broken judge says, `outputs` are
    changed outputs of steps. `ground` are settings that the run has from its beginning, without which the fault could
    not be had. Limits are chosen by the faults that are `tuned_on`, and held to all. Where a run is `sound`,
    guards have nothing to stop.
    """

    name: str
    says: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    judged: Break | None = None
    outputs: Mapping[str, Change] = field(default_factory=dict)
    ground: Mapping[str, Any] = field(default_factory=dict)
    tuned_on: bool = True
    sound: bool = False
    onset: int = ONSET
    iterations: int = LAST
