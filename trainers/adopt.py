"""The gate between a folder that somebody wrote and an adapter that is kept. No torch here.

An adopted adapter is exactly two files: `adapter_model.safetensors` as it was written (safetensors orders its tensors,
so equal weights are equal bytes) and an `adapter_config.json` in canonical form. PEFT writes lists from sets, in
another order each time, and the path of the base on this machine.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runs.canonical import canonical_json
from runs.errors import ConfigError, SelfsameError, WorkerError
from trainers.spec import Lora

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
HEAD = "score"
"""The module that makes a preference model of an adapter: one reward from the last hidden state."""
HEAD_WEIGHTS = f"base_model.model.{HEAD}.weight"
HEADER_LIMIT_BYTES = 100_000_000  # the limit of the safetensors library itself
DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<u4"), "BF16": np.dtype("<u2")}
EXPONENT = {"F32": 0x7F800000, "BF16": 0x7F80}  # all ones: infinite or not a number
MAGNITUDE = {"F32": 0x7FFFFFFF, "BF16": 0x7FFF}
BESIDE = ("base_model_name_or_path", "revision", "peft_version")
UNSUPPORTED = (
    *("alpha_pattern", "rank_pattern", "modules_to_save", "target_parameters", "trainable_token_indices"),
    *("layers_to_transform", "layer_replication", "lora_bias", "fan_in_fan_out"),
    *("use_dora", "use_qalora", "use_bdlora", "arrow_config"),
)


@dataclass(frozen=True)
class Adopted:
    """What to keep: the weights' file, and the bytes of the configuration."""

    weights: Path
    config: bytes


@dataclass(frozen=True)
class Tensor:
    """An entry of a safetensors header; the data lie from `start` to `end`, counted from the file's beginning."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def adopt(folder: Path, base: Path, lora: Lora | None, head: bool = False) -> Adopted:
    """The adapter in `folder`, once it is certain to be a finite LoRA of the base model in folder `base`.

    With a `head` it is to be a preference model, and without one a policy.

    `lora` is the shape that our trainer was asked for; a failed check is then a WorkerError. None is for an adapter
    that a person gave: any rank will do, and a failed check is a ConfigError.
    """
    try:
        return _adopt(folder, base, lora, head)
    except (ValueError, OSError, RecursionError) as reason:
        raise _error(folder, str(reason), given=lora is None) from reason


def _error(folder: Path, reason: str, given: bool) -> SelfsameError:
    if given:
        advice = "Point model.adapter at a PEFT LoRA adapter of this base model, or leave it out."
        return ConfigError(f"the adapter {folder} cannot be used: {reason}. {advice}")
    advice = "Nothing was kept of it; `selfsame resume NAME` trains again."
    return WorkerError(f"the adapter that training left in {folder} is refused: {reason}. {advice}")


def _adopt(folder: Path, base: Path, lora: Lora | None, head: bool) -> Adopted:
    weights = folder / WEIGHTS
    if not weights.is_file():
        pickled = any((folder / name).exists() for name in ("adapter_model.bin", "adapter_model.pt"))
        raise ValueError(f"{WEIGHTS} is missing{', and pickled weights are never read' if pickled else ''}")
    config = _read_config(folder / CONFIG, head)
    if lora and (config["r"], config["lora_alpha"]) != (lora.rank, lora.alpha):
        asked = f"rank {lora.rank} and alpha {lora.alpha:g}"
        raise ValueError(f"{CONFIG} says rank {config['r']} and alpha {config['lora_alpha']}, not {asked}")
    tensors = read_header(weights)
    shapes = expected_shapes(base, config["target_modules"], config["r"])
    _check_shapes(tensors, shapes | (head_shape(base) if head else {}))
    _check_values(weights, tensors)
    return Adopted(weights, _canonical(config))


def _read_config(path: Path, head: bool) -> dict[str, Any]:
    config = json.loads(path.read_bytes())
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ValueError(f"{path.name} does not describe a LoRA")
    if head:
        saved = config.pop("modules_to_save", None)
        if config.get("task_type") != "SEQ_CLS" or not isinstance(saved, list) or HEAD not in saved:
            raise ValueError(f"{path.name} describes no preference model: one of task type SEQ_CLS that saves {HEAD}")
    if odd := [name for name in UNSUPPORTED if config.get(name)] + ["bias"] * (config.get("bias", "none") != "none"):
        raise ValueError(f"{path.name} sets {odd[0]}, which the engine cannot serve")
    targets = config.get("target_modules")
    if not isinstance(targets, list) or not targets or not isinstance(config.get("r"), int):
        raise ValueError(f"{path.name} has no list of target_modules or no rank r")
    return config | ({"modules_to_save": [HEAD]} if head else {})


def _canonical(config: Mapping[str, Any]) -> bytes:
    kept = {name: None if name == BESIDE[0] else value for name, value in config.items() if name not in BESIDE[1:]}
    strings = {n: sorted(v) for n, v in kept.items() if isinstance(v, list) and all(isinstance(x, str) for x in v)}
    return canonical_json(kept | strings)


def read_header(path: Path) -> dict[str, Tensor]:
    """What a safetensors file says it holds, by name. Raises ValueError unless the data fill the file exactly."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, HEADER_LIMIT_BYTES):
            raise ValueError(f"{path.name} is no safetensors file: a header of {length} bytes in a file of {size}")
        text = file.read(length)
    try:
        entries = json.loads(text)
        data = 8 + length
        tensors = {
            name: Tensor(entry["dtype"], tuple(entry["shape"]), *(data + offset for offset in entry["data_offsets"]))
            for name, entry in entries.items()
            if name != "__metadata__"
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path.name} is no safetensors file: its header cannot be read ({error})") from error
    end = data
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].start):
        if tensor.start != end or tensor.end < tensor.start:
            raise ValueError(f"{path.name}: the data of {name} do not follow on the tensor before")
        end = tensor.end
    if end != size:
        raise ValueError(f"{path.name} has {size} bytes, but its header speaks of {end}")
    return tensors


def read_weights(path: Path) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """The tensors of an adapter by name. Raises ValueError for what is no such file."""
    found = {}
    tensors = read_header(path)
    for name, dtype, bits in _bits(path, tensors):
        wide = bits if dtype == "F32" else bits.astype(np.uint32) << 16
        found[name] = wide.astype(np.uint32).view(np.float32).reshape(tensors[name].shape)
    return found


def expected_shapes(base: Path, targets: list[str], rank: int) -> dict[str, tuple[int, ...]]:
    """The name and shape of each tensor that a LoRA of `rank` on `targets` has, from the base model's own weights."""
    files = sorted(base.glob("*.safetensors"))
    if not files:
        raise ValueError(f"the base model {base} has no safetensors weights")
    shapes: dict[str, tuple[int, ...]] = {}
    for name, tensor in (item for file in files for item in read_header(file).items()):
        module, _, kind = name.rpartition(".")
        if kind == "weight" and len(tensor.shape) == 2 and _is_target(module, targets):
            out_features, in_features = tensor.shape
            shapes[f"base_model.model.{module}.lora_A.weight"] = (rank, in_features)
            shapes[f"base_model.model.{module}.lora_B.weight"] = (out_features, rank)
    return shapes


def head_shape(base: Path) -> dict[str, tuple[int, ...]]:
    """The name and shape of a preference model's head, from the base model's configuration."""
    config = json.loads((base / "config.json").read_bytes())
    return {HEAD_WEIGHTS: (1, config.get("text_config", config).get("hidden_size"))}


def _is_target(module: str, targets: list[str]) -> bool:
    return any(module == target or module.endswith(f".{target}") for target in targets)


def _check_shapes(tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> None:
    if missing := sorted(expected.keys() - tensors.keys()):
        raise ValueError(f"{len(missing)} tensors are missing, first {missing[0]}")
    if extra := sorted(tensors.keys() - expected.keys()):
        raise ValueError(f"{len(extra)} tensors have no place in the base model, first {extra[0]}")
    for name, shape in expected.items():
        if (found := tensors[name].shape) != shape:
            raise ValueError(f"{name} has the shape {list(found)}, and the base model needs {list(shape)}")


def _check_values(path: Path, tensors: Mapping[str, Tensor]) -> None:
    changes = False
    for name, dtype, bits in _bits(path, tensors):
        if lost := int(np.count_nonzero((bits & EXPONENT[dtype]) == EXPONENT[dtype])):
            raise ValueError(f"{lost} of the {bits.size} values of {name} are not finite")
        changes = changes or (".lora_B." in name and bool(np.any(bits & MAGNITUDE[dtype])))
    if not changes:
        raise ValueError("every lora_B is zero: it is the base model under another name")


def _bits(path: Path, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, str, np.ndarray[Any, Any]]]:
    """Each tensor's name, dtype and values, as unsigned integers of its own width."""
    with path.open("rb") as file:
        for name, tensor in tensors.items():
            if tensor.dtype not in DTYPES:
                raise ValueError(f"{name} is of type {tensor.dtype}, and only {' and '.join(DTYPES)} are kept")
            file.seek(tensor.start)
            bits = np.frombuffer(file.read(tensor.end - tensor.start), DTYPES[tensor.dtype])
            if bits.size != np.prod(tensor.shape, dtype=np.int64):
                raise ValueError(f"{name} holds {bits.size} values, but has the shape {list(tensor.shape)}")
            yield name, tensor.dtype, bits
