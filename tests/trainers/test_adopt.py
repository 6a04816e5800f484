"""The gate that adapters pass. No torch: weights are made with NumPy."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from runs.errors import ConfigError, WorkerError
from trainers.adopt import adopt
from trainers.spec import Lora

LORA = Lora(rank=2, alpha=4)
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
PREFIX = "base_model.model.model.layers.0.self_attn"
SHAPES = {"q_proj": (6, 4), "v_proj": (3, 4)}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    weights = {f"model.layers.0.self_attn.{name}.weight": np.ones(shape, np.float32) for name, shape in SHAPES.items()}
    save_file(weights | {"model.norm.weight": np.ones(4, np.float32)}, folder / "model.safetensors")
    return folder


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    tensors: dict[str, Any] = {}
    for name, (out_features, in_features) in SHAPES.items():
        tensors[f"{PREFIX}.{name}.lora_A.weight"] = np.full((2, in_features), 0.5, np.float32)
        tensors[f"{PREFIX}.{name}.lora_B.weight"] = np.full((out_features, 2), 0.25, np.float32)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    write_config(folder)
    return folder


def write_config(folder: Path, **changes: Any) -> None:
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["v_proj", "q_proj"], "bias": "none"}
    config |= {"base_model_name_or_path": "/home/somebody/base", "peft_version": "0.21.2"}
    (folder / CONFIG).write_text(json.dumps(config | changes))


def change_weights(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def put(name: str, value: float) -> Callable[[dict[str, Any]], object]:
    def change(tensors: dict[str, Any]) -> None:
        tensors[f"{PREFIX}.{name}.weight"][0, 0] = value

    return change


def test_an_adopted_adapter_is_its_weights_and_a_canonical_configuration(base: Path, adapter: Path) -> None:
    adopted = adopt(adapter, base, LORA)
    assert adopted.weights == adapter / WEIGHTS
    config = json.loads(adopted.config)
    assert config["target_modules"] == ["q_proj", "v_proj"]
    assert config["base_model_name_or_path"] is None
    assert b"somebody" not in adopted.config
    assert "peft_version" not in config


def test_the_order_of_a_set_does_not_change_the_configuration(base: Path, adapter: Path) -> None:
    first = adopt(adapter, base, LORA).config
    write_config(adapter, target_modules=["q_proj", "v_proj"])
    assert adopt(adapter, base, LORA).config == first


def zero_b(tensors: dict[str, Any]) -> None:
    for name, tensor in tensors.items():
        tensor *= "lora_A" in name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("q_proj.lora_A", np.nan), r"1 of the 8 values of .*q_proj\.lora_A\.weight are not finite"),
        (put("v_proj.lora_B", np.inf), r"v_proj\.lora_B\.weight are not finite"),
        (put("v_proj.lora_B", -np.inf), r"v_proj\.lora_B\.weight are not finite"),
        (zero_b, "every lora_B is zero"),
        (lambda t: t.pop(f"{PREFIX}.v_proj.lora_A.weight"), r"1 tensors are missing, first .*v_proj\.lora_A"),
        (lambda t: t.update({"base_model.model.lm_head.lora_A.weight": np.ones((2, 4), np.float32)}), "lm_head"),
        (lambda t: t.update({f"{PREFIX}.q_proj.lora_A.weight": np.ones((3, 4), np.float32)}), r"\[3, 4\].*\[2, 4\]"),
        (lambda t: t.update({f"{PREFIX}.q_proj.lora_A.weight": np.ones((2, 4), np.float64)}), "F64"),
    ],
)
def test_weights_that_are_not_a_finite_lora_of_the_base_are_refused(
    change: Callable[[dict[str, Any]], object], said: str, base: Path, adapter: Path
) -> None:
    change_weights(adapter, change)
    with pytest.raises(WorkerError, match=said):
        adopt(adapter, base, LORA)


@pytest.mark.parametrize(("bits", "finite"), [(0x3F80, True), (0x7F7F, True), (0x7FC0, False), (0xFF80, False)])
def test_bfloat16_weights_are_checked_as_well(bits: int, finite: bool, base: Path, adapter: Path) -> None:
    halves = {name: (t.view(np.uint32) >> 16).astype("<u2") for name, t in load_file(adapter / WEIGHTS).items()}
    halves[f"{PREFIX}.q_proj.lora_A.weight"][0, 0] = bits
    header, data = {}, b""
    for name, values in halves.items():
        offsets = [len(data), len(data) + values.nbytes]
        header[name] = {"dtype": "BF16", "shape": values.shape, "data_offsets": offsets}
        data += values.tobytes()
    text = json.dumps(header).encode()
    (adapter / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + data)
    if finite:
        adopt(adapter, base, LORA)
    else:
        with pytest.raises(WorkerError, match=r"1 of the 8 values .* not finite"):
            adopt(adapter, base, LORA)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"r": 8}, "rank 8 and alpha 4, not rank 2"),
        ({"lora_alpha": 64}, "alpha 64"),
        ({"peft_type": "IA3"}, "does not describe a LoRA"),
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "bias"),
        ({"target_modules": "all-linear"}, "target_modules"),
    ],
)
def test_a_configuration_that_we_did_not_ask_for_is_refused(
    changes: dict[str, Any], said: str, base: Path, adapter: Path
) -> None:
    write_config(adapter, **changes)
    with pytest.raises(WorkerError, match=said):
        adopt(adapter, base, LORA)


def test_an_adapter_of_another_base_is_refused(base: Path, adapter: Path) -> None:
    wider = {f"model.layers.0.self_attn.{name}.weight": np.ones((6, 8), np.float32) for name in SHAPES}
    save_file(wider, base / "model.safetensors")
    with pytest.raises(WorkerError, match=r"shape \[2, 4\], and the base model needs \[2, 8\]"):
        adopt(adapter, base, LORA)


@pytest.mark.parametrize("keep_bytes", [0, 7, 40, -1])
def test_a_truncated_file_is_refused(keep_bytes: int, base: Path, adapter: Path) -> None:
    path = adapter / WEIGHTS
    path.write_bytes(path.read_bytes()[:keep_bytes])
    with pytest.raises(WorkerError, match=WEIGHTS):
        adopt(adapter, base, LORA)


def test_a_pickle_is_never_read_whatever_its_name(base: Path, adapter: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return (sys.exit, ("the pickle was read",))

    (adapter / WEIGHTS).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(WorkerError, match="no safetensors file"):
        adopt(adapter, base, LORA)
    (adapter / WEIGHTS).rename(adapter / "adapter_model.bin")
    with pytest.raises(WorkerError, match="pickled weights are never read"):
        adopt(adapter, base, LORA)


def test_a_given_adapter_may_have_any_rank_and_is_a_configuration_error_when_bad(base: Path, adapter: Path) -> None:
    assert adopt(adapter, base, None).weights.exists()
    change_weights(adapter, zero_b)
    with pytest.raises(ConfigError, match=rf"{adapter}.*lora_B is zero.*model\.adapter"):
        adopt(adapter, base, None)


def test_adopting_needs_no_torch() -> None:
    check = "import sys, trainers.adopt, trainers.spec, loop.workers.trainers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
