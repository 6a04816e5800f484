"""vLLM in a child process of its own, seen from the parent. The child is `loop.engine.vllm_child`."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from loop.engine.options import EngineOptions
from loop.engine.protocol import Choose, Chosen, Probe, Score, Scored, Write, Written
from runs.errors import WorkerError

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES")


class VllmEngine:
    """One vLLM engine, which serves until `close` or until it fails; then every call raises WorkerError.

    The child starts at once and in its own session; the first call waits for it, so that the parent can prepare its
    requests meanwhile. The child ends when this process does, by whatever cause. What it prints goes to a file of its
    own in the folder `logs`.
    """

    def __init__(self, options: EngineOptions, base: str, logs: Path) -> None:
        self.base = base
        self._options = options
        self._loaded: list[str] = []  # the one used last is last
        self._ready = False
        logs.mkdir(parents=True, exist_ok=True)
        self._connection, childs_end = Pipe()
        prefix = time.strftime("engine-%Y%m%d-%H%M%S-")
        with tempfile.NamedTemporaryFile(prefix=prefix, suffix=".log", dir=logs, delete=False) as log, childs_end:
            self.log = Path(log.name)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "loop.engine.vllm_child", str(childs_end.fileno())],
                stdin=subprocess.PIPE,  # never written to: its end is how the child learns of ours
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=_environment(options),
                pass_fds=(childs_end.fileno(),),
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._send({"options": {**asdict(options), "base": str(options.base.resolve())}, "base": base})

    def load(self, adapter: str, folder: Path, probe: Probe) -> None:
        """Make `adapter` servable and prove it against `probe`. See `Engine.load`."""
        if adapter in self._loaded:
            return
        if len(self._loaded) == self._options.max_adapters:
            self._call({"do": "unload", "adapter": self._loaded.pop(0)}, "unloading an adapter")
        self._call({"do": "load", "adapter": adapter, "folder": str(folder.resolve())}, f"loading {adapter}")
        self._loaded.append(adapter)
        served, bare = (
            self.run([Score(probe.messages, policy, probe.token_ids)])[0].logprobs for policy in (adapter, self.base)
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
        used = {request.policy for request in requests}
        if missing := used - {self.base, *self._loaded}:
            raise WorkerError(f"the engine has not loaded the policy {sorted(missing)[0]}; call load before run")
        self._loaded.sort(key=lambda adapter: adapter in used)
        message = {"do": kind.__name__, "requests": [asdict(request) for request in requests]}
        replies = self._call(message, f"answering {len(requests)} requests of the kind {kind.__name__}")
        return [_READ[kind](reply) for reply in replies]

    def close(self) -> None:
        """End the child and everything that it started."""
        self._connection.close()
        if self._process.stdin:
            self._process.stdin.close()
        self._kill()

    def _call(self, message: dict[str, Any], doing: str) -> Any:
        """The child's reply to one message. Raises WorkerError: if it is refused; if the child fails, which ends it."""
        if not self._ready:
            self._receive("starting", self._options.start_timeout_s)
            self._ready = True
        self._send(message)
        return self._receive(doing, self._options.call_timeout_s)

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._connection.send_bytes(json.dumps(message, allow_nan=False).encode("utf-8", "surrogatepass"))
        except OSError as error:  # a broken pipe, or closed before
            raise self._ended("being asked something") from error

    def _receive(self, doing: str, timeout_s: float) -> Any:
        deadline = time.monotonic() + timeout_s
        try:
            # The pipe stays open while a process that vLLM started holds it, so the child itself is asked after too.
            while not self._connection.poll(1.0):
                if self._process.poll() is not None:
                    raise EOFError
                if time.monotonic() > deadline:
                    self._kill()
                    raise WorkerError(
                        f"the engine took more than {timeout_s:g} s {doing} and was ended{self._last_lines()}"
                    )
            outcome = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError) as error:
            raise self._ended(doing) from error
        if "result" in outcome:
            return outcome["result"]
        if "refused" in outcome:
            raise WorkerError(f"the engine refused while {doing}: {outcome['refused']}")
        self._kill()
        raise WorkerError(f"the engine failed while {doing}: {outcome['failed']}{self._last_lines()}")

    def _ended(self, doing: str) -> WorkerError:
        """What to raise when the child is gone."""
        try:
            code = self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._kill()
            code = self._process.returncode
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return WorkerError(f"the engine ended {how} while {doing}{self._last_lines()}")

    def _last_lines(self, lines: int = 12) -> str:
        text = self.log.read_bytes()[-20_000:].decode("utf-8", "replace")
        return f"; the end of {self.log}:\n" + "\n".join(text.splitlines()[-lines:])

    def _kill(self) -> None:
        """End the child's session at once; what it has not answered is redone from its receipts' absence."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30.0)


def _largest_difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The largest absolute difference, in nats; infinite where they are not the same number of tokens."""
    if len(ours) != len(theirs):
        return float("inf")
    return max((abs(a - b) for a, b in zip(ours, theirs, strict=True)), default=0.0)


def _environment(options: EngineOptions) -> dict[str, str]:
    """The child's whole environment: what it needs of ours, no network, no telemetry, threads as asked."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # A thread pinned to a core waits for whoever else is pinned there, and two engines pin to the same ones
        # (6.1 s against 3.1 s); the kernel spreads free threads over the cores that this process may use.
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_PROC_BIND": "false",
        "OMP_NUM_THREADS": str(options.threads),
        # Between two pieces of work a thread waits awake for some 50 microseconds. Always awake, two threads on a busy
        # machine did not finish in 150 s what two that sleep did in 17 s; asleep at once, an iteration takes half as
        # long again (2026-11).
        "GOMP_SPINCOUNT": "20000",
    }


def _written(reply: dict[str, Any]) -> Written:
    return Written(reply["text"], tuple(reply["token_ids"]), tuple(reply["logprobs"]), reply["stop"])


_READ = {
    Write: _written,
    Choose: lambda reply: Chosen(tuple(reply["logprobs"])),
    Score: lambda reply: Scored(tuple(reply["logprobs"])),
}
