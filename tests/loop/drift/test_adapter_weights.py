"""How large an adapter's change is, and how far it went."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from loop.drift.adapter_weights import Factors, read_factors, step

SHAPES = {"q_proj": (24, 16), "down_proj": (16, 40)}


def factors(seed: int, rank: int = 3) -> Factors:
    rng = np.random.default_rng(seed)
    return Factors(
        {name: (rng.normal(size=(out, rank)), rng.normal(size=(rank, into))) for name, (out, into) in SHAPES.items()}
    )


def dense(one: Factors) -> np.ndarray:
    """The change that is never made, made: all modules in a row."""
    return np.concatenate([(b @ a).ravel() for b, a in (one.of[name] for name in SHAPES)])


def test_norm_distance_and_angle_are_those_of_the_change_itself() -> None:
    before, after = factors(0), factors(1, rank=5)
    u, v = dense(before), dense(after)
    found = step(before, after)
    assert before.norm == pytest.approx(np.linalg.norm(u), abs=1e-9)
    assert found.distance == pytest.approx(np.linalg.norm(u - v), abs=1e-9)
    assert found.angle_rad == pytest.approx(math.acos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)), abs=1e-9)


def test_a_small_step_keeps_its_digits() -> None:
    before = factors(0)
    after = Factors({name: (b + 1e-7 * np.sign(b), a) for name, (b, a) in before.of.items()})
    small = {name: (1e-7 * np.sign(b), a) for name, (b, a) in before.of.items()}
    found = step(before, after)
    assert found.distance == pytest.approx(Factors(small).norm, rel=1e-6)
    assert found.angle_rad is not None and 0 < found.angle_rad < 1e-6


def test_the_same_change_written_with_other_factors_is_no_step() -> None:
    before = factors(2)
    turn = np.linalg.qr(np.random.default_rng(9).normal(size=(3, 3)))[0]
    after = Factors({name: (b @ turn, turn.T @ a) for name, (b, a) in before.of.items()})
    assert step(before, after).distance < 1e-12 * before.norm
    assert step(before, after).angle_rad == pytest.approx(0, abs=1e-12)


def test_an_adapter_that_is_turned_round_is_at_an_angle_of_pi() -> None:
    assert step(factors(0), factors(0).times(-2)).angle_rad == pytest.approx(math.pi)


def test_from_the_base_the_distance_is_the_norm_and_there_is_no_angle() -> None:
    after = factors(0)
    assert step(read_factors(None), after).distance == pytest.approx(after.norm)
    assert step(read_factors(None), after).angle_rad is None


@pytest.mark.parametrize(("rslora", "scale"), [(False, 8 / 4), (True, 8 / 2)])
def test_an_adapter_is_read_with_the_scale_that_it_is_served_with(tmp_path: Path, rslora: bool, scale: float) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 16)).astype(np.float32), rng.normal(size=(24, 4)).astype(np.float32)
    place = "base_model.model.model.layers.0.self_attn.q_proj"
    save_file({f"{place}.lora_A.weight": a, f"{place}.lora_B.weight": b}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8, "use_rslora": rslora}))
    expected = scale * np.linalg.norm(b.astype(np.float64) @ a.astype(np.float64))
    assert read_factors(tmp_path).norm == pytest.approx(expected, abs=1e-9)
