"""An engine in a process of its own, seen from here: vLLM (`loop.engine.vllm_child`), or the stub that stands in."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loop.engine.options import EngineOptions
from loop.engine.protocol import Choose, Probe, Score, Used, Write
from loop.engine.wire import read_replies, spell
from loop.workers.allowance import USUAL, Allowance, Work
from loop.workers.child import Child
from loop.workers.environment import worker_environment
from runs.errors import ConfigError, WorkerError

LOGS_KEPT = 50
"""An engine's log is small, and there is one for each start."""
CALL_S = 6 * 3600.0


class ChildEngine:
    """One engine, which serves until `close` or until it fails; then every call raises WorkerError.

    The child starts at once; the first call waits for it, so that the parent can prepare its requests meanwhile. What
    it prints goes to a file of its own in the folder `logs`.
    """

    def __init__(
        self,
        module: str,
        options: EngineOptions,
        base: str,
        logs: Path,
        allowance: Allowance = USUAL,
        call_timeout_s: float = CALL_S,
        on_moved: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`module` is the program to run; `base` the digest that the model without an adapter is known by.

        `on_moved` is called for each sign of progress within the start or a call, which may take hours; `say` is told
        when the start begins, which may take minutes, and when it is over.
        """
        self.base = base
        self.used = Used()
        self._options = options
        self._allowance = allowance
        self._call_timeout_s = call_timeout_s
        self._loaded: list[str] = []  # the one used last is last
        self._ready = self._asleep = self._closed = False
        self.log = new_log(logs)
        environment = worker_environment(options.threads) | {
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # why: loop/workers/environment.py
        }
        if options.device == "cpu":  # all that would be compiled is a count of tokens, for seconds at each start
            environment["TORCH_COMPILE_DISABLE"] = "1"
        self._say, self._began = say, time.monotonic()
        self._child = Child("the engine", module, (), environment, self.log, allowance, on_moved)
        self.pid = self._child.pid
        now = time.strftime("%H:%M:%S", time.gmtime())
        what = f"{module.rpartition('.')[2].removesuffix('_child')} on the {options.device}"
        say(f"starting the engine ({what}) at {now} UTC, which can take minutes; its log: {self.log}")
        self._child.ask({"options": {**asdict(options), "base": str(options.base.resolve())}, "base": base})

    def load(self, adapter: str, folder: Path, probe: Probe) -> None:
        """Make `adapter` servable and prove it against `probe`. See `Engine.load`."""
        if adapter in self._loaded:
            return
        if len(self._loaded) == self._options.max_adapters:
            self._call({"do": "unload", "adapter": self._loaded.pop(0)}, "unloading an adapter")
        message = {"do": "load", "adapter": adapter, "folder": str(folder.resolve()), "probe": asdict(probe)}
        self._call(message, f"loading {adapter}")
        self._loaded.append(adapter)
        served, bare = (
            self._run([Score(probe.messages, policy, probe.token_ids)], f"proving {adapter}")[0].logprobs
            for policy in (adapter, self.base)
        )
        try:
            self._prove(probe, served, bare)
        except WorkerError as error:
            self._loaded.remove(adapter)
            self._call({"do": "unload", "adapter": adapter}, "unloading an adapter")
            raise WorkerError(f"the engine does not serve the adapter in {folder}: {error}") from error

    def _prove(self, probe: Probe, served: Sequence[float], bare: Sequence[float]) -> None:
        """Raise WorkerError unless both score as the trainer says, and unlike each other where the trainer's do."""
        limit = self._options.tolerance_nats
        for who, ours, theirs in (("the base model", bare, probe.base_logprobs), ("it", served, probe.logprobs)):
            off = _largest_difference(ours, theirs)
            if not off <= limit:
                raise WorkerError(
                    f"{who} scores the probe {off:.3g} nats a token away from the trainer's own log-probabilities "
                    f"(at most {limit:g}); these are other weights, or a model that vLLM and transformers read "
                    "differently"
                )
        moved = _largest_difference(probe.logprobs, probe.base_logprobs)
        if moved > limit / 100 and tuple(served) == tuple(bare):
            raise WorkerError(f"it answers as the base model, while the trainer's moved by {moved:.3g} nats a token")

    def run(self, requests: Sequence[Any]) -> list[Any]:
        """The replies, in the order of the requests. See `Engine.run`."""
        if not requests:
            return []
        kind = type(requests[0])
        assert all(type(request) is kind for request in requests), "one call, one kind of request"
        doing = f"answering {len(requests)} requests of the kind {kind.__name__}"
        return self._run(requests, doing)

    def alive(self) -> None:
        """Returns once a token was generated. See `Engine.alive`."""
        self._call({"do": "one_token"}, "generating one token")

    def sleep(self) -> None:
        """Give the device's memory back until the next call. See `Engine.sleep`."""
        self._call({"do": "sleep"}, "falling asleep")
        self._loaded.clear()
        self._asleep = True

    def close(self) -> None:
        """End the child and everything that it started."""
        self._closed = True
        self._child.end()

    def _run(self, requests: Sequence[Write | Choose | Score], doing: str) -> list[Any]:
        used = {request.policy for request in requests}
        if missing := used - {self.base, *self._loaded}:
            raise WorkerError(f"the engine has not loaded the policy {min(missing)}; call load before run")
        self._loaded.sort(key=lambda adapter: adapter in used)
        message = {"do": type(requests[0]).__name__, "requests": spell(requests)}
        replies = self._call(message, doing)
        try:
            return list(read_replies(requests, replies))
        except ValueError as error:
            self.close()
            raise WorkerError(
                f"the engine answered garbage while {doing}: {error}. {self._child.log.last_lines()}"
            ) from error

    def _call(self, message: dict[str, Any], doing: str) -> Any:
        """The child's result for one message.

        Raises ConfigError for a request that is too long, WorkerError if it is refused or the child fails, and ends.
        """
        if self._closed:
            raise WorkerError(f"the engine was ended before, and cannot be asked for {doing}; its log: {self.log}")
        if not self._ready:
            self._receive(self._child.start_up("starting", self._call_timeout_s))
            self._ready = True
            self._say(f"the engine is ready after {time.monotonic() - self._began:.0f} s")
        if self._asleep:
            self._asleep = False
            self._call({"do": "wake"}, "waking up")
        self._child.ask(message)
        return self._receive(Work(doing, self._call_timeout_s, self._allowance.stall_s))

    def _receive(self, work: Work) -> Any:
        try:
            outcome = self._child.answer(work)
        except BaseException:
            self._closed = True
            raise
        if "result" in outcome:
            self.used = Used(**outcome.get("used", {}))
            return outcome["result"]
        if "too_long" in outcome:  # and would be again: no failure of the engine's
            raise ConfigError(f"while {work.doing}: {outcome['too_long']}")
        if "refused" in outcome:
            raise WorkerError(f"the engine refused while {work.doing}: {outcome['refused']}")
        self.close()
        raise self._child.gave_up(str(outcome.get("failed", "it does not say why")), work.doing)


def new_log(logs: Path) -> Path:
    """An empty file for what an engine prints, named by the time; of those of before it the newest stay."""
    logs.mkdir(parents=True, exist_ok=True)
    for old in sorted(logs.glob("engine-*.log"))[: -LOGS_KEPT + 1]:
        old.unlink(missing_ok=True)
    prefix = time.strftime("engine-%Y%m%d-%H%M%S-", time.gmtime())
    with tempfile.NamedTemporaryFile(prefix=prefix, suffix=".log", dir=logs, delete=False) as log:
        return Path(log.name)


def _largest_difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The largest absolute difference, in nats; infinite where they are not the same number of tokens."""
    if len(ours) != len(theirs):
        return float("inf")
    return max((abs(a - b) for a, b in zip(ours, theirs, strict=True)), default=0.0)
