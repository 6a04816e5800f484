"""Whole runs on the stub whose workers go wrong: they end where a run does in which nothing did."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loop.progress import Event
from runs.errors import WorkerError
from runs.store import Store
from runs.verify import verify
from tests.loop.small import chain, run_small
from trainers.stub_faults import VARIABLE, Fault, write_faults

TINY: dict[str, str] = {"iterations": "1", "prompts__count": "8", "measure__prompts": "4", "gold__prompts": "4"}


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The iterations of a run in which all went well, its engine in our own process."""
    store, _ = run_small(tmp_path_factory.mktemp("home"), **TINY)
    return [iteration.digest for iteration in chain(store)]


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of the faults that the stub's processes will commit."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "faults.json"))
    write_faults(tmp_path / "faults.json", [])
    return tmp_path / "faults.json"


def run_with(faults: Path, committed: list[Fault], **changes: str) -> tuple[Store, list[str], list[str]]:
    """A run whose stub commits these faults: its store, its iterations, and what it said."""
    write_faults(faults, committed)
    said: list[str] = []

    def hear(event: Event) -> None:
        if event.kind == "retry":
            said.append(event.text)

    limits = {"stall_s": "5"}
    store, outcome = run_small(faults.parent / "home", say=hear, limits=limits, **{**TINY, **changes})
    assert outcome.kind == "done"
    assert faults.read_text() == "[]"
    return store, [iteration.digest for iteration in chain(store)], said


def test_a_run_gets_over_an_engine_that_goes_wrong(digests: list[str], faults: Path) -> None:
    committed = [
        Fault("Choose", "hang", "middle"),
        Fault("Write", "garbage", "end"),
        Fault("load", "wrong adapter"),
        Fault("Write", "orphan"),
    ]
    store, got, said = run_with(faults, committed, limits__engine_while_training="stop")
    assert got == digests
    for words in ("stood still", "answered garbage", "nats a token", "killed by SIGKILL"):
        assert any(words in line for line in said)
    assert all(" of 3 failed" in line and line.startswith("r1@") for line in said)
    assert not verify(store)


def test_a_run_gets_over_a_trainer_that_goes_wrong(digests: list[str], faults: Path) -> None:
    committed = [Fault("train", do) for do in ("leave", "half an adapter", "garbage", "out of memory", "orphan")]  # type: ignore[arg-type]
    store, got, said = run_with(faults, committed, limits__worker_attempts="6")
    assert got == digests
    words = ("left no result", "is refused", "left no result", "1/2 of train.micro_batch_size", "killed by SIGKILL")
    for word, line in zip(words, said, strict=True):
        assert word in line and line.startswith("r1@1/train: attempt")
    kept = [receipt["provenance"]["micro_batch_size"] for receipt in store.receipts() if is_train(receipt)]
    assert kept == [4]


def is_train(receipt: dict[str, Any]) -> bool:
    return bool(receipt["asked"].get("step") == "train")


def test_a_shard_that_fails_each_time_is_named_with_the_next_command(faults: Path) -> None:
    write_faults(faults, [Fault("Choose", "die", times=99)])
    with pytest.raises(WorkerError, match=r"(?s)r1@0/measure.*attempt 3 of 3 failed.*SIGKILL.*selfsame resume r1"):
        run_small(faults.parent / "home", **TINY)
    assert '"times": 96' in faults.read_text()
