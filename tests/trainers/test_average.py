"""The mean of adapters, on values."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from trainers.adopt import CONFIG, WEIGHTS, read_weights
from trainers.average import average, moving_average

A, B = "base_model.model.x.lora_A.weight", "base_model.model.x.lora_B.weight"


def adapter(folder: Path, a: float, b: float, rank: int = 2) -> Path:
    folder.mkdir()
    tensors = {A: np.full((rank, 3), a, np.float32), B: np.full((4, rank), b, np.float32)}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text("{}")
    return folder


def test_a_moving_average_weighs_as_its_recursion_does() -> None:
    policies, kept = [3.0, 5.0, -1.0, 2.0], 0.7
    mean = policies[0]
    for policy in policies[1:]:
        mean = kept * mean + (1 - kept) * policy
    weights = moving_average(4, kept)
    assert sum(w * p for w, p in zip(weights, policies, strict=True)) == pytest.approx(mean)
    assert sum(weights) == pytest.approx(1) and moving_average(1, kept) == [1.0]


def test_the_base_counts_as_an_adapter_that_changes_nothing(tmp_path: Path) -> None:
    policies = [None, adapter(tmp_path / "one", 1.0, 2.0), adapter(tmp_path / "two", 3.0, 6.0)]
    average(policies, [0.5, 0.25, 0.25], tmp_path / "out")
    found = read_weights(tmp_path / "out" / WEIGHTS)
    assert (found[A] == 2.0).all() and (found[B] == 2.0).all()
    assert found[A].shape == (2, 3) and found[B].shape == (4, 2)


def test_adapters_of_other_shapes_have_no_mean(tmp_path: Path) -> None:
    policies = [adapter(tmp_path / "one", 1.0, 2.0), adapter(tmp_path / "two", 3.0, 6.0, rank=3)]
    with pytest.raises(ValueError, match="two has other tensors than"):
        average(policies, [0.5, 0.5], tmp_path / "out")


def test_bfloat16_weights_are_read_as_the_numbers_that_they_are(tmp_path: Path) -> None:
    numbers = np.array([1.0, -2.5, 0.15625], np.float32)
    header = b'{"x":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}'
    data = (numbers.view(np.uint32) >> 16).astype("<u2").tobytes()
    (tmp_path / WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header + data)
    assert read_weights(tmp_path / WEIGHTS)["x"].tolist() == numbers.tolist()
