"""The only writer of what happened: objects, receipts, refs, and the copies of adapters that engines read.

    objects/<hex>              bytes named by their digest: outputs, records, Parquet shards, adapter files
    receipts/<hex of key>.json what was asked -> what was got; written last, once
    refs/<name>.json           the name of a run or a tag -> its iteration; the only files that change
    adapters/<hex>/            an adapter's two files under the names that engines want; may be deleted at any time
    logs/  scratch/            what children say and leave; nothing is read back from there after a crash, but for
    scratch/<hex of key>/      what unfinished work may go on from, and its address; gone once its receipt is there
    control/mlflow-<name>.json how much of a run MLflow was sent: `runs.mlflow_sender`'s, under a lock of its own
    control/pruned.json        weights that were thrown away on purpose
    control/                   the daemon's: queue.json, daemon.json and daemon.sock while it lives; tickets/ are laid
                               down by whoever asks it for work
    queue.lock                 held by whoever changes the queue: the daemon for life, without one a person for a moment
    ablations/                 the constitutions of branches that do without a principle (`loop.ablation`)
    mlflow/                    MLflow's own database and files; can be rebuilt from all else
    lock                       held for life by the one process that writes all else

Nothing here says that something is running: running means that the lock is held.
"""

import json
import logging
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runs import lock
from runs.canonical import TAG, canonical_json, digest, digest_bytes, digest_file
from runs.durable import (
    TEMPORARY,
    disk_errors,
    make_folder,
    read_checked,
    read_file,
    remove_files,
    sync_folder,
    write_checked,
    write_file,
)
from runs.errors import CorruptError, UsageError
from runs.output import Output
from runs.records import Adapter, Closing, Iteration, Record, Run

if TYPE_CHECKING:
    import pyarrow as pa

Kind = TypeVar("Kind")

RUN_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
DIGEST = re.compile(re.escape(TAG) + r"([0-9a-f]{64})")
ADAPTER_FILES = {"adapter_model.safetensors": "weights", "adapter_config.json": "config"}
"""The files of an adapter's folder, and the fields of `Adapter` that hold their digests."""

UNFINISHED_OF = "address"

log = logging.getLogger(__name__)


class Store:
    """The store in the folder `home`. Anybody may read; whoever writes is inside `lock()`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.logs = home / "logs"
        self.scratch = home / "scratch"
        self._lock_path = home / "lock"
        self._locked = False

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one process that writes here, until the block ends. Raises BusyError, naming the owner's pid.

        A block within a block changes no owner, so that a daemon holds the lock for life and calls what takes it.
        """
        if self._locked:
            self._settle()
            yield
            return
        for folder in ("objects", "receipts", "refs", "adapters", "logs", "scratch"):
            make_folder(self.home / folder)
        with lock.hold(self._lock_path):
            self._settle()
            for left in self.scratch.iterdir():  # by a writer that was killed
                if not self._is_unfinished(left.name):
                    shutil.rmtree(left, ignore_errors=True)
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    def owner(self) -> int | None:
        """The pid of the process that writes here; None if none does."""
        return lock.owner(self._lock_path)

    # ---- objects

    def put(self, data: bytes) -> str:
        """The digest of `data`, which is now an object on the disk."""
        self._must_own()
        name = digest_bytes(data)
        path = self.object_path(name)
        with disk_errors(path, len(data)):
            known = path.exists() and digest_file(path) == name
        if not known:
            write_file(path, data)
        return name

    def put_file(self, path: Path) -> str:
        """The digest of a file's bytes, which are now an object."""
        return self.put(path.read_bytes())

    def put_json(self, value: Any) -> str:
        """The digest of `value`, whose canonical JSON is now an object."""
        return self.put(canonical_json(value))

    def put_record(self, record: Record) -> str:
        """The digest of `record`, which is now an object of its own."""
        return self.put_json(record)

    def put_rows(self, noun: str, records: Sequence[Record]) -> str:
        """The digest of a shard that holds `records`, in order."""
        from runs.tables import to_parquet

        return self.put(to_parquet(noun, records))

    def has(self, name: str) -> bool:
        """Whether there is an object of that name, sound or not."""
        return self.object_path(name).exists()

    def get(self, name: str) -> bytes:
        """The bytes of an object, hashed on every read. Raises CorruptError if they are gone or not what they were."""
        path = self.object_path(name)
        data = read_file(path)
        if data is None:
            raise CorruptError(f"the object {path} is gone. Run `selfsame verify` to see what depends on it")
        if digest_bytes(data) != name:
            raise CorruptError(
                f"the object {path} is not as it was written (its hash fails, {len(data)} bytes). "
                "Run `selfsame verify` to see what depends on it"
            )
        return data

    def get_json(self, name: str) -> Any:
        """The value of an object that `put_json` made."""
        try:
            return json.loads(self.get(name))
        except ValueError as error:
            raise CorruptError(f"the object {self.object_path(name)} is no JSON. Run `selfsame verify`") from error

    def adapter(self, name: str) -> Adapter:
        """The adapter of that digest."""
        return self._record(Adapter, name)

    def iteration(self, name: str) -> Iteration:
        """The iteration of that digest."""
        return self._record(Iteration, name)

    def closing(self, name: str) -> Closing:
        """What a run keeps beside an iteration, by its digest."""
        return self._record(Closing, name)

    def output(self, name: str) -> Output:
        """A step's output, by its digest."""
        stored = self._record(Output, name)
        return Output(stored.step, {noun: tuple(shards) for noun, shards in stored.tables.items()}, stored.values)

    def table(self, noun: str, shards: Sequence[str]) -> "pa.Table":
        """The rows of some shards of `noun`, in order, as one Arrow table."""
        import pyarrow as pa

        from runs.tables import read_table, schema

        tables = [read_table(noun, self.get(shard), str(self.object_path(shard))) for shard in shards]
        return pa.concat_tables([schema(noun).empty_table(), *tables])

    def rows_of(self, noun: str, shards: Sequence[str]) -> list[Any]:
        """The records of some shards of `noun`, in order."""
        from runs.tables import from_table

        return from_table(noun, self.table(noun, shards))

    def all_rows(self, noun: str, output: Output) -> list[Any]:
        """The records of `noun` in a step's output, in order."""
        return self.rows_of(noun, output.tables.get(noun, ()))

    def object_path(self, name: str) -> Path:
        """Where the object of that digest is, or would be."""
        return self.home / "objects" / hex_of(name)

    # ---- receipts

    def recall(self, key: str) -> str | None:
        """The digest of what was got when `key` was asked for; None if that is still to be done, or to be done again.

        Raises CorruptError if the receipt is damaged. A receipt that is sound but whose objects are gone only means
        that the work has to be repeated; that is logged.
        """
        receipt = self.receipt(key)
        if receipt is None:
            return None
        got: str = receipt["digest"]
        for name in (got, *receipt["parts"]):
            if not self.has(name):
                log.warning("receipt=%s object=%s is gone: the work is done again", self.receipt_path(key), name)
                return None
        return got

    def commit(self, key: str, name: str, asked: dict[str, Any], provenance: dict[str, Any]) -> str:
        """The digest that `key` stands for from now on: `name`, or that of the first result if there is one already.

        `key` is the digest of `asked`. `provenance` (times, versions) enters no digest.
        """
        self._must_own()
        if digest(asked) != key:
            raise ValueError(f"the key {key} is not the digest of what was asked: {asked}")
        first = self.recall(key)
        if first is not None:
            return first
        receipt = {"key": key, "digest": name, "parts": self._parts(name), "asked": asked, "provenance": provenance}
        write_checked(self.receipt_path(key), receipt)
        shutil.rmtree(self.unfinished(key), ignore_errors=True)
        return name

    def receipt(self, key: str) -> dict[str, Any] | None:
        """What was `asked`, what was got (`digest`, and the `parts` that it names), and its `provenance`."""
        path = self.receipt_path(key)
        receipt = read_checked(path)
        if receipt is not None and receipt["key"] != key:
            raise CorruptError(f"{path} is the receipt of another key, {receipt['key']}. Run `selfsame verify`")
        return receipt

    def receipts(self) -> Iterator[dict[str, Any]]:
        """All receipts, in the order of their keys."""
        for path in self.files("receipts"):
            receipt = self.receipt(TAG + path.stem)
            if receipt is not None:
                yield receipt

    def receipt_path(self, key: str) -> Path:
        """Where the receipt of `key` is, or would be."""
        return self.home / "receipts" / f"{hex_of(key)}.json"

    def unfinished(self, key: str) -> Path:
        """The folder that work on `key` may go on from when it was killed. It lasts until the receipt is written."""
        return self.scratch / hex_of(key)

    def begin_unfinished(self, key: str, address: str) -> Path:
        """That folder, made; `address` is where the work is done, `r1@3/train`, by which `gc` knows who needs it."""
        folder = self.unfinished(key)
        make_folder(folder)
        (folder / UNFINISHED_OF).write_text(address, encoding="utf-8")
        return folder

    # ---- refs

    def run(self, name: str) -> Run | None:
        """The run or tag of that name; None if there is none. Raises UsageError for what cannot be a name."""
        path = self.ref_path(name)
        value = read_checked(path)
        if value is None:
            return None
        if value.keys() - {field.name for field in fields(Run)} or value.get("name") != name:
            raise CorruptError(f"{path} is not the ref of {name}, or of another version. Run `selfsame verify`")
        return Run(**value)

    def refs(self) -> list[Run]:
        """All runs and tags, in the order of their names."""
        found = (self.run(path.stem) for path in self.files("refs"))
        return [run for run in found if run is not None]

    def runs(self) -> list[Run]:
        """All runs, in the order of their names."""
        return [run for run in self.refs() if not run.tag]

    def move(self, run: Run) -> None:
        """Make the name of `run` stand for it from now on."""
        self._must_own()
        if run.iteration and not self.has(run.iteration):
            raise ValueError(f"{run.name} would point at {run.iteration}, which is not in the store")
        write_checked(self.ref_path(run.name), {field.name: getattr(run, field.name) for field in fields(run)})

    def remove(self, folder: str, files: Iterable[Path]) -> None:
        """Make files of one of the folders of the home be gone, durably, before anything that is removed later."""
        self._must_own()
        remove_files(self.home / folder, files)

    def ref_path(self, name: str) -> Path:
        """Where the ref of a run is, or would be. Raises UsageError for what cannot be a run's name."""
        if not RUN_NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be a run's name: it is 1 to 63 of a-z, 0-9 and -, and begins with no hyphen. "
                "`selfsame status` lists the runs"
            )
        return self.home / "refs" / f"{name}.json"

    # ---- adapters

    def adapter_folder(self, name: str) -> Path:
        """The folder with an adapter's two files. Each is hashed before every use, and restored if it is not right."""
        adapter = self.adapter(name)
        folder = self.home / "adapters" / hex_of(name)
        for file, field in ADAPTER_FILES.items():
            path, wanted = folder / file, getattr(adapter, field)
            if path.is_file():
                if digest_file(path) == wanted:
                    continue
                log.warning("file=%s is not as it was written: it is restored", path)
            self._must_own()
            make_folder(folder)
            write_file(path, self.get(wanted))
        return folder

    # ---- the inside

    def files(self, folder: str) -> list[Path]:
        """The whole files in one of the folders of the home, sorted by name."""
        return sorted(path for path in (self.home / folder).glob("*") if not path.name.startswith(TEMPORARY))

    def _is_unfinished(self, name: str) -> bool:
        return bool(DIGEST.fullmatch(TAG + name)) and not self.receipt_path(TAG + name).exists()

    def _settle(self) -> None:
        """Make last what can be seen, before anything is built on it.

        A writer that was killed, or stopped by a failing disk, may have left names that no sync of their folder covers.
        """
        for folder in ("objects", "receipts", "refs"):
            sync_folder(self.home / folder)

    def _must_own(self) -> None:
        if not self._locked:
            raise RuntimeError(f"writing to {self.home} without its lock; wrap the work in `with store.lock():`")

    def _record(self, kind: type[Kind], name: str) -> Kind:
        value = self.get_json(name)
        if not isinstance(value, dict) or set(value) != {field.name for field in fields(cast(Any, kind))}:
            raise CorruptError(f"the object {self.object_path(name)} is no {kind.__name__}. Run `selfsame verify`")
        return kind(**value)

    def _parts(self, name: str) -> list[str]:
        """The objects that a result is of no use without: an output's shards and its adapter; a shard has none."""
        if self.get(name).startswith(b"PAR1"):
            return []
        return list(needed_by(self, self.output(name)))


def needed_by(store: Store, output: Output) -> Iterator[str]:
    """The digests of the objects that an output names: its shards, its adapter, and what the adapter is made of."""
    for shards in output.tables.values():
        yield from shards
    for name in output.adapters:
        adapter = store.adapter(name)
        yield from (name, adapter.weights, adapter.config, adapter.probe)


def hex_of(name: str) -> str:
    """The hexadecimal part of a digest. Raises ValueError for what is no digest of ours."""
    found = DIGEST.fullmatch(name)
    if not found:
        raise ValueError(f"{name!r} is no digest: {TAG} and 64 hexadecimal digits")
    return found[1]
