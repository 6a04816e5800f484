"""Training programs as child processes: started early, run one at a time, ended with us, their failures named."""

import json
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from loop.limits import LimitReached, Stop, never
from loop.workers.allowance import USUAL, Allowance, Work
from loop.workers.child import Child
from loop.workers.environment import worker_environment
from loop.workers.line import no_number
from runs.errors import DivergedError, OutOfMemoryError, WorkerError
from trainers.spec import DIVERGED, STOPPED, Spec

ASK_S = 1.0
STOPPING_S = 60.0
"""How long a program that is asked to stop may take to finish the step in flight and keep what it has."""
BEAT_CHARACTERS = 200


class Trainers:
    """A process that has imported what training needs, and forks a fresh one for each program (`trainers.host`).

    Start it early: it imports while the engine works. After a failure the next `run` starts another.
    """

    def __init__(
        self,
        log: Path,
        threads: int,
        programs: tuple[str, ...],
        allowance: Allowance = USUAL,
        stop: Stop = never,
    ) -> None:
        """`log` takes all that the programs print; `threads` is how many cores each may use; `programs` can be run.

        `stop` is asked while a program runs.
        """
        self.log, self.threads, self.programs, self.allowance, self.stop = log, threads, programs, allowance, stop
        self.ran_out_of_memory = False
        """Whether the last program failed for want of memory."""
        self._host: Child | None = None
        self._ready = False

    def start(self) -> Child:
        """The host, which begins to import if it has not begun. Returns at once."""
        if self._host is None:
            environment = worker_environment(self.threads)
            self._host = Child("training", "trainers.host", self.programs, environment, self.log, self.allowance)
        return self._host

    def run(self, module: str, spec: Spec, out: Path, timeout_s: float) -> dict[str, Any]:
        """Run `module` on `spec` into the folder `out`; returns what it left in `result.json`.

        An `out` that is there already is one to go on from. Raises StalledError if the program stands still,
        OutOfMemoryError for want of memory, DiskError for want of room on the disk, DivergedError if the training left
        the finite numbers, WorkerError if it fails otherwise, leaves no result or takes longer than `timeout_s`, and
        LimitReached if `stop` said so meanwhile and the program ended for it. Whatever happens, no program is left
        running.
        """
        out.mkdir(parents=True, exist_ok=True)
        (out / "result.json").unlink(missing_ok=True)
        spec_path = out / "spec.json"
        spec_path.write_text(spec.model_dump_json(indent=1))
        self.ran_out_of_memory = False
        try:
            host = self.start()
            if not self._ready:
                host.answer(host.start_up("importing its libraries", timeout_s))
                self._ready = True
            host.ask({"module": module, "spec": str(spec_path.resolve()), "out": str(out.resolve())})
            stopping = _Stopping(self.stop, host)
            doing = f"running {module}"
            reply = host.answer(Work(doing, timeout_s, self.allowance.stall_s, partial(_sign, out), stopping.look))
        except BaseException as error:
            self.ran_out_of_memory = isinstance(error, OutOfMemoryError)
            self.close()
            raise
        exit_code = reply["exit"]
        if exit_code == 0:
            return _result(out, host)
        if stopping.reason and exit_code in (STOPPED, -15):
            raise LimitReached(stopping.reason)
        if exit_code == DIVERGED:
            raise DivergedError(f"training diverged while {doing}. {host.log.last_lines()}")
        failure = host.failure(exit_code, doing)
        self.ran_out_of_memory = isinstance(failure, OutOfMemoryError)
        raise failure

    def close(self) -> None:
        """End the host, the program that it runs, and all that those started."""
        if self._host is not None:
            self._host.end()
        self._host, self._ready = None, False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Stopping:
    """Asks a program to stop once somebody wants the run to, and gives it up if it takes too long."""

    def __init__(self, stop: Stop, host: Child) -> None:
        self.reason = ""
        self._stop, self._host = stop, host
        self._next_s = 0.0  # when to ask again; or when its time is over

    def look(self) -> None:
        """Raises LimitReached once the program's time to stop is over."""
        if time.monotonic() < self._next_s:
            return
        if self.reason:
            raise LimitReached(self.reason)
        self.reason = self._stop()
        self._next_s = time.monotonic() + (STOPPING_S if self.reason else ASK_S)
        if self.reason:
            self._host.tell({"stop": True})


def _sign(out: Path) -> str:
    """What changes when a program got something done: its beat, and how much it has logged."""
    beat, logged = "", 0
    with suppress(OSError):
        at = (out / "beat").stat().st_mtime_ns
        beat = f"beat {(out / 'beat').read_text(errors='replace')[:BEAT_CHARACTERS].strip()} at {at}"
    with suppress(OSError):
        logged = (out / "log.jsonl").stat().st_size
    return f"{beat}, {logged} bytes logged" if beat or logged else ""


def _result(out: Path, host: Child) -> dict[str, Any]:
    """What a program that ended well says of its work. Raises WorkerError where that is no JSON object."""
    try:
        result = json.loads((out / "result.json").read_bytes(), parse_constant=no_number)
        if not isinstance(result, dict):
            raise ValueError(f"result.json holds {type(result).__name__}, not an object")
        return result
    except (OSError, ValueError) as error:
        raise WorkerError(f"training ended well and left no result: {error}. {host.log.last_lines()}") from error
