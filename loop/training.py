"""Running a training program and adopting what it leaves: nothing is believed before it has been checked."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.config import Config
from loop.desk import Desk
from runs.errors import ConfigError
from runs.records import Adapter
from trainers.adopt import Adopted, adopt
from trainers.average import average
from trainers.spec import DpoSpec, ModelSpec, PreferenceSpec, ProbeSpec, RlSpec, SftSpec, TrainingSpec

PROGRAMS: dict[type[TrainingSpec], str] = {
    DpoSpec: "trainers.dpo",
    SftSpec: "trainers.sft",
    PreferenceSpec: "trainers.preference",
    RlSpec: "trainers.rl",
}


@dataclass(frozen=True)
class Trained:
    """What a training program left: the adapter's digest, None where no row fitted; its account, and its curve."""

    adapter: str | None
    result: dict[str, Any]
    curve: list[dict[str, Any]]


def programs(config: Config) -> tuple[str, ...]:
    """The programs that train and probe in a run; with the stub engine, the one that only pretends to."""
    if config.engine.kind == "stub":
        return ("trainers.stub",)
    needed = {f"trainers.{variant.train.method}" for variant in config.variants()}
    if any(variant.preference.is_on for variant in config.variants()):
        needed.add("trainers.preference")
    if any(variant.judge.method == "preference" for variant in config.variants()):
        needed.add("trainers.score")
    return (*sorted(needed), "trainers.probe")


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


def train_adapter(desk: Desk, spec: TrainingSpec, out: Path, parent: str, reference: str, pairs: str) -> Trained:
    """Train, check and store one adapter, whose curve has one row a step.

    Raises DivergedError if the training left the finite numbers, and WorkerError if the program failed.
    """
    program = "trainers.stub" if desk.config.engine.kind == "stub" else PROGRAMS[type(spec)]
    result = desk.train(program, spec, out)
    if not result["rows_used"]:
        return Trained(None, result, [])
    adopted = adopt(out, desk.base.folder, spec.lora, head=isinstance(spec, PreferenceSpec))
    adapter = _keep(desk, out, parent, reference, pairs, adopted)
    curve = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return Trained(adapter, result, curve)


def keep_average(desk: Desk, policies: Sequence[str], weights: Sequence[float]) -> str:
    """Store the weighted mean of policies: the digest of an adapter that is a reference and answers nobody.

    Raises ConfigError for policies that have no such mean.
    """
    with scratch(desk, "average") as folder:
        try:
            average([desk.folder(policy) for policy in policies], weights, folder)
        except ValueError as error:
            raise ConfigError(f"train.reference=ema: {error}; set train.reference=seed or previous") from error
        adopted = adopt(folder, desk.base.folder, None)
        made = Adapter(
            base=desk.base.digest,
            parent=policies[-1],
            reference="",
            pairs="",
            weights=desk.store.put_file(adopted.weights),
            config=desk.store.put(adopted.config),
            probe="",  # no engine ever loads it
        )
        return desk.store.put_record(made)


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
