"""Is everything under the home still what it says? Every byte is read, and every digest made again.

Weights that `selfsame gc` was told to prune are no problem: they are gone on purpose (`runs.pruned`)."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from runs.canonical import TAG, digest, digest_file
from runs.durable import read_checked
from runs.errors import CorruptError, SelfsameError
from runs.lineage import kept_constitution, resolve
from runs.pruned import pruned
from runs.records import Run
from runs.store import ADAPTER_FILES, DIGEST, Store, needed_by

Read = TypeVar("Read")


@dataclass(frozen=True)
class Problem:
    """A file that is not what it should be, why, and the addresses that need it (none: nobody does any more)."""

    file: Path
    what: str
    needed_by: tuple[str, ...]


def verify(store: Store, address: str | None = None) -> list[Problem]:
    """What is wrong in the store, by file; nothing, if it is sound. With `address`, only what that address needs.

    Raises UsageError for an address that names nothing.
    """
    survey = _Survey(store)
    if address is None:
        survey.everything()
    else:
        survey.one(address)
    found = sorted(survey.problems.items())
    return [Problem(file, what, tuple(sorted(survey.needed_by[file]))) for file, what in found]


class _Survey:
    """Who needs which file, and what is wrong with it: the first thing found, which is the nearest to the cause."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.needed_by: defaultdict[Path, set[str]] = defaultdict(set)
        self.problems: dict[Path, str] = {}
        self.pruned = self._pruned()

    def everything(self) -> None:
        """Every run, every receipt, and every file that is there."""
        refs = self.store.files("refs")
        for path in refs:
            self.needed_by[path].add(path.stem)
        runs = [run for path in refs if (run := self._read(path, partial(self.store.run, path.stem)))]
        for run in runs:
            self._run(run)
        for path in self.store.files("receipts"):
            self._receipt(path)
        for path in self.store.files("objects"):
            if path not in self.needed_by:
                self._object(path)
        for folder in self.store.files("adapters"):
            self._copy(folder)
        for path in self.store.files("control"):
            if path.suffix == ".json":
                self._read(path, partial(read_checked, path))

    def one(self, address: str) -> None:
        """What `address` needs."""
        found = resolve(self.store, address)
        if address == found.run.name:
            self._run(found.run)
        elif found.step is None:
            self._steps(address, found.link.outputs)
        else:
            step = f"{found.run.name}@{found.iteration.index}/{found.step}"
            self._output(step, found.link.outputs[found.step])
        for path in list(self.needed_by):
            if (folder := self.store.home / "adapters" / path.name).exists():
                self._copy(folder)

    # ---- from a run to its bytes

    def _run(self, run: Run) -> None:
        # One that is gone is no loss: whoever takes the run on lays it down again.
        if constitution := kept_constitution(self.store, run):
            self._need(constitution, run.name)
        self._chain(run)

    def _chain(self, run: Run) -> None:
        name, beside, below = run.iteration, run.closing, None
        while name:
            path = self._need(name, run.name)
            iteration = self._read(path, partial(self.store.iteration, name))
            if iteration is None:
                return
            follows = below is None or iteration.index == below - 1
            if not follows or (iteration.index == 0) != (iteration.parent == ""):
                self.problems[path] = f"its number {iteration.index} does not fit the chain of {run.name}"
                return
            if below is None:
                self._steps(f"{run.name}@{iteration.index + 1}", run.under_way)
            address = f"{run.name}@{iteration.index}"
            self._steps(address, iteration.outputs)
            name, beside, below = iteration.parent, self._beside(beside, name, address), iteration.index
        if below is None:
            self._steps(f"{run.name}@0", run.under_way)

    def _beside(self, name: str, iteration: str, address: str) -> str:
        """What is kept beside an iteration; returns the name of the same of the iteration before, "" if it is lost."""
        if not name:
            return ""  # the damage above it is named
        path = self._need(name, address)
        closing = self._read(path, partial(self.store.closing, name))
        if closing is None:
            return ""
        if closing.iteration != iteration:
            self.problems[path] = f"it belongs to another iteration than {address}"
        for step, key in closing.receipts.items():
            receipt = self.store.receipt_path(key)
            self.needed_by[receipt].add(f"{address}/{step}")
            if not receipt.exists():
                self.problems[receipt] = "it is gone"
        if closing.gold:
            self._output(f"{address}/gold", closing.gold)
        return closing.before

    def _steps(self, address: str, outputs: dict[str, str]) -> None:
        for step, name in outputs.items():
            self._output(f"{address}/{step}", name)

    def _output(self, address: str, name: str) -> None:
        output = self._read(self._need(name, address), partial(self.store.output, name))
        if output is None:
            return
        for noun, shards in output.tables.items():
            for shard in shards:
                self._read(self._need(shard, address), partial(self._rows, noun, shard))
        for name in output.adapters:
            adapter = self._need(name, address)
            for part in self._read(adapter, lambda: list(needed_by(self.store, output))) or ():
                self._need(part, address)

    def _rows(self, noun: str, shard: str) -> None:
        from runs.tables import from_table

        table = self.store.table(noun, [shard])
        names = table["digest"].to_pylist()
        for number, (record, name) in enumerate(zip(from_table(noun, table), names, strict=True)):
            if record.digest != name:
                raise CorruptError(f"row {number} is not what its digest {name} says")
            if getattr(record, "adapter", None) == "":
                raise CorruptError(f"row {number} ({name}) does not say who made it")

    # ---- from the files

    def _need(self, name: str, needer: str) -> Path:
        path = self.store.object_path(name)
        if path not in self.needed_by:
            self._object(path)
        self.needed_by[path].add(needer)
        return path

    def _object(self, path: Path) -> None:
        if not DIGEST.fullmatch(TAG + path.name):
            self.problems[path] = "it is no object: its name is no digest"
        elif not path.exists():
            if TAG + path.name not in self.pruned:
                self.problems[path] = "it is gone"
        elif self._read(path, partial(digest_file, path)) != TAG + path.name:
            self.problems.setdefault(path, "its bytes are not as they were written: its hash fails")

    def _receipt(self, path: Path) -> None:
        receipt = self._read(path, partial(self.store.receipt, TAG + path.stem))
        if receipt is None:
            return
        if digest(receipt["asked"]) != receipt["key"]:
            self.problems[path] = "its key is not the digest of what was asked"
        for name in (receipt["digest"], *receipt["parts"]):
            self._need(name, f"receipt {path.stem[:12]}")

    def _copy(self, folder: Path) -> None:
        """The copy of an adapter: its two files, as the adapter says, and nothing else."""
        adapter = self._read(folder, partial(self.store.adapter, TAG + folder.name))
        if adapter is None:
            return
        for path in self.store.files(f"adapters/{folder.name}"):
            self.needed_by[path] |= self.needed_by[self.store.object_path(TAG + folder.name)]
            if path.name not in ADAPTER_FILES:
                self.problems[path] = "it is no file of an adapter"
            elif self._read(path, partial(digest_file, path)) != getattr(adapter, ADAPTER_FILES[path.name]):
                self.problems.setdefault(path, "this copy is not as it was written; delete it: it is made again")

    def _pruned(self) -> frozenset[str]:
        try:
            return pruned(self.store.home)
        except CorruptError:
            return frozenset()  # the damaged file is named with the other files of its folder

    def _read(self, path: Path, read: Callable[[], Read]) -> Read | None:
        if path in self.problems:
            return None
        try:
            return read()
        except (SelfsameError, OSError, ValueError, TypeError, KeyError) as error:
            self.problems[path] = str(error)
            return None
