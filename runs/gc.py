"""Collecting garbage: what no run, tag or branch reaches goes, and, where asked, the weights of old iterations.

Everything is kept that a ref names, directly or by way of other objects, and every receipt whose result is kept. The
same holds for the unfinished iteration of a run: the steps and shards whose receipts say that they were made for it,
and the half-finished training that goes on from what it left in `scratch/`.
Whoever collects holds the lock and has no step under way: an object that has no receipt yet looks like garbage.

Killed at any point, this leaves a store that `verify` accepts and that a second collection finishes: weights are noted
as pruned before they go, an adapter's copy goes before its record, a receipt before the objects that it names.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from runs.canonical import TAG, canonical_json
from runs.durable import TEMPORARY
from runs.errors import UsageError
from runs.lineage import ADDRESS, back_from, iterations
from runs.mlflow_mark import mark_path
from runs.pruned import note_pruned, policies_in_use, policies_to_go_back_to, pruned
from runs.records import Run
from runs.store import DIGEST, UNFINISHED_OF, Store

FOLDERS = ("objects", "receipts", "refs", "control", "control/tickets", "mlflow")
"""Where killed writers leave what they had begun."""
TICKET_NS = 3600 * 10**9
"""The age at which nobody waits any more for what he laid down for the daemon: he removes it himself, unless killed."""


@dataclass(frozen=True)
class Retention:
    """Whose weights may go: iterations more than `older_than` before the last one, except each `keep_every`-th."""

    older_than: int
    keep_every: int | None = None

    def lets_go(self, index: int, last: int) -> bool:
        """Whether iteration `index` of a run whose last one is `last` may lose its weights."""
        return index < last - self.older_than and not (self.keep_every and index % self.keep_every == 0)


@dataclass(frozen=True)
class Garbage:
    """Files that are to go: adapters' copies, receipts, objects, what killed writers left, marks of deleted runs, what
    unfinished work of theirs would have gone on from, and the weights that a policy of retention lets go."""

    copies: tuple[Path, ...]
    receipts: tuple[Path, ...]
    objects: tuple[Path, ...]
    leftovers: tuple[Path, ...]
    marks: tuple[Path, ...]
    unfinished: tuple[Path, ...]
    weights: tuple[Path, ...]

    def sizes(self) -> dict[str, tuple[int, int]]:
        """How many files of each kind there are, and the bytes of those that are still there."""
        found: dict[str, tuple[Path, ...]] = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            kind: (len(files), sum(path.stat().st_size for path in files if path.exists()))
            for kind, files in found.items()
        }


def garbage(store: Store, retention: Retention | None = None, before_ns: int | None = None) -> Garbage:
    """What is to go now; nothing is removed. Raises CorruptError where damage hides what is still needed.

    What somebody has written since he took the lock stays, whatever it is: its receipt or ref may be yet to come. An
    owner who has nothing under way names another moment, in ns since 1970, and what is older than that goes.
    """
    refs = store.refs()
    _check_chains(store, refs)
    next_index = {run.name: store.iteration(run.iteration).index + 1 if run.iteration else 0 for run in store.runs()}
    lock_taken_ns = (store.home / "lock").stat().st_mtime_ns if store.owner() is not None else None

    def older(path: Path, than_ns: int | None) -> bool:
        return than_ns is None or path.stat().st_mtime_ns < than_ns

    def old(path: Path) -> bool:
        return older(path, before_ns or lock_taken_ns)

    def left_behind(path: Path) -> bool:
        # The process that feeds MLflow is no part of the owner's work, and may be in the middle of a file.
        return older(path, lock_taken_ns)

    def nobody_waits_for(ticket: Path) -> bool:
        # Beside the owner: it is laid down before the owner is asked, who takes it up at once.
        asked_ns = before_ns or lock_taken_ns
        return asked_ns is None or older(ticket, asked_ns - TICKET_NS)

    got: dict[Path, str] = {}
    staying = []
    for receipt in store.receipts():
        path = store.receipt_path(receipt["key"])
        got[path] = receipt["digest"]
        if _is_under_way(receipt["provenance"].get("address", ""), next_index) or not old(path):
            staying.append(receipt)
    kept = _reachable(store, [*refs, *staying])
    in_use = {policy for ref in refs for policy in _in_use(store, ref)}
    receipts = [path for path, digest in got.items() if digest not in kept and old(path)]
    objects = [path for path in store.files("objects") if TAG + path.name not in kept and old(path)]
    unused = [folder.name for folder in store.files("adapters") if TAG + folder.name not in in_use]
    copies = [path for name in unused for path in store.files(f"adapters/{name}")]
    folders = [store.home / folder for folder in FOLDERS] + store.files("adapters")
    leftovers = [path for folder in folders for path in folder.glob(f"{TEMPORARY}*")]
    running = {mark_path(store.home, ref.name).stem for ref in refs}
    marks = [path for path in (store.home / "control").glob("mlflow-*") if path.stem not in running]
    abandoned = [
        folder
        for folder in store.files("scratch")
        if DIGEST.fullmatch(TAG + folder.name) and not _is_under_way(_made_for(folder), next_index) and old(folder)
    ]
    tickets = filter(nobody_waits_for, (store.home / "control" / "tickets").glob("*.json"))
    weights = _prunable(store, refs, in_use, retention) if retention else []
    return Garbage(
        copies=tuple(copies),
        receipts=tuple(receipts),
        objects=tuple(objects),
        leftovers=(*filter(left_behind, leftovers), *tickets),
        marks=tuple(filter(old, marks)),
        unfinished=tuple(path for folder in abandoned for path in folder.rglob("*") if path.is_file()),
        weights=tuple(weights),
    )


def collect(store: Store, found: Garbage) -> None:
    """Make what was found be gone. Needs the lock, held since before it was found."""
    before = pruned(store.home)
    noted = {TAG + path.name for path in found.weights} | {weights for weights in before if not store.has(weights)}
    if noted != before:
        note_pruned(store, noted)
    _remove(store, found.copies)
    _remove(store, found.leftovers)
    for folder in store.files("adapters"):
        with suppress(OSError):  # it is not empty
            folder.rmdir()
    _remove(store, found.receipts)
    _remove(store, found.objects + found.weights)
    _remove(store, found.marks)
    for name in {path.relative_to(store.scratch).parts[0] for path in found.unfinished}:
        shutil.rmtree(store.scratch / name, ignore_errors=True)


def _remove(store: Store, files: tuple[Path, ...]) -> None:
    for folder in sorted({path.parent for path in files}):
        store.remove(str(folder.relative_to(store.home)), [path for path in files if path.parent == folder])


def _check_chains(store: Store, refs: list[Run]) -> None:
    """Raises CorruptError where an iteration or an output cannot be read: what it named would look like garbage."""
    checked: set[str] = set()
    for ref in refs:
        for output in ref.under_way.values():
            store.output(output)
        for link in back_from(store, ref):
            # Branches share it with all that is behind it.
            if link.closing.digest in checked:
                break
            checked.add(link.closing.digest)
            for output in link.outputs.values():
                store.output(output)


def _is_under_way(address: str, next_index: dict[str, int]) -> bool:
    """Whether what was made at that address is of an iteration that its run has not closed yet."""
    place = ADDRESS.fullmatch(address)
    return place is not None and next_index.get(place["run"]) == int(place["index"])


def _made_for(folder: Path) -> str:
    """The address of the work that may go on from a folder of `scratch/`; "" if it does not say, as of old versions."""
    try:
        return (folder / UNFINISHED_OF).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _reachable(store: Store, roots: list[Any]) -> set[str]:
    """Every object that `roots` name in whatever place, or that such an object names if it is JSON, and so on."""
    todo = [name for root in roots for name in _mentioned(root)]
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name in found or not store.has(name):
            continue
        found.add(name)
        with store.object_path(name).open("rb") as file:
            is_json = file.read(1) in (b"{", b"[", b'"')
        if is_json:
            todo += _names(store.get(name))
    return found


def _mentioned(root: Any) -> list[str]:
    return _names(canonical_json(asdict(root) if isinstance(root, Run) else root))


def _names(data: bytes) -> list[str]:
    return [f"{TAG}{name}" for name in DIGEST.findall(data.decode("utf-8", "replace"))]


def _in_use(store: Store, run: Run) -> Iterator[str]:
    with suppress(UsageError):  # its judge is gone, so that it cannot go on anyway
        yield from policies_in_use(store, run)


def _prunable(store: Store, refs: list[Run], in_use: set[str], retention: Retention) -> list[Path]:
    """The weights that every ref which reaches them lets go, and that no adapter which stays is made of."""
    going: set[str] = set()
    staying = set(in_use)
    for ref in refs:
        staying.update(policies_to_go_back_to(store, ref))
        chain = iterations(store, ref)
        for iteration in chain:
            outputs = [store.output(output) for output in iteration.outputs.values()]
            lets_go = retention.lets_go(iteration.index, chain[-1].index)
            (going if lets_go else staying).update(adapter for output in outputs for adapter in output.adapters)
        staying.update(adapter for output in ref.under_way.values() for adapter in store.output(output).adapters)
    kept = {store.adapter(adapter).weights for adapter in staying if store.has(adapter)}
    weights = {store.adapter(adapter).weights for adapter in going - staying} - kept
    return [path for name in sorted(weights) if (path := store.object_path(name)).exists()]
