"""What a training keeps on the disk to go on from after a death: all of this very training, or nothing. No torch here.

    reference.json       the reference log-probabilities, as far as they have been computed
    checkpoint-<step>/   the files of a checkpoint
    checkpoint.json      which of these folders is the checkpoint, and its files' digests; written last

Each of the two JSON files carries a checksum and says what was asked for (`asked_of`). What is damaged, unfinished or
of another training is as good as not there: the training begins anew, and ends with the same bytes.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from runs.canonical import digest, digest_bytes, digest_file
from runs.durable import make_folder, read_checked, write_checked, write_file
from runs.errors import CorruptError
from trainers.adopt import WEIGHTS
from trainers.spec import TrainingSpec

REFERENCE = "reference.json"
CHECKPOINT = "checkpoint.json"
BESIDE: Any = {"rows": True, "checkpoint_every_s": True, "model": {"start", "reference"}, "reward_models": True}
"""What changes nothing, and the names of files, which enter by what they hold."""
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")
FORMAT = 2
"""Counted up whenever a checkpoint of before can no longer be gone on from."""


def asked_of(spec: TrainingSpec) -> str:
    """The digest of all that decides what a training does: a checkpoint serves the training of its own digest alone.

    The base model enters by its folder's name: to hash billions of weights can take longer than a checkpoint saves.
    """
    settings = spec.model_dump(mode="json", exclude=BESIDE)
    return digest(
        {
            "format": FORMAT,
            "libraries": {name: version(name) for name in LIBRARIES},
            "settings": settings,
            "rows": digest_file(spec.rows),
            "start": _weights(spec.model.start),
            "reference": _weights(spec.model.reference),
            "reward_models": [_weights(model) for model in getattr(spec, "reward_models", ())],
        }
    )


def _weights(adapter: Path | None) -> str | None:
    return digest_file(adapter / WEIGHTS) if adapter else None


@dataclass(frozen=True)
class Kept:
    """What the training of the digest `asked` keeps in the folder `out`."""

    out: Path
    asked: str

    def write_checkpoint(self, step: int, files: Mapping[str, bytes]) -> None:
        """Make these files the checkpoint, durably; the one before is gone only after that."""
        folder = self.out / f"checkpoint-{step}"
        shutil.rmtree(folder, ignore_errors=True)  # of a start that died over it, or could not be gone on from
        make_folder(folder)
        for name, data in files.items():
            write_file(folder / name, data)
        digests = {name: digest_bytes(data) for name, data in files.items()}
        write_checked(self.out / CHECKPOINT, {"asked": self.asked, "folder": folder.name, "files": digests})
        for older in self.out.glob("checkpoint-*"):
            if older != folder:
                shutil.rmtree(older, ignore_errors=True)

    def checkpoint(self) -> Path | None:
        """The folder of the checkpoint, each file of it checked; None if there is none to go on from."""
        kept = self._read(CHECKPOINT)
        if kept is None:
            return None
        folder = self.out / kept["folder"]
        for name, wanted in kept["files"].items():
            if not (folder / name).is_file() or digest_file(folder / name) != wanted:
                print(f"{folder / name} is gone or not as it was written: the training begins anew")
                return None
        return folder

    def write_reference(self, logps: list[list[float]]) -> None:
        """Keep the reference log-probabilities computed so far: [chosen, rejected] of each pair, in nats."""
        write_checked(self.out / REFERENCE, {"asked": self.asked, "logps": logps})

    def reference(self) -> list[list[float]]:
        """The reference log-probabilities that need not be computed again; none if there are none."""
        kept = self._read(REFERENCE)
        return kept["logps"] if kept else []

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            kept = read_checked(self.out / name)
        except CorruptError:
            print(f"{self.out / name} is not as it was written: the training does without it")
            return None
        if kept is not None and kept["asked"] != self.asked:
            print(f"{self.out / name} is of another training (other settings, rows, adapters or versions): ignored")
            return None
        return kept
