"""A new adapter on top of one that stays as it is, as one adapter. No torch here.

The sum of two LoRAs is a LoRA of both ranks: s B A + s' B' A' = s' [(s / s') B, B'] [A; A'], exactly. So a stack is an
adapter like any other, which one engine serves on one base. Where it would grow beyond the highest rank, what is below
is first made smaller: the best approximation of s B A of a lower rank (Eckart and Young), by a singular value
decomposition of each module by itself.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from runs.canonical import canonical_json
from trainers.adopt import CONFIG, WEIGHTS, read_weights
from trainers.spec import Lora

Floats = np.ndarray[Any, np.dtype[np.float64]]
A_MATRIX, B_MATRIX = ".lora_A.weight", ".lora_B.weight"


def stack(below: Path, new: Lora, highest_rank: int, seed: int, out: Path) -> tuple[Lora, float]:
    """Leave in `out` the adapter `below` with a new one of the shape `new` on it, which changes nothing yet.

    The first ranks, `frozen` in the shape that is returned with it, are those of `below`; the new ones have a random A
    drawn from `seed`, as PEFT draws it, and a B of zeros. The number is what was lost of `below` for want of rank: the
    Frobenius norm of what was left out relative to that of the whole change, over all modules, 0 to 1.
    """
    config = json.loads((below / CONFIG).read_bytes())
    held = {name: values.astype(np.float64) for name, values in read_weights(below / WEIGHTS).items()}
    scale, ratio = new.alpha / new.rank, (config["lora_alpha"] / config["r"]) / (new.alpha / new.rank)
    kept = min(config["r"], highest_rank - new.rank)
    rng = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray[Any, np.dtype[np.float32]]] = {}
    lost, whole = 0.0, 0.0
    for name in sorted(held):
        if not name.endswith(A_MATRIX):
            continue
        module = name.removesuffix(A_MATRIX)
        a_RI, b_OR = held[name], held[module + B_MATRIX] * ratio
        if kept < config["r"]:
            a_RI, b_OR, left_out, change = _smaller(a_RI, b_OR, kept)
            lost, whole = lost + left_out, whole + change
        bound = 1 / np.sqrt(a_RI.shape[1])
        new_RI = rng.uniform(-bound, bound, (new.rank, a_RI.shape[1]))
        new_OR = np.zeros((b_OR.shape[0], new.rank))
        tensors[name] = np.concatenate([a_RI, new_RI]).astype(np.float32)
        tensors[module + B_MATRIX] = np.concatenate([b_OR, new_OR], axis=1).astype(np.float32)
    shape = Lora(rank=kept + new.rank, alpha=scale * (kept + new.rank), frozen=kept)
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out / WEIGHTS, metadata={"format": "pt"})
    (out / CONFIG).write_bytes(canonical_json(config | {"r": shape.rank, "lora_alpha": shape.alpha}))
    return shape, float(np.sqrt(lost / whole)) if whole else 0.0


def _smaller(a_RI: Floats, b_OR: Floats, rank: int) -> tuple[Floats, Floats, float, float]:
    """A and B of that rank with the product nearest to B A; the squared norms of what is left out and of the product.

    The product itself is never made: its singular values are those of a matrix of R by R.
    """
    left_OR, upper_RR = np.linalg.qr(b_OR)
    right_IR, lower_RR = np.linalg.qr(a_RI.T)
    u_RR, values_R, v_RR = np.linalg.svd(upper_RR @ lower_RR.T)
    roots = np.sqrt(values_R[:rank])
    a_KI = (roots[:, None] * v_RR[:rank]) @ right_IR.T
    b_OK = (left_OR @ u_RR[:, :rank]) * roots
    return a_KI, b_OK, float((values_R[rank:] ** 2).sum()), float((values_R**2).sum())
