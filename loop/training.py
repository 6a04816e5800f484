"""Running a training program and adopting what it leaves: nothing is believed before it has been checked."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loop.config import Config
from loop.desk import Desk
from runs.records import Adapter
from trainers.adopt import Adopted, adopt
from trainers.spec import DpoSpec, ModelSpec, ProbeSpec


def programs(config: Config) -> tuple[str, ...]:
    """The programs that train and probe; with the stub engine, the one that only pretends to."""
    return ("trainers.stub",) if config.engine.kind == "stub" else ("trainers.dpo", "trainers.probe")


@contextmanager
def scratch(desk: Desk, name: str) -> Iterator[Path]:
    """A folder for a program's files, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=desk.store.scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def model_spec(desk: Desk, start: Path | None, reference: Path | None) -> ModelSpec:
    """The model as a training program is told of it."""
    return ModelSpec(
        base=desk.base.folder,
        dtype=desk.config.model.dtype,
        device=desk.config.model.device,
        start=start,
        reference=reference,
        threads=desk.config.train.threads,
    )


def train_dpo(
    desk: Desk, spec: DpoSpec, out: Path, parent: str, reference: str, pairs: str
) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """Train, check and store one adapter: its digest, the program's own account, and its curve, one row a step.

    Raises DivergedError if the training left the finite numbers, and WorkerError if the program failed.
    """
    result = desk.train(programs(desk.config)[0], spec, out)
    adapter = _keep(desk, out, parent, reference, pairs, adopt(out, desk.base.folder, spec.lora))
    curve = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return adapter, result, curve


def import_adapter(desk: Desk, folder: Path) -> str:
    """Check, probe and store an adapter that was trained elsewhere: its digest. Raises ConfigError."""
    adopted = adopt(folder, desk.base.folder, None)
    with scratch(desk, "probe") as parent:
        out = parent / "out"
        spec = ProbeSpec(model=model_spec(desk, folder.resolve(), None))
        desk.train("trainers.probe", spec, out)
        return _keep(desk, out, desk.base.digest, desk.base.digest, "", adopted)


def _keep(desk: Desk, out: Path, parent: str, reference: str, pairs: str, adopted: Adopted) -> str:
    store = desk.store
    adapter = Adapter(
        base=desk.base.digest,
        parent=parent,
        reference=reference,
        pairs=pairs,
        weights=store.put_file(adopted.weights),
        config=store.put(adopted.config),
        probe=store.put_file(out / "probe.json"),
    )
    return store.put_record(adapter)
