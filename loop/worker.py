"""Training programs as child processes: started early, run one at a time, ended with us, their failures named."""

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trainers
from runs.errors import DivergedError, WorkerError
from trainers.spec import DIVERGED, Spec

IMPORT_S = 180  # 12 s alone on a slow core (2026-11); the limit is for a disk or a machine that hangs
LOG_LINES = 8
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_HOME", "HF_HOME")


class Trainers:
    """A process that has imported what training needs, and forks a fresh one for each program (`trainers.host`).

    Start it early: it imports while the engine works. It dies with the thread that started it. After a failure the
    next `run` starts another.
    """

    def __init__(self, log: Path, threads: int, programs: tuple[str, ...]) -> None:
        """`log` takes all that the programs print; `threads` is how many cores each may use; `programs` can be run."""
        self.log, self.threads, self.programs = log, threads, programs
        self._host: subprocess.Popen[bytes] | None = None
        self._ready = False

    def start(self) -> None:
        """Begin to import, if that has not begun. Returns at once."""
        if self._host is not None:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._host = subprocess.Popen(
                [sys.executable, "-P", "-m", "trainers.host", *self.programs],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                env=environment(self.threads),
                start_new_session=True,  # a terminal's Ctrl-C is ours to handle
            )

    def run(self, module: str, spec: Spec, out: Path, timeout_s: float) -> dict[str, Any]:
        """Run `module` on `spec` into the new folder `out`; returns what it left in `result.json`.

        Raises WorkerError if it dies, leaves no result or takes longer than `timeout_s`, and DivergedError if the
        training left the finite numbers. Whatever happens, no program is left running.
        """
        out.mkdir(parents=True)
        spec_path = out / "spec.json"
        spec_path.write_text(spec.model_dump_json(indent=1))
        log_start = self.log.stat().st_size if self.log.exists() else 0
        try:
            self.start()
            if not self._ready:
                self._ready = bool(self._reply(IMPORT_S, "importing its libraries", log_start))
            self._send([module, str(spec_path.resolve()), str(out.resolve())])
            exit_code = self._reply(timeout_s, module, log_start)["exit"]
        except BaseException:
            self.close()
            raise
        if exit_code == DIVERGED:
            raise DivergedError(f"{module} {self._last_lines(log_start)}")
        if exit_code:
            raise WorkerError(f"{module} {_ending(exit_code)} {self._last_lines(log_start)}")
        try:
            return json.loads((out / "result.json").read_bytes())
        except (OSError, ValueError) as error:
            raise WorkerError(f"{module} left no result: {error}. {self._last_lines(log_start)}") from error

    def close(self) -> None:
        """End the host and the program it runs."""
        host, self._host, self._ready = self._host, None, False
        if host is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(host.pid, signal.SIGKILL)  # its session holds its programs and nothing else
        for pipe in (host.stdin, host.stdout):
            if pipe:
                pipe.close()
        host.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _send(self, request: list[str]) -> None:
        assert self._host and self._host.stdin
        with suppress(BrokenPipeError):  # the host is gone; waiting for its reply says so, with its exit code
            self._host.stdin.write(json.dumps(request).encode() + b"\n")

    def _reply(self, timeout_s: float, doing: str, log_start: int) -> dict[str, Any]:
        assert self._host and self._host.stdout
        if not select.select([self._host.stdout], [], [], timeout_s)[0]:
            raise WorkerError(f"{doing} took longer than {timeout_s:g} s and was ended. {self._last_lines(log_start)}")
        line = self._host.stdout.readline()
        if not line:
            raise WorkerError(f"{doing}: the process {_ending(self._host.wait())} {self._last_lines(log_start)}")
        return json.loads(line)

    def _last_lines(self, log_start: int) -> str:
        """The end of what the log got since `log_start`, and where to read on."""
        with self.log.open("rb") as log:
            log.seek(log_start)
            lines = log.read().decode(errors="replace").strip().splitlines()[-LOG_LINES:]
        said = "".join(f"\n  {line}" for line in lines) if lines else " nothing"
        return f"It said:{said}\nThe whole log: {self.log}. `selfsame resume NAME` tries again."


def environment(threads: int) -> dict[str, str]:
    """The whole environment of a trainer: nothing of ours that it does not need, no secret, no network, one GPU."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return kept | {
        "PYTHONPATH": str(Path(trainers.__file__).resolve().parents[1]),  # the code that we run ourselves
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": str(threads),
        # As in the engine (loop/engine/vllm_engine.py): asleep at once, a round takes 11.9 s instead of 5.4 s.
        "GOMP_SPINCOUNT": "20000",
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0],  # TRL refuses two
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # the other way of asking for a GPU spoils CUDA for a fork
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "warning",
    }


def _ending(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit code {exit_code}."
    name = signal.Signals(-exit_code).name
    return f"was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}."
