"""Training programs as child processes: what their ends are called, and that none is left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loop.limits import LimitReached
from loop.workers.allowance import Allowance
from loop.workers.capped_log import LIMIT_BYTES
from loop.workers.trainers import Trainers
from runs.errors import DiskError, DivergedError, OutOfMemoryError, StalledError, WorkerError
from tests.loop.processes import descendants, is_running, wait_for, wait_until_gone
from tests.loop.programs import Order
from trainers.spec import STOPPED

MODULE = "tests.loop.programs"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainers]:
    """One host for all tests that leave it alive."""
    with Trainers(tmp_path_factory.mktemp("host") / "log", 1, (MODULE,)) as started:
        yield started


def order(workers: Trainers, do: str, out: Path, timeout_s: float = 30) -> dict[str, object]:
    return workers.run(MODULE, Order(do=do), out, timeout_s)


def test_each_program_runs_in_a_process_of_its_own(workers: Trainers, tmp_path: Path) -> None:
    pids = {order(workers, "work", tmp_path / str(i))["pid"] for i in range(3)}
    assert len(pids) == 3
    assert os.getpid() not in pids


FAILURES = {
    "die": (WorkerError, "killed by SIGKILL"),
    "leave": (WorkerError, "exit code 9"),
    "raise": (WorkerError, "exit code 1.*row 7 of pairs.parquet has an empty answer"),
    "forget": (WorkerError, "left no result"),
    "write half": (WorkerError, "left no result"),
    "write NaN": (WorkerError, "left no result.*NaN"),
    "MemoryError": (OutOfMemoryError, "exit code 1, out of memory"),
    "CUDA": (OutOfMemoryError, "exit code 1, out of memory.*20.00 GiB"),
    "bad_alloc": (OutOfMemoryError, "killed by SIGABRT, out of memory"),
}


@pytest.mark.parametrize("do", FAILURES)
def test_a_failed_program_is_named_and_the_next_one_runs(do: str, workers: Trainers, tmp_path: Path) -> None:
    kind, said = FAILURES[do]
    with pytest.raises(WorkerError, match=f"(?s){said}.*{workers.log}") as raised:
        order(workers, do, tmp_path / "failed")
    assert type(raised.value) is kind
    assert workers.ran_out_of_memory == (kind is OutOfMemoryError)
    assert order(workers, "work", tmp_path / "next")


def test_a_program_that_finds_no_room_on_the_disk_is_no_failed_worker(workers: Trainers, tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=f"(?s)No space left on device.*{workers.log}"):
        order(workers, "find no room", tmp_path / "full")
    assert order(workers, "work", tmp_path / "next")["pid"]


def test_a_message_shows_only_what_this_program_said(workers: Trainers, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="row 7"):
        order(workers, "raise", tmp_path / "first")
    with pytest.raises(WorkerError) as second:
        order(workers, "leave", tmp_path / "second")
    assert "row 7" not in str(second.value)


def test_a_result_of_another_time_is_not_believed(workers: Trainers, tmp_path: Path) -> None:
    order(workers, "work", tmp_path / "out")
    with pytest.raises(WorkerError, match="left no result"):
        order(workers, "forget", tmp_path / "out")


def test_divergence_is_told_from_other_failures(workers: Trainers, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="diverged at step 3"):
        order(workers, "diverge", tmp_path / "out")


def test_a_program_over_its_time_is_ended_and_the_next_one_runs(workers: Trainers, tmp_path: Path) -> None:
    order(workers, "work", tmp_path / "warm")
    with pytest.raises(WorkerError, match=r"longer than 0\.5 s"):
        order(workers, "hang", tmp_path / "slow", timeout_s=0.5)
    wait_until_gone([int(wait_for(tmp_path / "slow" / "pid"))])
    assert order(workers, "work", tmp_path / "next")


@pytest.mark.parametrize(("do", "last_sign"), [("hang", ""), ("move and hang", "last sign: beat .* 1 at")])
def test_a_program_that_stands_still_is_ended(do: str, last_sign: str, tmp_path: Path) -> None:
    named = pytest.raises(StalledError, match=f"stood still for .* s while running {MODULE}.*{last_sign}")
    with Trainers(tmp_path / "log", 1, (MODULE,), Allowance(stall_s=1)) as workers, named:
        order(workers, do, tmp_path / "out")
    wait_until_gone([int(wait_for(tmp_path / "out" / "pid"))])


@pytest.mark.parametrize("module", ["tests.loop.programs_slow_to_import", "tests.loop.programs_stuck_in_import"])
def test_an_import_that_takes_long_is_left_alone_and_one_that_hangs_is_ended(module: str, tmp_path: Path) -> None:
    with Trainers(tmp_path / "log", 1, (module,), Allowance(stall_s=0.5)) as workers:
        if "slow" in module:
            assert workers.run(module, Order(do="work"), tmp_path / "out", 30)["pid"]
        else:
            with pytest.raises(StalledError, match=f"(?s)while importing.*It said:.*{tmp_path / 'log'}"):
                workers.run(module, Order(do="work"), tmp_path / "out", 30)
            assert "programs_stuck_in_import.py" in (tmp_path / "log").read_text()  # the stack of the one that hung


@pytest.mark.parametrize("do", ["crawl", "log slowly"])
def test_a_slow_program_that_moves_is_left_alone(do: str, tmp_path: Path) -> None:
    with Trainers(tmp_path / "log", 1, (MODULE,), Allowance(stall_s=2)) as workers:  # it takes 2.4 s
        assert order(workers, do, tmp_path / "out") == {}


def test_a_program_over_its_memory_is_ended(tmp_path: Path) -> None:
    named = pytest.raises(OutOfMemoryError, match=r"held 0\.\d+ GiB while running.*limits\.worker_memory_gib=0\.3")
    with Trainers(tmp_path / "log", 1, (MODULE,), Allowance(memory_gib=0.3)) as workers, named:
        order(workers, "hog", tmp_path / "out")
    assert workers.ran_out_of_memory
    wait_until_gone([int(wait_for(tmp_path / "out" / "pid"))])


@pytest.fixture
def tight_control_group() -> Iterator[Path]:
    """A control group of 100 MiB, where this machine lets us make one."""
    group = Path(f"/sys/fs/cgroup/memory/selfsame-test-{os.getpid()}")
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(100 * 2**20))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield group
    group.rmdir()


def test_the_kernel_killing_a_program_for_want_of_memory_is_told_from_another_sigkill(
    tight_control_group: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tight_control_group))
    with Trainers(tmp_path / "log", 1, (MODULE,)) as workers:
        with pytest.raises(OutOfMemoryError, match="killed by SIGKILL, out of memory"):
            order(workers, "be killed by the kernel", tmp_path / "out")
        with pytest.raises(WorkerError) as other:
            order(workers, "die", tmp_path / "other")
        assert not isinstance(other.value, OutOfMemoryError)


def test_a_program_that_prints_a_lot_leaves_a_capped_log_with_its_end(workers: Trainers, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"(?s)the end of the flood.*only the end is kept"):
        order(workers, "flood", tmp_path / "out")
    assert workers.log.stat().st_size <= LIMIT_BYTES
    assert workers.log.read_bytes().rstrip().endswith(b"the end of the flood")


def test_what_a_program_leaves_running_is_ended_while_the_host_goes_on(workers: Trainers, tmp_path: Path) -> None:
    assert order(workers, "have children", tmp_path / "out") == {}
    wait_until_gone(json.loads((tmp_path / "out" / "children").read_text()))
    assert order(workers, "work", tmp_path / "next")


def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    named = pytest.raises(WorkerError, match=r"(?s)exit code 1 while importing.*trainers\.nothing")
    with Trainers(tmp_path / "log", 1, ("trainers.nothing",)) as workers, named:
        workers.run("trainers.nothing", Order(do="work"), tmp_path / "out", 30)


def test_closing_ends_the_host(tmp_path: Path) -> None:
    workers = Trainers(tmp_path / "log", 1, (MODULE,))
    order(workers, "work", tmp_path / "out")
    guardian = workers.start().pid
    host = descendants(guardian)
    assert host
    workers.close()
    assert not any(map(is_running, [guardian, *host]))


@pytest.mark.parametrize("do", ["hang", "have children"])
def test_no_program_outlives_a_parent_that_is_killed(do: str, tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from loop.workers.trainers import Trainers
from tests.loop.programs import Order
with Trainers(Path({str(tmp_path / "log")!r}), 1, ({MODULE!r},)) as workers:
    Path({str(tmp_path / "guardian")!r}).write_text(str(workers.start().pid))
    workers.run({MODULE!r}, Order(do={do!r}), Path({str(tmp_path / "out")!r}), 600)
    workers.run({MODULE!r}, Order(do="hang"), Path({str(tmp_path / "then")!r}), 600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    program = int(wait_for(tmp_path / ("out" if do == "hang" else "then") / "pid"))
    guardian = int(wait_for(tmp_path / "guardian"))
    started = [guardian, program, *descendants(guardian)]
    if do == "have children":
        started += json.loads((tmp_path / "out" / "children").read_text())
    parent.kill()
    parent.wait()
    wait_until_gone(started)


@pytest.mark.parametrize("killed", ["guardian", "host", "group"])
def test_a_host_that_is_killed_is_named_and_leaves_nothing(killed: str, tmp_path: Path) -> None:
    with Trainers(tmp_path / "log", 1, (MODULE,)) as workers:
        order(workers, "work", tmp_path / "warm")
        guardian = workers.start().pid
        started = [guardian, *descendants(guardian)]
        if killed == "group":
            os.killpg(guardian, signal.SIGKILL)
        else:
            os.kill(started[killed == "host"], signal.SIGKILL)
        with pytest.raises(WorkerError, match=f"killed by SIGKILL while running {MODULE}"):
            order(workers, "hang", tmp_path / "out")
        wait_until_gone(started)
        assert order(workers, "work", tmp_path / "next")


class Stop:
    """Says that the run is to stop once the program listens."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> str:
        return "enough" if self.path.exists() else ""


def test_a_program_that_is_asked_to_stop_ends_by_itself(tmp_path: Path) -> None:
    stop = Stop(tmp_path / "out" / "listens")
    with Trainers(tmp_path / "log", 1, (MODULE,), stop=stop) as workers, pytest.raises(LimitReached, match="enough"):
        order(workers, "listen", tmp_path / "out")


def test_a_word_to_stop_that_comes_at_once_with_the_program_is_heard(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(Order(do="listen").model_dump_json())
    request = {"module": MODULE, "spec": str(tmp_path / "spec.json"), "out": str(tmp_path)}
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(60)
        ours.sendall(f'{json.dumps(request)}\n{{"stop": true}}\n'.encode())
        command = [sys.executable, "-P", "-m", "trainers.host", str(theirs.fileno()), MODULE]
        with subprocess.Popen(command, cwd=ROOT, env=os.environ, pass_fds=[theirs.fileno()]) as host:
            try:
                answers = ours.makefile()
                assert json.loads(answers.readline()) == {"ready": [MODULE]}
                assert json.loads(answers.readline())["exit"] in (STOPPED, -signal.SIGTERM)
            finally:
                host.kill()


def test_a_program_that_does_not_stop_when_asked_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.workers.trainers.STOPPING_S", 0.3)
    stop = Stop(tmp_path / "out" / "listens")
    with Trainers(tmp_path / "log", 1, (MODULE,), stop=stop) as workers, pytest.raises(LimitReached, match="enough"):
        order(workers, "be deaf", tmp_path / "out")
    wait_until_gone([int(wait_for(tmp_path / "out" / "pid"))])


def test_a_program_sees_no_secret_and_reaches_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("HF_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_URI", "SELFSAME_TOKEN", "AWS_SECRET_ACCESS_KEY")
    for name in secrets:
        monkeypatch.setenv(name, "a secret")
    with Trainers(tmp_path / "log", 1, (MODULE,)) as workers:
        seen = order(workers, "work", tmp_path / "out")["environment"]
        guardian = Path(f"/proc/{workers.start().pid}/environ").read_bytes()
    assert isinstance(seen, dict)
    assert "a secret" not in seen.values()
    assert b"a secret" not in guardian
    assert seen["HF_HUB_OFFLINE"] == "1"
    assert seen["OMP_NUM_THREADS"] == "1"
