"""Rows that are never trained on: the best weights on them are kept, and a training killed anywhere ends the same."""

import json
import math
import signal
from pathlib import Path
from typing import Any

import pytest

from loop.workers.trainers import Trainers
from tests.trainers.outcome import assert_same, ends, log_of, mean_answer_logprob
from tests.trainers.tiny import random_pairs, train, write_spec
from trainers.spec import STOPPED, DpoSpec, HeldOut

FAST = {"batch_size": 8, "learning_rate": 0.05, "epochs": 4}
"""So fast that what is learnt of random pairs soon makes others worse."""


def rows() -> list[dict[str, Any]]:
    """25 pairs to train on, and 8 that are held out."""
    return [row | {"held_out": number % 4 == 3} for number, row in enumerate(random_pairs(33))]


@pytest.fixture(scope="module")
def spec(base: Path, adapters: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> DpoSpec:
    start = adapters["previous"]
    looks = {"every_steps": 2, "patience": 2}
    model = {"start": start, "reference": start}
    return write_spec(tmp_path_factory.mktemp("held"), base, rows(), model=model, held_out=looks, **FAST)


@pytest.fixture(scope="module")
def whole(spec: DpoSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing interrupted, and that kept no checkpoint."""
    out = tmp_path_factory.mktemp("whole")
    train(spec, out)
    return out


def test_the_kept_weights_are_those_of_the_best_look_and_the_training_ends_when_patience_does(
    whole: Path, base: Path
) -> None:
    result = json.loads((whole / "result.json").read_bytes())
    looks = {row["step"]: row["held_out/loss"] for row in log_of(whole) if "held_out/loss" in row}
    best = min(looks, key=lambda step: looks[step])
    assert (result["rows_in"], result["rows_used"], result["rows_held_out"]) == (33, 25, 8)
    assert list(looks) == [*range(2, best + 5, 2)] and result["steps"] == best + 4 < 16
    assert result["held_out"]["best"]["step"] == best and result["held_out"]["best"]["loss"] == looks[best]
    assert result["held_out"]["start"]["loss"] == pytest.approx(math.log(2), abs=1e-5)
    unseen = [row for row in rows() if row["held_out"]]
    by_kept = mean_answer_logprob(base, whole, unseen, "chosen_ids")
    assert by_kept == pytest.approx(result["held_out"]["best"]["logps/chosen"], abs=1e-3)


def test_a_training_with_held_out_rows_killed_or_stopped_ends_with_the_same_bytes(
    whole: Path, spec: DpoSpec, trainers: Trainers, tmp_path: Path
) -> None:
    """It is killed over its best look and after it, and stopped by SIGTERM at its very last step."""
    last = json.loads((whole / "result.json").read_bytes())["steps"]
    eager = spec.model_copy(update={"checkpoint_every_s": 0.0})
    for number in (3, last - 3):
        assert ends(trainers, eager, tmp_path / "out", "row", number) == "SIGKILL"
    done = len(log_of(tmp_path / "out"))
    assert ends(trainers, spec, tmp_path / "out", "row", last - done, signal.SIGTERM) == f"exit code {STOPPED}"
    train(spec, tmp_path / "out")
    assert_same(tmp_path / "out", spec, whole)


def test_without_patience_every_step_is_made_and_looking_changes_none(
    whole: Path, spec: DpoSpec, tmp_path: Path
) -> None:
    train(spec.model_copy(update={"held_out": HeldOut(every_steps=5, patience=None)}), tmp_path)
    result = json.loads((tmp_path / "result.json").read_bytes())
    looks = {row["step"]: row["held_out/loss"] for row in log_of(tmp_path) if "held_out/loss" in row}
    assert list(looks) == [5, 10, 15, 16] and result["steps"] == 16
    assert result["held_out"]["best"]["loss"] == min(looks.values())
    losses = [row["loss"] for row in log_of(whole)]
    assert [row["loss"] for row in log_of(tmp_path)][: len(losses)] == losses
