"""How large a LoRA adapter's change of its base model is, and how far and in which direction it went from another's.

The change of a module's weights is (alpha / r) B A, which is never made: B A of rank r lies in r dimensions on either
side, so that its Frobenius norm is that of a product of r x r matrices. All in float64, over all modules at once.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers.adopt import CONFIG, WEIGHTS, read_weights

Floats = NDArray[np.float64]
A_MATRIX, B_MATRIX = ".lora_A.", ".lora_B."


@dataclass(frozen=True)
class Factors:
    """A change of some modules' weights: by module, `b` (out, r) and `a` (r, in), whose product it is."""

    of: dict[str, tuple[Floats, Floats]]

    @property
    def norm(self) -> float:
        """The Frobenius norm of the change, over all modules together."""
        return math.sqrt(math.fsum(_square(b, a) for b, a in self.of.values()))

    def times(self, scale: float) -> "Factors":
        """The same change, `scale` times as large."""
        return Factors({name: (scale * b, a) for name, (b, a) in self.of.items()})

    def __add__(self, other: "Factors") -> "Factors":
        """Both changes made. Of ranks r and s, the sum has r + s."""
        names = self.of.keys() | other.of.keys()
        return Factors({name: _beside([one.of[name] for one in (self, other) if name in one.of]) for name in names})


@dataclass(frozen=True)
class Step:
    """From one adapter to the next: `distance` is the norm of the change between them, `angle_rad` 0 to pi.

    The angle is None where one of them changes nothing and has no direction.
    """

    distance: float
    angle_rad: float | None


def read_factors(folder: Path | None) -> Factors:
    """The change that the adapter in `folder` makes; none for the base model (None)."""
    if folder is None:
        return Factors({})
    config = json.loads((folder / CONFIG).read_bytes())
    rank = config["r"]
    scale = config["lora_alpha"] / (math.sqrt(rank) if config.get("use_rslora") else rank)
    held = {name: values.astype(np.float64) for name, values in read_weights(folder / WEIGHTS).items()}
    b_of = {name: name.replace(A_MATRIX, B_MATRIX) for name in held if A_MATRIX in name}
    return Factors({name: (scale * held[b_name], held[name]) for name, b_name in b_of.items()})


def step(before: Factors, after: Factors) -> Step:
    """How far, and how far off its direction, the second change is from the first."""
    norm_before, norm_after = before.norm, after.norm
    distance = (after + before.times(-1)).norm
    if not norm_before or not norm_after:
        return Step(distance, None)
    u, v = before.times(1 / norm_before), after.times(1 / norm_after)
    # Kahan's formula: the arc cosine would lose half of the digits of a small angle.
    return Step(distance, 2 * math.atan2((u + v.times(-1)).norm, (u + v).norm))


def _square(b: Floats, a: Floats) -> float:
    """The squared Frobenius norm of b a: that of the product of their triangular factors.

    tr(B'B A A') would do for one adapter; between two near ones it loses half of the digits.
    """
    of_b, of_a = np.linalg.qr(b).R, np.linalg.qr(a.T).R
    return float(((of_b @ of_a.T) ** 2).sum())


def _beside(factors: list[tuple[Any, Any]]) -> tuple[Floats, Floats]:
    return np.hstack([b for b, _ in factors]), np.vstack([a for _, a in factors])
