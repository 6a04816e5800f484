"""What a step works with: the store, the configuration, the engine, and a way to say how far it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from constitutions.load import Constitution
from loop.base import Base
from loop.clock import begin_lap
from loop.config import Config
from loop.config_phase import with_settings
from loop.endpoint import Endpoint
from loop.engine.protocol import Engine, Probe, Used
from loop.guards.brake import braked
from loop.limits import LimitWatch
from loop.progress import Event, Say
from loop.start_engine import engine_options
from loop.token_count import counter
from loop.warp import Warp
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
        start_engine: Callable[[Base], Engine],
        trainers: Trainers,
        say: Say,
        judge_base: Base | None = None,
    ) -> None:
        """`judge_base` is another model that judges, served by an engine of its own beside the first."""
        self.store = store
        self.run = run
        self.whole = config
        """The run's configuration."""
        self.config = config
        """That of the iteration under way."""
        self.base = base
        self.judge_base = judge_base
        self.constitution = constitution
        self.limits = LimitWatch(config.limits, store.home)
        self.say = say
        self.trainers = trainers
        self.beside: dict[str, Any] = {}
        """What the step under way wants kept with its receipt and out of every digest, such as times."""
        self.micro_batch_divisor = 1
        """By how much training is to make its micro-batch smaller, at the same batch: it ran out of memory before."""
        self.unfinished: Path | None = None
        """Where the shard under way may keep what it would go on from if it were killed."""
        self.warp: Warp | None = None
        """What breaks the judge of the step under way; nothing does outside the wind tunnel."""
        self._start_engine = start_engine
        self._engines: dict[str, Engine] = {}

    def turn_to(self, index: int, braked_by: int = 0) -> None:
        """Work on iteration `index` from now on, with its settings, braked so hard as the decision before it says."""
        self.config = self.whole.at(index)
        if changes := braked(self.config, braked_by):
            self.config = Config.model_validate(with_settings(self.config.model_dump(mode="json"), changes))

    def close(self) -> None:
        """End the engines and the trainers if they run."""
        self.trainers.close()
        self._close_engines()

    def _close_engines(self) -> None:
        for base in list(self._engines):
            self._engines.pop(base).close()

    def engine(self, policy: str) -> Engine:
        """The engine of `policy`'s base, with `policy` loaded and proven."""
        base = self._base_of(policy)
        if base.digest in self._engines:
            self._engines[base.digest].alive()
        else:
            self.trainers.start()  # it imports while the engine does
            self._engines[base.digest] = self._start_engine(base)
        engine = self._engines[base.digest]
        if policy != base.digest:
            engine.load(policy, self.store.adapter_folder(policy), stored_probe(self.store, policy))
        return engine

    def judge_tokens(self, text: str) -> float:
        """How many tokens `text` has for the model that judges."""
        return counter((self.judge_base or self.base).folder)(text)

    @cached_property
    def endpoint(self) -> Endpoint | None:
        """The endpoint that judges; None where none does. Raises ConfigError where the key may not be sent there."""
        judge = self.config.judge
        if "endpoint" not in judge.sitting or judge.endpoint_url is None or judge.endpoint_model is None:
            return None
        return Endpoint(
            judge.endpoint_url,
            judge.endpoint_model,
            self.config.limits.endpoint,
            on_reply=lambda: self.say(Event("moved", self.run)),
        )

    def train(self, program: str, spec: Spec, out: Path) -> dict[str, Any]:
        """Run a training program, the engine out of its way as the limits ask. See `Trainers.run`."""
        limits = self.config.limits
        if limits.engine_while_training == "sleep":
            for engine in self._engines.values():
                engine.sleep()
        if limits.engine_while_training == "stop":
            self._close_engines()
        return self.trainers.run(program, spec, out, limits.training_timeout_s)

    def folder(self, policy: str) -> Path | None:
        """The adapter's two files, checked; None for the base model."""
        return None if policy == self.base.digest else self.store.adapter_folder(policy)

    def by(self, policy: str) -> By:
        """Of which kind the maker of a row is."""
        if self.endpoint is not None and policy == self.endpoint.digest:
            return "endpoint"
        return "base" if policy == self._base_of(policy).digest else "adapter"

    def maker(self, policy: str) -> dict[str, Any]:
        """All that decides what `policy` answers, beside what it is asked: its weights, and how they are computed."""
        if self.by(policy) == "endpoint":
            return {"who": policy}
        base = self._base_of(policy)
        options = asdict(engine_options(self.whole, base))
        for beside in ("base", "can_sleep"):  # where the weights lie, and what is no matter of theirs
            del options[beside]
        return {"who": policy, "base": base.digest, "kind": self.config.engine.kind, "engine": options}

    def _base_of(self, policy: str) -> Base:
        return self.judge_base if self.judge_base and policy == self.judge_base.digest else self.base

    def shards(
        self,
        address: str,
        asked: str | Mapping[str, Any],
        noun: str,
        items: Sequence[Item],
        work: Callable[[Sequence[Item]], Sequence[Record]],
        requests_per_item: int = 1,
    ) -> tuple[str, ...]:
        """The digests of the shards of `noun` that `work` makes of `items`, in order; each with a receipt of its own.

        A shard whose receipt is there is not made again, so that a crash costs the shard in flight. One shard is one
        engine call: other rows beside a row would change the last bits of its log-probabilities. `asked` is the key of
        the step that alone has these shards; or all that decides the rows beside the items: then the shard is recalled
        wherever the same is asked about the same items, in whatever iteration or run.
        """
        size = max(1, self.config.engine.shard_requests // requests_per_item)
        starts = range(0, len(items), size)
        digests = []
        for number, start in enumerate(starts):
            part = items[start : start + size]
            if isinstance(asked, str):
                question = {"step": asked, "noun": noun, "shard": number}
            else:
                question = {**asked, "noun": noun, "items": digest(list(part))}
            key = digest(question)
            got = self.store.recall(key)
            if got is None:
                self.limits.check()
                if self.endpoint is not None:  # its replies are paid for
                    self.unfinished = self.store.begin_unfinished(key, address)
                lap, before = begin_lap(), self._used()
                rows = work(part)
                used = self._used() - before
                beside = {"address": address, **lap(), "used": asdict(used)}
                got = self.store.commit(key, self.store.put_rows(noun, rows), question, beside)
                self._keep_beside(used)
            digests.append(got)
            self.say(Event("shard", address, number + 1, len(starts)))
        return tuple(digests)

    def _used(self) -> Used:
        counters = [engine.used for engine in self._engines.values()]
        return sum([*counters, *([self.endpoint.used] if self.endpoint else [])], Used())

    def _keep_beside(self, used: Used) -> None:
        """Add what a shard used to what the step under way keeps beside its output."""
        whole = Used(**self.beside.get("used", {})) + used
        self.beside["used"] = asdict(whole)
        self.beside["numbers"] = whole.numbers()


def stored_probe(store: Store, adapter: str) -> Probe:
    """What an engine must score with this adapter, as the trainer left it."""
    stored = store.get_json(store.adapter(adapter).probe)
    return Probe(
        messages=tuple(Message(**m) for m in stored["messages"]),
        token_ids=tuple(stored["token_ids"]),
        logprobs=tuple(stored["logprobs"]),
        base_logprobs=tuple(stored["base_logprobs"]),
    )
