"""One turn of the loop as its steps see it: the iterations before it, and what this one has so far."""

from dataclasses import dataclass, field, replace

from runs.output import Output
from runs.records import Iteration


@dataclass(frozen=True)
class Turn:
    """The iteration under way. `past` is what it knows of those before it, oldest first: number 0 and the last two
    are enough. `outputs` are the output digests of its finished steps, `done` the outputs. `again` counts how
    often the same policy was measured before, each time by answers drawn anew; in a run it is 0."""

    index: int
    past: tuple[Iteration, ...]
    outputs: dict[str, str] = field(default_factory=dict)
    done: dict[str, Output] = field(default_factory=dict)
    again: int = 0

    @staticmethod
    def after(past: tuple[Iteration, ...]) -> "Turn":
        """The iteration that follows `past`, with nothing done yet."""
        return Turn(past[-1].index + 1 if past else 0, past)

    def with_output(self, step: str, digest: str, output: Output) -> "Turn":
        """This turn with one more finished step."""
        return replace(self, outputs=self.outputs | {step: digest}, done=self.done | {step: output})

    def draw(self, purpose: str) -> str:
        """What a draw of answers of the candidate is called, where seeds are made."""
        return f"{purpose} again {self.again}" if self.again else purpose

    @property
    def model(self) -> str:
        """The output digest of the step that fixed the model."""
        return self.outputs["seed"] if self.index == 0 else self.past[0].outputs["seed"]

    @property
    def seed_policy(self) -> str:
        """The policy at iteration 0."""
        return str(self.done["seed"].values["policy"]) if self.index == 0 else self.past[0].policy

    @property
    def policy(self) -> str:
        """The policy promoted last: the one that answers in this iteration."""
        return self.past[-1].policy if self.past else self.seed_policy

    @property
    def candidate(self) -> str:
        """The policy that this iteration proposes: the adapter just trained, or the policy as it was."""
        trained = self.done["train"].adapter if "train" in self.done else None
        return trained or self.policy
