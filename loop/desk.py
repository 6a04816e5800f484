"""What a step works with: the store, the configuration, the engine, and a way to say how far it is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from constitutions.load import Constitution
from loop.base import Base
from loop.clock import begin_lap
from loop.config import Config
from loop.engine.protocol import Engine, Probe
from loop.limits import LimitWatch
from loop.progress import Event, Say
from loop.workers.trainers import Trainers
from runs.canonical import digest
from runs.records import By, Message, Record
from runs.store import Store
from trainers.spec import Spec

Item = TypeVar("Item")


class Desk:
    """One run's working place. The engine starts when it is first asked for, so that known work needs none."""

    def __init__(
        self,
        store: Store,
        run: str,
        config: Config,
        base: Base,
        constitution: Constitution,
        start_engine: Callable[[], Engine],
        trainers: Trainers,
        say: Say,
    ) -> None:
        self.store = store
        self.run = run
        self.config = config
        self.base = base
        self.constitution = constitution
        self.limits = LimitWatch(config.limits, store.home)
        self.say = say
        self.trainers = trainers
        self.beside: dict[str, Any] = {}
        """What the step under way wants kept with its receipt and out of every digest, such as times."""
        self.micro_batch_divisor = 1
        """By how much training is to make its micro-batch smaller, at the same batch: it ran out of memory before."""
        self._start_engine = start_engine
        self._engine: Engine | None = None

    def close(self) -> None:
        """End the engine and the trainers if they run."""
        self.trainers.close()
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def engine(self, policy: str) -> Engine:
        """The engine, with `policy` loaded and proven."""
        if self._engine is None:
            self.say(Event("note", self.run, text="starting the engine"))
            self.trainers.start()  # it imports while the engine does
            self._engine = self._start_engine()
        else:
            self._engine.alive()
        if policy != self.base.digest:
            self._engine.load(policy, self.store.adapter_folder(policy), self._probe(policy))
        return self._engine

    def train(self, program: str, spec: Spec, out: Path) -> dict[str, Any]:
        """Run a training program, the engine out of its way as the limits ask. See `Trainers.run`."""
        limits = self.config.limits
        if self._engine is not None and limits.engine_while_training == "sleep":
            self._engine.sleep()
        if self._engine is not None and limits.engine_while_training == "stop":
            self._engine.close()
            self._engine = None
        return self.trainers.run(program, spec, out, limits.training_timeout_s)

    def folder(self, policy: str) -> Path | None:
        """The adapter's two files, checked; None for the base model."""
        return None if policy == self.base.digest else self.store.adapter_folder(policy)

    def by(self, policy: str) -> By:
        """Of which kind the maker of a row is."""
        return "base" if policy == self.base.digest else "adapter"

    def _probe(self, policy: str) -> Probe:
        stored = self.store.get_json(self.store.adapter(policy).probe)
        return Probe(
            messages=tuple(Message(**m) for m in stored["messages"]),
            token_ids=tuple(stored["token_ids"]),
            logprobs=tuple(stored["logprobs"]),
            base_logprobs=tuple(stored["base_logprobs"]),
        )

    def shards(
        self,
        address: str,
        step_key: str,
        noun: str,
        items: Sequence[Item],
        work: Callable[[Sequence[Item]], Sequence[Record]],
        requests_per_item: int = 1,
    ) -> tuple[str, ...]:
        """The digests of the shards of `noun` that `work` makes of `items`, in order; each with a receipt of its own.

        A shard whose receipt is there is not made again, so that a crash costs the shard in flight. One shard is one
        engine call: other rows beside a row would change the last bits of its log-probabilities.
        """
        size = max(1, self.config.engine.shard_requests // requests_per_item)
        starts = range(0, len(items), size)
        digests = []
        for number, start in enumerate(starts):
            asked = {"step": step_key, "noun": noun, "shard": number}
            key = digest(asked)
            got = self.store.recall(key)
            if got is None:
                self.limits.check()
                lap = begin_lap()
                rows = work(items[start : start + size])
                beside = {"address": address, **lap()}
                got = self.store.commit(key, self.store.put_rows(noun, rows), asked, beside)
            digests.append(got)
            self.say(Event("shard", address, number + 1, len(starts)))
        return tuple(digests)
