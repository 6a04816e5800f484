"""An engine's process that goes wrong, on the stub: each way is noticed, named, and ended."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loop.engine.child_engine import ChildEngine
from loop.engine.options import EngineOptions
from loop.engine.protocol import Choose, Probe, Score, Write
from loop.engine.stub import StubEngine
from loop.workers.allowance import Allowance
from runs.errors import OutOfMemoryError, StalledError, WorkerError
from runs.records import Message, Sampling
from tests.loop.processes import descendants, is_running, wait_until_gone
from trainers.stub_faults import VARIABLE, Fault, segment_of, write_faults

BASE = "the base"
HELLO = (Message("user", "say hello"),)
PROBE = Probe(HELLO, (1, 2, 3), (-1.0, -1.0, -1.0), (-2.0, -2.0, -2.0))
WRITES = [Write(HELLO, BASE, Sampling(1.0, 1.0, 12), seed) for seed in range(9)]
Start = Callable[..., ChildEngine]
HASTY, PATIENT = Allowance(stall_s=1), Allowance(stall_s=30)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts the stub in a child that will commit the given faults."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "faults.json"))
    engines = []

    def started(*faults: Fault, allowance: Allowance = PATIENT, call_s: float = 60.0, **more: Any) -> ChildEngine:
        write_faults(tmp_path / "faults.json", list(faults))
        options = EngineOptions(tmp_path, "cpu", "float32", 256, 16, 1, 8, 0, 1 << 20, max_adapters=2)
        engine = ChildEngine("loop.engine.stub_child", options, BASE, tmp_path / "logs", allowance, call_s, **more)
        engines.append(engine)
        return engine

    yield started
    for engine in engines:
        engine.close()


def test_each_sign_of_progress_within_a_call_is_passed_on(start: Start) -> None:
    signs: list[str] = []
    engine = start(on_moved=lambda: signs.append("moved"))
    engine.alive()
    assert signs  # a start may take as long as a call
    signs.clear()
    engine.alive()
    assert not signs
    engine.run(WRITES)
    assert signs


def test_the_stub_in_a_child_answers_as_the_stub_does(start: Start, tmp_path: Path) -> None:
    child, here = start(), StubEngine(BASE)
    for engine in (child, here):
        engine.load("fox", tmp_path, PROBE)
    both = [(policy, n) for policy in ("fox", BASE) for n in range(5)]
    for requests in (
        [Write(HELLO, policy, Sampling(1.0, 1.0, 12), seed) for policy, seed in both],
        [Choose(HELLO, policy, ("a", "b", "c")) for policy, _ in both],
        [Score(HELLO, policy, (1, n)) for policy, n in both],
    ):
        assert child.run(requests) == here.run(requests)
    child.alive()
    child.sleep()
    with pytest.raises(WorkerError, match="fox"):  # whatever slept is loaded and proven anew
        child.run([Score(HELLO, "fox", (1,))])
    child.load("fox", tmp_path, PROBE)
    assert child.run([Score(HELLO, "fox", (1,))]) == here.run([Score(HELLO, "fox", (1,))])


@pytest.mark.parametrize("when", ["start", "middle", "end"])
def test_an_engine_that_hangs_is_ended(when: str, start: Start) -> None:
    engine = start(Fault("Write", "hang", when), allowance=HASTY)  # type: ignore[arg-type]
    engine.alive()
    with pytest.raises(StalledError, match=r"stood still for .* s while answering 9 requests of the kind Write"):
        engine.run(WRITES)
    assert not is_running(engine.pid)
    with pytest.raises(WorkerError, match="ended before"):
        engine.run(WRITES)


def test_an_engine_that_hangs_while_starting_is_ended_and_its_log_says_where(start: Start) -> None:
    engine = start(Fault("start", "hang"), allowance=HASTY)
    with pytest.raises(StalledError, match=r"while starting \(last sign: .* s of processor time\)"):
        engine.alive()
    assert "stub_faults.py" in engine.log.read_text()


def test_whoever_waits_hears_that_an_engine_starts_and_where_its_log_is_and_that_it_is_ready(start: Start) -> None:
    said: list[str] = []
    engine = start(say=said.append)
    assert len(said) == 1
    assert said[0].startswith("starting the engine (stub on the cpu) at ") and str(engine.log) in said[0]
    for _ in range(2):
        engine.alive()
    assert re.fullmatch(r"the engine is ready after \d+ s", said[1]) and len(said) == 2


def test_what_an_engine_leaves_among_the_temporary_files_goes_with_it_but_for_what_is_compiled(start: Start) -> None:
    for sent in (signal.SIGKILL, signal.SIGTERM):
        engine = start()
        engine.alive()
        (worker,) = descendants(engine.pid)
        environment = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
        (folder,) = (Path(os.fsdecode(line[7:])) for line in environment if line.startswith(b"TMPDIR="))
        (folder / "vllm_dist_1").touch()
        (compiled,) = (link.resolve() for link in folder.glob("torchinductor_*"))
        os.kill(engine.pid if sent is signal.SIGKILL else worker, sent)  # the guardian, then what it guards
        engine.close()
        assert not folder.exists() and folder.parent.exists()
        assert compiled.is_dir()  # what torch compiled is there for the next one


def test_a_slow_engine_is_left_alone(start: Start) -> None:
    engine = start(Fault("Write", "drip", seconds=0.3), allowance=Allowance(stall_s=2))
    assert len(engine.run(WRITES)) == 9  # 2.7 s


def test_a_call_over_its_time_is_ended_though_it_moves(start: Start) -> None:
    engine = start(Fault("Write", "drip", seconds=0.2), call_s=0.7)
    with pytest.raises(WorkerError, match=r"longer than 0\.7 s answering"):
        engine.run(WRITES)


def test_where_it_stood_still_is_the_last_sign(start: Start) -> None:
    engine = start(Fault("Write", "hang", "end", seconds=0.2), allowance=HASTY)
    with pytest.raises(StalledError, match=r"last sign: 2 of 3 requests"):
        engine.run(WRITES[:3])


def test_a_dead_core_behind_a_line_that_answers_is_found_by_one_token(start: Start, tmp_path: Path) -> None:
    engine = start(allowance=HASTY)
    engine.alive()
    write_faults(tmp_path / "faults.json", [Fault("one_token", "hang"), Fault("Score", "hang")])
    with pytest.raises(StalledError, match="generating one token"):
        engine.alive()
    engine = start(allowance=HASTY)
    engine.alive()
    write_faults(tmp_path / "faults.json", [Fault("Score", "hang")])
    with pytest.raises(StalledError, match="proving fox"):  # it took the adapter, and generates nothing
        engine.load("fox", tmp_path, PROBE)


ENDS = {
    "die": (WorkerError, "was killed by SIGKILL while answering 9 requests"),
    "leave": (WorkerError, "ended with exit code 0 while answering 9 requests"),
    "orphan": (WorkerError, "was killed by SIGKILL while answering 9 requests"),
    "out of memory": (OutOfMemoryError, "failed while answering 9 requests.*MemoryError"),
    "garbage": (WorkerError, "answered garbage while answering 9 requests.*half a re"),
}


@pytest.mark.parametrize("when", ["start", "end"])
@pytest.mark.parametrize("do", ENDS)
def test_an_engine_that_fails_is_named_and_leaves_nothing(do: str, when: str, start: Start, tmp_path: Path) -> None:
    kind, said = ENDS[do]
    engine = start(Fault("Write", do, when))  # type: ignore[arg-type]
    engine.alive()
    started = [engine.pid, *descendants(engine.pid)]
    with pytest.raises(WorkerError, match=f"(?s){said}") as raised:
        engine.run(WRITES)
    assert type(raised.value) is kind
    assert str(engine.log) in str(raised.value)
    wait_until_gone(started, timeout_s=1)
    assert not (Path("/dev/shm") / segment_of(tmp_path / "faults.json")).exists()


def test_the_adapter_of_before_served_under_a_new_name_is_caught(start: Start, tmp_path: Path) -> None:
    engine = start(Fault("load", "wrong adapter"))
    with pytest.raises(WorkerError, match=r"does not serve the adapter.*nats a token"):
        engine.load("fox", tmp_path, PROBE)
    with pytest.raises(WorkerError, match="fox"):
        engine.run([Score(HELLO, "fox", (1,))])
    engine.load("fox", tmp_path, PROBE)
    write_faults(tmp_path / "faults.json", [Fault("load", "wrong adapter")])
    with pytest.raises(WorkerError, match=r"nats a token"):
        engine.load("hen", tmp_path, PROBE)


def test_an_engine_over_its_memory_is_ended(start: Start) -> None:
    engine = start(Fault("Write", "hang"), allowance=Allowance(stall_s=30, memory_gib=0.004))
    with pytest.raises(OutOfMemoryError, match=r"held 0\.\d+ GiB while .*limits\.worker_memory_gib=0\.004"):
        engine.run(WRITES)
    assert not is_running(engine.pid)


def test_an_engine_that_prints_a_lot_goes_on(start: Start) -> None:
    engine = start(Fault("Write", "flood"))
    assert len(engine.run(WRITES)) == 9
    assert engine.log.stat().st_size < 64 * 2**20


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_an_engine_that_is_killed_says_by_what(sent: signal.Signals, start: Start) -> None:
    engine = start()
    engine.alive()
    os.kill(descendants(engine.pid)[0], sent)
    with pytest.raises(WorkerError, match=f"was killed by {sent.name}"):
        engine.run(WRITES)


def test_an_engine_sees_no_secret(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "MLFLOW_TRACKING_PASSWORD", "SELFSAME_TOKEN"):
        monkeypatch.setenv(name, "a secret")
    engine = start()
    engine.alive()
    for pid in (engine.pid, *descendants(engine.pid)):
        assert b"a secret" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_closing_twice_does_nothing(start: Start) -> None:
    engine = start()
    engine.close()
    engine.close()
    assert not is_running(engine.pid)
