"""SIGTERM in the foreground: the shard in flight is finished and the exit code is 0; a second one ends it at once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.loop.processes import descendants, wait_for, wait_until_gone
from trainers.stub_faults import VARIABLE, Fault, write_faults

TINY = (
    *("iterations=1", "engine.kind=stub", "export.mlflow=false", "prompts.count=8", "generate.samples=3"),
    *("measure.prompts=4", "measure.anchor_count=4", "gold.prompts=4", "guards.min_pairs=1"),
    *("guards.max_kl_to_seed_nats=1e9", "guards.max_kl_to_previous_nats=1e9", "audit.items=0", "drift.items=0"),
    "capability.prompts=null",
    *("guards.min_anchor_accuracy=0", "guards.min_position_consistency=0"),  # the stub judges by hashing
)
Selfsame = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def selfsame(tmp_path: Path) -> Iterator[Selfsame]:
    """Starts the command line with a home of its own, and with faults of the stub."""
    started = []

    def start(*words: str, faults: tuple[Fault, ...] = ()) -> subprocess.Popen[str]:
        write_faults(tmp_path / "faults.json", list(faults))
        environment = {
            "PATH": os.environ["PATH"],
            "SELFSAME_HOME": str(tmp_path / "home"),
            VARIABLE: str(tmp_path / "faults.json"),
            "OMP_NUM_THREADS": "1",
        }
        program = "import sys; from loop.cli import main; sys.exit(main())"
        process = subprocess.Popen(
            [sys.executable, "-c", program, *words],
            cwd=Path(__file__).resolve().parents[2],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(done: Callable[[], bool], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_sigterm_finishes_the_shard_in_flight_and_the_run_can_go_on(selfsame: Selfsame, tmp_path: Path) -> None:
    slow = Fault("Write", "drip", seconds=0.1)
    run = selfsame("run", "self-rewarding", "--name", "r1", *TINY, faults=(slow,))
    until(lambda: not (tmp_path / "faults.json").read_text().startswith("[{"))
    receipts = tmp_path / "home" / "receipts"
    before = len(list(receipts.glob("*"))) if receipts.exists() else 0
    run.send_signal(signal.SIGTERM)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 0
    assert said.startswith("stopped: SIGTERM")
    assert len(list(receipts.glob("*"))) == before + 1
    resumed = selfsame("resume", "r1")
    said, problems = resumed.communicate(timeout=60)
    assert (resumed.returncode, said[:4]) == (0, "done"), problems


def test_sigterm_ends_a_training(selfsame: Selfsame, tmp_path: Path) -> None:
    run = selfsame("run", "self-rewarding", "--name", "r1", *TINY, faults=(Fault("train", "hang"),))
    until(lambda: (tmp_path / "faults.json").read_text() == "[]")
    run.send_signal(signal.SIGTERM)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 0
    assert said.startswith("stopped: SIGTERM")


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_sigterm_or_one_sigint_ends_everything_at_once(
    first: signal.Signals, selfsame: Selfsame, tmp_path: Path
) -> None:
    run = selfsame("run", "self-rewarding", "--name", "r1", *TINY, faults=(Fault("Write", "hang"),))
    until(lambda: (tmp_path / "faults.json").read_text() == "[]")
    workers = descendants(run.pid)
    assert len(workers) >= 4  # two guardians, the engine and the host of trainers
    run.send_signal(first)
    if first == signal.SIGTERM:
        time.sleep(0.5)
        assert run.poll() is None
        run.send_signal(signal.SIGTERM)
    _, problems = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "selfsame resume r1" in problems
    wait_until_gone(workers)


def test_no_worker_outlives_a_run_that_is_killed(selfsame: Selfsame, tmp_path: Path) -> None:
    run = selfsame("run", "self-rewarding", "--name", "r1", *TINY, faults=(Fault("Write", "hang"),))
    wait_for(tmp_path / "faults.json")
    until(lambda: (tmp_path / "faults.json").read_text() == "[]")
    workers = descendants(run.pid)
    run.kill()
    wait_until_gone(workers)
