"""A training that is killed and started again on the same folder, with the real TRL: it ends with the same bytes."""

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoTokenizer, TrainerCallback
from trl import DPOTrainer

from loop.limits import LimitReached
from loop.workers.trainers import Trainers
from tests.trainers.outcome import assert_same, ends, log_of
from tests.trainers.tiny import random_pairs, rehearsed, train, write_spec
from trainers.adopt import WEIGHTS
from trainers.checkpoint import Kept, asked_of
from trainers.dpo import pair_trainer
from trainers.pair_trainer import PairTrainer
from trainers.rows import read_pairs
from trainers.spec import STOPPED, DpoSpec

STEPS = 12  # 41 rows, of which 9 are rehearsed, in batches of 8, twice
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Whole:
    """A training that nothing interrupted, in the folder `out`; `start` is where it began and its reference."""

    spec: DpoSpec
    out: Path
    start: Path


@pytest.fixture(scope="module")
def whole(base: Path, adapters: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """It never kept a checkpoint."""
    folder, start = tmp_path_factory.mktemp("whole"), adapters["previous"]
    settings: dict[str, Any] = {"batch_size": 8, "micro_batch_size": 4, "schedule": "linear", "warmup_frac": 0.2}
    rows = rehearsed(random_pairs(41), 5)
    spec = write_spec(folder, base, rows, model={"start": start, "reference": start}, **settings)
    train(spec, folder / "out")
    assert not list((folder / "out").glob("checkpoint*"))
    return Whole(spec, folder / "out", start)


@pytest.fixture(scope="module")
def half(whole: Whole, trainers: Trainers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same training, stopped by SIGTERM after its fourth step."""
    out = tmp_path_factory.mktemp("half") / "out"
    assert ends(trainers, whole.spec, out, "row", 4, signal.SIGTERM) == f"exit code {STOPPED}"
    assert [row["step"] for row in log_of(out)] == [1, 2, 3, 4]
    return out


def went_on_from(out: Path, half: Path) -> bool:
    """Whether the first rows are those of `half`, written when `half` wrote them."""
    return log_of(out)[:4] == log_of(half)


DEATHS = {
    "after each third step, once where an epoch ends": [("row", 4), ("row", 4), ("row", 4)],
    "at a reference batch, a micro-batch and the probe": [("beat", 7), ("beat", 20), ("beat", 16)],
    "on the way to the disk": [("disk", 33), ("disk", 75), ("disk", 49), ("disk", 96), ("disk", 121)],
}


@pytest.mark.parametrize("deaths", DEATHS)
def test_a_training_killed_again_and_again_ends_with_the_same_bytes(
    deaths: str, whole: Whole, trainers: Trainers, tmp_path: Path
) -> None:
    spec, out = whole.spec.model_copy(update={"checkpoint_every_s": 0.0}), tmp_path / "out"
    for at, number in DEATHS[deaths]:
        assert ends(trainers, spec, out, at, number) == "SIGKILL"
    before = log_of(out)
    trainers.run("trainers.dpo", spec, out, timeout_s=120)
    assert_same(out, spec, whole.out)
    assert log_of(out)[: len(before) - 1] == before[:-1] != []  # none of it was done twice


def test_sigterm_keeps_the_step_in_flight_and_a_death_later_costs_what_came_after(
    half: Path, whole: Whole, trainers: Trainers, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(half, out)
    assert ends(trainers, whole.spec, out, "row", 6) == "SIGKILL"
    assert [row["step"] for row in log_of(out)] == list(range(1, 10))
    trainers.run("trainers.dpo", whole.spec, out, timeout_s=120)
    assert_same(out, whole.spec, whole.out)
    assert went_on_from(out, half)


def test_sigterm_after_the_last_step_leaves_only_the_end_to_do(
    half: Path, whole: Whole, trainers: Trainers, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(half, out)
    assert ends(trainers, whole.spec, out, "row", STEPS - 4, signal.SIGTERM) == f"exit code {STOPPED}"
    stopped = log_of(out)
    trainers.run("trainers.dpo", whole.spec, out, timeout_s=120)
    assert_same(out, whole.spec, whole.out)
    assert log_of(out) == stopped


def test_sigterm_among_the_reference_batches_keeps_those_that_are_done(
    whole: Whole, trainers: Trainers, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert ends(trainers, whole.spec, out, "beat", 5, signal.SIGTERM) == f"exit code {STOPPED}"
    kept = Kept(out, asked_of(whole.spec)).reference()
    assert len(kept) == 3 * 4  # the first two beats come before them
    trainers.run("trainers.dpo", whole.spec, out, timeout_s=120)
    assert_same(out, whole.spec, whole.out)
    assert Kept(out, asked_of(whole.spec)).reference()[: len(kept)] == kept


def test_a_run_that_is_to_stop_stops_its_training_and_loses_nothing(
    whole: Whole, trainers: Trainers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, out = whole.spec.model_copy(update={"epochs": 500}), tmp_path / "out"
    log = out / "log.jsonl"
    monkeypatch.setattr(trainers, "stop", lambda: "a person asked" if log.exists() and log.stat().st_size else "")
    with pytest.raises(LimitReached, match="a person asked"):
        trainers.run("trainers.dpo", spec, out, timeout_s=120)
    checkpoint = Kept(out, asked_of(spec)).checkpoint()
    assert checkpoint
    assert log_of(checkpoint) == log_of(out) != []


def trainer_of(whole: Whole, out: Path, callback: TrainerCallback) -> PairTrainer:
    tokenizer = AutoTokenizer.from_pretrained(whole.spec.model.base)
    rows = read_pairs(whole.spec.rows, tokenizer, whole.spec.max_length_tokens)
    trainer = pair_trainer(whole.spec, out, rows.trained, tokenizer, callback)
    trainer.train_on(trainer.with_reference(rows.trained, [], lambda: None))
    return trainer


def weights(trainer: PairTrainer, name: str) -> Weights:
    held = get_peft_model_state_dict(trainer.model, adapter_name=name, save_embedding_layers=False)
    return {key: tensor.clone() for key, tensor in held.items()}


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Seen(Exception):
    """A training has begun, and what it begins with has been looked at."""


class Look(TrainerCallback):
    """Ends a training where it begins, with its optimizer and scheduler."""

    def on_train_begin(self, *_: Any, **held: Any) -> None:
        raise Seen(held["optimizer"].state_dict(), held["lr_scheduler"].get_last_lr())


def test_a_resumed_training_begins_with_what_the_checkpoint_holds(half: Path, whole: Whole, tmp_path: Path) -> None:
    checkpoint = Kept(half, asked_of(whole.spec)).checkpoint()
    trainer = trainer_of(whole, tmp_path, Look())
    with pytest.raises(Seen) as seen:
        trainer.train(resume_from_checkpoint=str(checkpoint))
    assert checkpoint and trainer.state.global_step == 4
    assert same(weights(trainer, "default"), load_file(checkpoint / WEIGHTS))
    assert not same(weights(trainer, "default"), load_file(whole.start / WEIGHTS))
    assert same(weights(trainer, "ref"), load_file(whole.start / WEIGHTS))
    optimizer, rates = seen.value.args
    stored = load_file(checkpoint / "optimizer.safetensors")
    held = {f"{row}.{name}": t for row, values in optimizer["state"].items() for name, t in values.items()}
    assert same(held, stored) and any(t.abs().max() > 0 for name, t in stored.items() if "exp_avg" in name)
    assert rates == [group["lr"] for group in optimizer["param_groups"]]
    assert 0 < rates[0] < whole.spec.learning_rate
    torch.manual_seed(99)
    trainer._load_rng_state(str(checkpoint))
    assert torch.equal(torch.get_rng_state(), load_file(checkpoint / "random.safetensors")["cpu"])


def test_stock_trl_would_go_on_from_the_start_weights(half: Path, whole: Whole, tmp_path: Path) -> None:
    checkpoint = Kept(half, asked_of(whole.spec)).checkpoint()
    assert checkpoint
    trainer = trainer_of(whole, tmp_path, TrainerCallback())
    trainer._load_from_checkpoint(str(checkpoint))
    trainer.save_model(str(tmp_path / "stock"))
    stock = trainer_of(whole, tmp_path, TrainerCallback())
    DPOTrainer._load_from_checkpoint(stock, str(tmp_path / "stock"))
    assert same(weights(stock, "default"), load_file(whole.start / WEIGHTS))
    stock._load_from_checkpoint(str(checkpoint))
    assert same(weights(stock, "default"), load_file(tmp_path / "stock" / WEIGHTS))


@pytest.mark.parametrize("damaged", ["optimizer.safetensors", "reference.json"])
def test_a_training_whose_checkpoint_is_damaged_ends_with_the_same_bytes(
    damaged: str, half: Path, whole: Whole, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(half, out)
    (path,) = out.rglob(damaged)
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    train(whole.spec, out)
    assert str(path) in capfd.readouterr().out
    assert_same(out, whole.spec, whole.out)
    assert went_on_from(out, half) == (damaged == "reference.json")


def test_a_checkpoint_made_with_another_micro_batch_is_left_alone(half: Path, whole: Whole, tmp_path: Path) -> None:
    other = whole.spec.model_copy(update={"micro_batch_size": 2})
    shutil.copytree(half, tmp_path / "out")
    for out in (tmp_path / "out", tmp_path / "fresh"):
        train(other, out)
    assert_same(tmp_path / "out", other, tmp_path / "fresh")
    assert not went_on_from(tmp_path / "out", half)


def test_a_checkpoint_serves_wherever_its_files_are_moved(half: Path, whole: Whole, tmp_path: Path) -> None:
    shutil.copytree(half, tmp_path / "out")
    shutil.copytree(whole.start, tmp_path / "start")
    rows = shutil.copyfile(whole.spec.rows, tmp_path / "rows.parquet")
    moved = {"start": tmp_path / "start", "reference": tmp_path / "start"}
    spec = whole.spec.model_copy(update={"rows": rows, "model": whole.spec.model.model_copy(update=moved)})
    train(spec, tmp_path / "out")
    assert_same(tmp_path / "out", spec, whole.out)
    assert went_on_from(tmp_path / "out", half)


def test_the_heart_beats_with_each_batch(whole: Whole) -> None:
    pid, count = (whole.out / "beat").read_text().split()
    reference_batches, micro_batches = 11, 2 * 11
    assert int(pid) > 0 and int(count) == 2 + reference_batches + micro_batches + 2
