"""Who judges as `proven`: the seed's policy, until a promoted one has been shown to judge better.

The step `prove` holds each candidate against whoever sits; the decision leaves the seat to the next iteration, so that
whatever follows decisions (resume, branch, keys) follows the seat.
"""

from dataclasses import dataclass
from typing import Any

from loop.desk import Desk
from loop.steps.turn import Turn


@dataclass(frozen=True)
class Seat:
    """The policy that judges, that of which iteration it is, and how many candidates were held against who sat."""

    policy: str
    index: int
    looks: int


@dataclass(frozen=True)
class Proof:
    """What a candidate has shown about itself as a judge: the test is the `look`-th, 0 where nothing was tested.

    `candidate_right` and `seated_right` (0..1) are shares of the same `n` labelled pairs. `gain_log10_e` is log10 of
    the evidence that the candidate is right more often; from `limit_log10_e` on it is enough.
    """

    seated: Seat
    candidate: str
    index: int
    look: int
    n: int
    candidate_right: float
    seated_right: float
    gain_log10_e: float
    limit_log10_e: float

    @staticmethod
    def read(values: dict[str, Any]) -> "Proof":
        """What the step's output holds."""
        return Proof(**{**values, "seated": Seat(**values["seated"])})

    @property
    def is_better(self) -> bool:
        """Whether it judges better, as far as can be shown."""
        return bool(self.look) and self.gain_log10_e >= self.limit_log10_e

    def says(self) -> str:
        """That it takes the seat, and why, as a clause of a decision's reason."""
        return (
            f"judge: the policy of iteration {self.index} judges from now on, and no longer that of iteration "
            f"{self.seated.index} (right on {self.candidate_right:.1%} of {self.n} labelled pairs, before "
            f"{self.seated_right:.1%}; evidence of a gain 10^{self.gain_log10_e:.2f}, 10^{self.limit_log10_e:.2f} is "
            "enough)"
        )


def is_seated(desk: Desk) -> bool:
    """Whether `proven` judges in any iteration of the run."""
    return any("proven" in one.judge.sitting for one in desk.whole.variants())


def seat(desk: Desk, turn: Turn) -> Seat:
    """Who judges as `proven` in this iteration, whatever its own candidate will show."""
    left = desk.store.output(turn.past[-1].outputs["decide"]).values.get("seat") if turn.past else None
    return Seat(**left) if left else Seat(turn.seed_policy, 0, 0)


def proof(desk: Desk, turn: Turn) -> Proof | None:
    """What the candidate that this iteration may promote has shown; None where none was asked.

    An iteration in which a person goes past a halt promotes the candidate of the halted one.
    """
    if "prove" in turn.done:
        return Proof.read(turn.done["prove"].values["proof"])
    if turn.done or not turn.past or "prove" not in turn.past[-1].outputs:
        return None
    return Proof.read(desk.store.output(turn.past[-1].outputs["prove"]).values["proof"])


def seat_after(before: Seat, shown: Proof | None, promoted: str) -> Seat:
    """Who sits in the next iteration: a candidate that was shown to be better and is the policy `promoted`, or as
    before."""
    if shown is None:
        return before
    looks = max(before.looks, shown.look)
    if shown.is_better and shown.candidate == promoted:
        return Seat(promoted, shown.index, looks)
    return Seat(before.policy, before.index, looks)
