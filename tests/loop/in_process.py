"""The stub trainer without a process of its own, for runs that are not about processes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from loop import drive
from loop.workers.failures import met_the_disk
from loop.workers.trainers import Trainers
from runs.errors import DiskError, DivergedError, WorkerError
from trainers import stub
from trainers.spec import DIVERGED, Spec


class InProcessTrainers(Trainers):
    """Runs the stub trainer here: an interpreter for each start would cost more than all else together."""

    def start(self) -> None:  # type: ignore[override]
        """There is nothing to start."""

    def run(self, module: str, spec: Spec, out: Path, timeout_s: float) -> dict[str, Any]:
        """What the program leaves in `result.json`. Raises DiskError, DivergedError or WorkerError if it fails."""
        out.mkdir(parents=True, exist_ok=True)
        path = out / "spec.json"
        path.write_text(spec.model_dump_json(), encoding="utf-8")
        said = StringIO()
        try:
            with redirect_stdout(said):
                stub.main(path, out)
        except SystemExit as error:
            if error.code == DIVERGED:
                raise DivergedError(said.getvalue().strip()) from error
            raise
        except Exception as error:
            kind = DiskError if met_the_disk(str(error)) else WorkerError
            raise kind(f"{module} ended with {error}") from error
        result: dict[str, Any] = json.loads((out / "result.json").read_bytes())
        return result


@contextmanager
def training_here() -> Iterator[pytest.MonkeyPatch]:
    """Runs train in this process until the block ends; what else is patched is put back then too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drive, "Trainers", InProcessTrainers)
        yield patch
