"""A run as the command line would do it, with the seconds that its engine and its training programs take."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from loop import drive
from loop.config import Config
from loop.engine.child_engine import ChildEngine
from loop.progress import Event
from loop.workers.trainers import Trainers
from runs.store import Store

TIMED = {(ChildEngine, "load"): "engine", (ChildEngine, "run"): "engine", (Trainers, "run"): "trainer"}
"""The calls that wait for a child process, and the part whose seconds they are."""


@dataclass
class Stopwatch:
    """The seconds of each lap, whole and by part. A lap is an iteration, number 0 first."""

    laps: list[dict[str, float]] = field(default_factory=list)
    _lap: str = ""
    _began: float = 0.0
    _inside: bool = False

    def hear(self, event: Event) -> None:
        """Carry the lap on until now, and begin another with the first word of a new iteration.

        The `address` of an event is `run@index/step`; one without an index is about no iteration.
        """
        lap, now = event.address.partition("/")[0], time.perf_counter()
        if "@" not in lap:
            return
        if self.laps:
            self.laps[-1]["whole"] = now - self._began
        if lap != self._lap:
            self.laps.append(dict.fromkeys(("whole", *TIMED.values()), 0.0))
            self._lap, self._began = lap, now

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, its seconds counted for `part`. A call within a counted call is not counted again."""

        def counted(*arguments: Any, **named: Any) -> Any:
            if self._inside:
                return call(*arguments, **named)
            began, self._inside = time.perf_counter(), True
            try:
                return call(*arguments, **named)
            finally:
                self._inside = False
                self.laps[-1][part] += time.perf_counter() - began

        return counted


def timed_run(store: Store, name: str, recipe: str, config: Config) -> list[dict[str, float]]:
    """The seconds of each iteration of a new run: its whole, and its engine's and its trainer's part."""
    watch = Stopwatch()
    drive.begin(store, name, recipe, config)
    with ExitStack() as patches:
        for (kind, method), part in TIMED.items():
            patches.enter_context(patch.object(kind, method, watch.timed(part, getattr(kind, method))))
        outcome = drive.carry_on(store, name, watch.hear)
    if outcome.kind != "done":
        raise SystemExit(f"the run to be measured came to nothing: {outcome.reason}")
    return watch.laps
