"""The weighted mean of adapters that went on from each other, as an adapter of its own. No torch here.

Its A matrices are the mean of theirs and so are its B matrices, as where a moving average of a model's parameters is
kept (Tarvainen, 1703.01780). Their products' mean differs from the product of these by what is of second order in how
far the adapters are apart, so adapters that began from different random A matrices have no place in it. The base
model, which has no adapter, is one whose B is zero and whose A is whatever the others' mean is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from trainers.adopt import CONFIG, WEIGHTS, read_weights

B_MATRIX = ".lora_B."


def moving_average(count: int, decay: float) -> list[float]:
    """What each of `count` policies, oldest first, weighs in a mean that keeps `decay` of itself at each; 1 in all."""
    return [decay ** (count - 1), *((1 - decay) * decay ** (count - 1 - number) for number in range(1, count))]


def average(policies: Sequence[Path | None], weights: Sequence[float], out: Path) -> None:
    """Leave the mean of adapters in `out`, in their two files; None is the base model, and not all may be.

    Raises ValueError for adapters of which one has other tensors than another.
    """
    adapters = [(folder, weight) for folder, weight in zip(policies, weights, strict=True) if folder]
    share = sum(weight for _, weight in adapters)
    total: dict[str, np.ndarray[Any, np.dtype[np.float64]]] = {}
    for folder, weight in adapters:
        held = read_weights(folder / WEIGHTS)
        total = total or {name: np.zeros(values.shape) for name, values in held.items()}
        if {name: values.shape for name, values in held.items()} != {n: t.shape for n, t in total.items()}:
            raise ValueError(f"{folder} has other tensors than {adapters[0][0]}: neither went on from the other")
        for name, values in held.items():
            total[name] += values.astype(np.float64) * (weight if B_MATRIX in name else weight / share)
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: values.astype(np.float32) for name, values in sorted(total.items())}
    save_file(tensors, out / WEIGHTS, metadata={"format": "pt"})
    (out / CONFIG).write_bytes((adapters[-1][0] / CONFIG).read_bytes())
