"""What is left to do, and how long each step took last time: for `--dry-run`."""

from dataclasses import dataclass
from typing import Any

from loop.config import Config
from loop.iterate import PlannedStep
from loop.pipeline import GOLD, steps_of
from loop.terminal import table
from runs.lineage import links
from runs.outbox import receipts_of
from runs.records import Run
from runs.store import Store


@dataclass(frozen=True)
class Ahead:
    """A step that lies ahead. `key` is None where it depends on a step before it that is still to be done.

    `seconds` are those of the last time, at the address `last`; None where the step was never done.
    """

    index: int
    step: str
    done: bool
    key: str | None
    seconds: float | None
    last: str | None


@dataclass(frozen=True)
class Forecast:
    """The steps up to the end of the first iteration that is not whole, and how many iterations follow it.

    `seconds` is what all that is to be done may take, by the last times.
    """

    steps: tuple[Ahead, ...]
    iterations_after: int
    seconds: float

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        steps = [vars(step) for step in self.steps]
        return {"steps": steps, "iterations_after": self.iterations_after, "seconds": self.seconds}

    def text(self) -> str:
        """As lines for people."""
        if not self.steps:
            return "There is nothing to do."
        rows = [(f"{a.index}/{a.step}", "known" if a.done else "to do", a.seconds, a.last) for a in self.steps]
        after = f"Then {self.iterations_after} iterations more. " if self.iterations_after else ""
        return (
            f"{table(['step', 'state', 'seconds', 'last done at'], rows)}\n{after}To do: {self.seconds:.1f} s by that."
        )


def forecast(store: Store, timed: Run, config: Config, planned: list[PlannedStep]) -> Forecast:
    """What a run with this configuration has before it, by the times of `timed`: the run itself, or its parent."""
    stopwatch = _Stopwatch(store, timed)
    known = tuple(stopwatch.ahead(step) for step in planned)
    if not planned or planned[-1].done:
        return Forecast(known, 0, 0.0)
    index = planned[-1].index
    names = _names(config, index)
    later = names[names.index(planned[-1].step) + 1 :]
    steps = known + tuple(stopwatch.ahead(PlannedStep(index, name, "", False)) for name in later)
    after = max(0, config.iterations - index)
    whole = [
        stopwatch.ahead(PlannedStep(n, name, "", False))
        for n in range(index + 1, index + 1 + after)
        for name in _names(config, n)
    ]
    to_do = [step for step in steps if not step.done] + whole
    return Forecast(steps, after, sum(step.seconds or 0.0 for step in to_do))


def _names(config: Config, index: int) -> list[str]:
    """The steps of that iteration, if no guard fails."""
    unasked = config.unasked(index)
    due = [step.name for step in steps_of(index) if step.name not in unasked]
    return [*due, GOLD.name] if config.gold.enabled else due


class _Stopwatch:
    """How long each step of a run took, by the receipts."""

    def __init__(self, store: Store, run: Run) -> None:
        self._run = run
        self._seconds: dict[str, dict[int, float]] = {}
        for link in links(store, run):
            for step, receipt in receipts_of(store, run, link).items():
                provenance = receipt["provenance"]
                self._seconds.setdefault(step, {})[link.iteration.index] = provenance["ended"] - provenance["began"]

    def ahead(self, step: PlannedStep) -> Ahead:
        """The step with the time that it took in the iteration of its number; if there was none, in the last one."""
        seconds = self._seconds.get(step.step, {})
        index = step.index if step.index in seconds else max(seconds, default=None)
        last = None if index is None else f"{self._run.name}@{index}"
        return Ahead(step.index, step.step, step.done, step.key or None, seconds.get(index or 0), last)
