"""What a training leaves behind when its run dies: a folder that lasts until there is a receipt."""

from pathlib import Path

import pytest

from loop import drive
from loop.config_train import Train
from loop.steps.train import fitting_micro_batch
from runs.canonical import digest
from runs.errors import WorkerError
from runs.gc import collect, garbage
from runs.output import Output
from runs.store import Store, hex_of
from tests.loop.small import quiet, run_small
from trainers.stub_faults import VARIABLE, Fault, write_faults

TINY = {"iterations": "1", "prompts__count": "8", "measure__prompts": "4", "gold__enabled": "false"}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_of_unfinished_work_lasts_until_its_receipt_and_all_other_scratch_goes(tmp_path: Path) -> None:
    store, asked = Store(tmp_path), {"step": "train"}
    key = digest(asked)
    with store.lock():
        store.unfinished(key).mkdir()
        (store.scratch / "probe-x1y2").mkdir()
    with store.lock():
        assert names(store.scratch) == [hex_of(key)]
        store.commit(key, store.put_record(Output("train", {}, {})), asked, {})
        assert names(store.scratch) == []
        store.unfinished(key).mkdir()  # the writer died between the receipt and this
    with store.lock():
        assert names(store.scratch) == []


def test_a_training_that_fails_leaves_its_folder_to_the_next_start_which_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, home = tmp_path / "faults.json", tmp_path / "home"
    monkeypatch.setenv(VARIABLE, str(faults))
    write_faults(faults, [Fault("train", "die", "end")])
    with pytest.raises(WorkerError, match="SIGKILL"):
        run_small(home, limits__worker_attempts="1", **TINY)
    store = Store(home)
    missing = drive.planned(store, "r1", drive.config_of(drive.existing(store, "r1")))[-1]
    assert missing.step == "train"
    assert (store.unfinished(missing.key) / "out" / "log.jsonl").exists()
    with store.lock():
        collect(store, garbage(store, before_ns=2**63))  # as if long ago
    assert (store.unfinished(missing.key) / "out" / "log.jsonl").exists()
    assert drive.carry_on(store, "r1", quiet).kind == "done"
    assert names(store.scratch) == []


@pytest.mark.parametrize(
    ("batch", "micro", "divisor", "fits"), [(16, 8, 1, 8), (16, 8, 2, 4), (9, 9, 2, 3), (6, 6, 4, 1), (16, 8, 64, 1)]
)
def test_after_an_out_of_memory_the_micro_batch_shrinks_and_still_divides_the_batch(
    batch: int, micro: int, divisor: int, fits: int
) -> None:
    assert fitting_micro_batch(Train(batch_size=batch, micro_batch_size=micro), divisor) == fits
