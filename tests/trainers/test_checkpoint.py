"""What a training keeps on the disk: whole and its own, or as good as not there. The trainings are in test_resume."""

import os
from pathlib import Path

import pytest

from runs import points
from tests.trainers.tiny import random_pairs, write_spec
from trainers.adopt import WEIGHTS
from trainers.checkpoint import CHECKPOINT, Kept, asked_of
from trainers.pace import Pace
from trainers.spec import STOPPED

OLD = {"a.safetensors": b"old" * 1000, "b.json": b"{}"}
NEW = {"a.safetensors": b"new" * 1000, "b.json": b"[]"}


def contents(folder: Path | None) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder else {}


def dies(kept: Kept, point: int) -> bool:
    """Whether a process that keeps NEW is killed before its `point`-th step on the way to the disk."""
    child = os.fork()
    if child == 0:
        points.hook = points.crash_at(point)
        kept.write_checkpoint(2, NEW)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def test_killed_anywhere_while_writing_the_old_checkpoint_or_the_new_one_is_there(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "s1:this")
    kept.write_checkpoint(1, OLD)
    found, point = [], 1
    while dies(kept, point):
        found.append(contents(kept.checkpoint()))
        point += 1
    assert all(files in (OLD, NEW) for files in found)
    assert found[0] == OLD and found[-1] == contents(kept.checkpoint()) == NEW
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-2"]


@pytest.mark.parametrize("damage", ["a bit", "an end", "a file", "the list of files"])
def test_a_damaged_checkpoint_is_none(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = Kept(tmp_path, "s1:this")
    kept.write_checkpoint(1, OLD)
    path = tmp_path / "checkpoint-1" / "a.safetensors"
    match damage:
        case "a bit":
            path.write_bytes(b"Old" + path.read_bytes()[3:])
        case "an end":
            path.write_bytes(path.read_bytes()[:-1])
        case "a file":
            path.unlink()
        case "the list of files":
            path = tmp_path / CHECKPOINT
            path.write_bytes(path.read_bytes()[:-1])
    assert kept.checkpoint() is None
    assert str(path) in capsys.readouterr().out


def test_what_is_of_another_training_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Kept(tmp_path, "s1:this").write_checkpoint(1, OLD)
    Kept(tmp_path, "s1:this").write_reference([[-1.5, -2.5]])
    other = Kept(tmp_path, "s1:other")
    assert other.checkpoint() is None and other.reference() == []
    assert "another training" in capsys.readouterr().out
    assert Kept(tmp_path, "s1:this").reference() == [[-1.5, -2.5]]


@pytest.mark.parametrize("changed", ["loss", "seed", "micro_batch_size", "rows", "start", "checkpoint_every_s"])
def test_a_checkpoint_is_for_all_that_decides_the_training_and_for_nothing_else(changed: str, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, tmp_path, random_pairs(4), model={"start": tmp_path})
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    before = asked_of(spec)
    match changed:
        case "rows":
            write_spec(tmp_path, tmp_path, random_pairs(5))
        case "loss":
            spec = write_spec(tmp_path, tmp_path, random_pairs(4), {"wpo": True}, model={"start": tmp_path})
        case "start":
            (tmp_path / WEIGHTS).write_bytes(b"other weights")
        case _:
            spec = spec.model_copy(update={changed: 1 + getattr(spec, changed)})
    assert (asked_of(spec) == before) == (changed == "checkpoint_every_s")


def test_something_is_kept_every_so_often_and_at_once_when_the_program_is_to_stop() -> None:
    assert Pace(0).is_due()
    pace = Pace(3600)
    assert not pace.is_due()
    pace.kept()
    pace.stop()
    assert pace.is_due()
    with pytest.raises(SystemExit) as ending:
        pace.kept()
    assert ending.value.code == STOPPED
