"""What a guard found, and what follows where a number did not pass. A number that is not there never passes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Metrics = Mapping[str, float | None]
Group = Literal["quality", "judge", "distribution", "optimisation"]
"""What a guard's evidence is about. Two groups that agree are worth more than two guards of one."""
Action = Literal["off", "warn", "brake", "reject", "roll_back", "halt"]
ACTIONS: tuple[Action, ...] = ("off", "warn", "brake", "reject", "roll_back", "halt")
"""What may follow, mildest first. Up to `brake` the candidate is promoted all the same."""


@dataclass(frozen=True)
class Finding:
    """What one guard saw: the metric, its value, its limit (None: any number passes), and what follows if it failed.

    `side` says on which one of the limit it is to be; `reference` is what the limit is relative to, `against` whose
    that is. `rows` say where the numbers come from, as `ITERATION/STEP DIGEST`; `beside` holds what else the conclusion
    rests on (n, means, alpha).
    """

    guard: str
    metric: str
    observed: float | None
    limit: float | None
    passed: bool
    says: str
    group: Group
    action: Action = "halt"
    side: Literal["", "at_most", "at_least"] = ""
    reference: float | None = None
    against: str = ""
    rows: tuple[str, ...] = ()
    beside: Mapping[str, float | int] = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        """Whether the candidate is not promoted because of it."""
        return not self.passed and ACTIONS.index(self.action) > ACTIONS.index("brake")

    def evidence(self) -> dict[str, Any]:
        """As plain JSON; a number that JSON lacks is written as text."""
        return {
            "guard": self.guard,
            "group": self.group,
            "action": self.action,
            "metric": self.metric,
            "observed": written(self.observed),
            "limit": written(self.limit),
            "side": self.side,
            "reference": written(self.reference),
            "against": self.against,
            "passed": self.passed,
            "says": self.says,
            "rows": list(self.rows),
            **{name: written(value) for name, value in self.beside.items()},
        }


def written(value: float | None) -> float | str | None:
    """A number as JSON can hold it."""
    return value if value is None or math.isfinite(value) else str(value)


def said(value: float | None) -> str:
    """A number for people."""
    return "missing" if value is None else f"{value:.4g}"
