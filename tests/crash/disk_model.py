"""A disk that may lose power: what was done to it, in order, and everything that could be left of it afterwards.

The bytes of a file are certain once the file was synced, its name once its folder was. Until then a rename may have
reached the disk, alone or with others, or not; and the bytes may be gone, cut in half or zero.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

import pytest

from runs.durable import TEMPORARY
from runs.points import Label

Loss = Literal["lost", "half", "zeroed"]
LOSSES: tuple[Loss, ...] = ("lost", "half", "zeroed")
NOT_THE_STORE = ("..", "scratch/", "logs/")


@dataclass(frozen=True)
class Done:
    """One thing that was done. Paths are relative to the home; a "rename" gives `path` the name `new`."""

    what: Literal["make", "write", "sync", "sync failed", "rename", "sync folder", "acknowledge"]
    path: str
    data: bytes = b""
    new: str = ""


class Recorder:
    """What is done under `home` by this process, in order. It is also a hook for `runs.points`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.done: list[Done] = []

    def __call__(self, label: Label, path: Path) -> None:
        if label == "written":  # from now on somebody may rely on it
            self._note(Done("acknowledge", self._name(path), path.read_bytes()))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take down the system calls by which files get to the disk, until the block ends."""
        really_sync, really_rename, really_make = os.fsync, os.replace, os.mkdir

        def fsync(handle: int) -> None:
            path = Path(os.readlink(f"/proc/self/fd/{handle}"))
            folder = stat.S_ISDIR(os.fstat(handle).st_mode)
            if not folder:
                self._note(Done("write", self._name(path), path.read_bytes()))
            try:
                really_sync(handle)
            except OSError:
                self._note(Done("sync failed", self._name(path)))
                raise
            self._note(Done("sync folder" if folder else "sync", self._name(path)))

        def replace(old: str, new: Path) -> None:
            if not any(one.path == self._name(Path(old)) for one in self.done):  # nobody synced it
                self._note(Done("write", self._name(Path(old)), Path(old).read_bytes()))
            really_rename(old, new)
            self._note(Done("rename", self._name(Path(old)), new=self._name(new)))

        def mkdir(path: Path, mode: int = 0o777) -> None:
            really_make(path, mode)
            self._note(Done("make", self._name(Path(path))))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            patch.setattr(os, "replace", replace)
            patch.setattr(os, "mkdir", mkdir)
            yield

    def _name(self, path: Path) -> str:
        return os.path.relpath(path, self.home)

    def _note(self, one: Done) -> None:
        if not one.path.startswith(NOT_THE_STORE):
            self.done.append(one)


@dataclass
class File:
    """Bytes on their way to the disk. `certain`: they are there; `failed`: a sync failed, and they never will be."""

    data: bytes
    certain: bool = False
    failed: bool = False


@dataclass(frozen=True)
class Disk:
    """What is left when the power goes: files by path (None: a folder), and what was acknowledged until then.

    `versions` are all the bytes that each path is ever given, in order, and `acknowledged` is the number of the last
    of them that somebody was told of.
    """

    files: dict[str, bytes | None]
    versions: dict[str, list[bytes]]
    acknowledged: dict[str, int]

    def wrong(self) -> str:
        """What was promised and is gone or old, or stands there and was never whole; "" if nothing."""
        for path, number in self.acknowledged.items():
            if self.files.get(path) not in self.versions[path][number - 1 :]:
                return f"{path} was acknowledged, and is gone or old"
        for path, data in self.files.items():
            if data is not None and f"/{TEMPORARY}" not in path and data not in self.versions[path]:
                return f"{path} is torn"
        return ""

    def write_to(self, home: Path) -> None:
        """Make `home` hold this disk."""
        for path, data in sorted(self.files.items()):
            if data is None:
                (home / path).mkdir(parents=True, exist_ok=True)
            else:
                (home / path).parent.mkdir(parents=True, exist_ok=True)
                (home / path).write_bytes(data)


@dataclass
class _Model:
    """The disk while things are done to it: `names` are certain, `pending` are not."""

    names: dict[str, File | None] = field(default_factory=dict)
    pending: list[Done] = field(default_factory=list)

    def do(self, one: Done) -> None:
        file = self.names.get(one.path)
        match one.what:
            case "make" | "rename":
                self.pending.append(one)
            case "write" if file is None or not file.failed:
                self.names[one.path] = File(one.data)
            case "sync" if file is not None and not file.failed:
                file.certain = True
            case "sync failed" if file is not None:
                # The kernel drops the pages and calls them clean: another sync succeeds and writes nothing.
                file.data, file.certain, file.failed = b"", True, True
            case "sync folder":
                here = [other for other in self.pending if _folder(other.new or other.path) == one.path]
                _give_names(self.names, here)
                self.pending = [other for other in self.pending if other not in here]

    def left(self) -> Iterator[dict[str, bytes | None]]:
        """The disks that a loss of power may leave now: no name that is not certain, all of them, or the last."""
        for reached in dict.fromkeys(((), tuple(self.pending), tuple(self.pending[-1:]))):
            names = dict(self.names)
            _give_names(names, reached)
            missing = tuple(f"{one.path}/" for one in self.pending if one.what == "make" and one not in reached)
            there = {path: file for path, file in names.items() if not path.startswith(missing)}
            uncertain = any(file and not file.certain for file in there.values())
            for loss in LOSSES if uncertain else LOSSES[:1]:
                yield {
                    path: file and (file.data if file.certain else _damaged(file.data, loss))
                    for path, file in there.items()
                }


def disks(done: Sequence[Done], since: int = 0) -> Iterator[Disk]:
    """Every different disk that could be left after any part of what was done, if that has `since` things at least."""
    written = {one.path: one.data for one in done if one.what == "write"}
    versions: dict[str, list[bytes]] = {}
    for one in done:
        if one.what == "rename":
            versions.setdefault(one.new, []).append(written[one.path])
        elif one.what == "write" and f"/{TEMPORARY}" not in one.path:
            versions.setdefault(one.path, []).append(one.data)
    model, seen = _Model(), set()
    given: Counter[str] = Counter()
    acknowledged: dict[str, int] = {}
    for number, one in enumerate(done):
        model.do(one)
        given[one.new or one.path] += one.what in ("rename", "write")
        if one.what == "acknowledge":
            acknowledged = acknowledged | {one.path: given[one.path]}
        for files in model.left() if number >= since else ():
            kind = (frozenset(files.items()), sum(acknowledged.values()))
            if kind not in seen:
                seen.add(kind)
                yield Disk(files, versions, acknowledged)


def _give_names(names: dict[str, File | None], reached: Sequence[Done]) -> None:
    for one in reached:
        if one.what == "make":
            names[one.path] = None
        elif one.path in names:
            names[one.new] = names.pop(one.path)


def _folder(path: str) -> str:
    return str(PurePath(path).parent)


def _damaged(data: bytes, loss: Loss) -> bytes:
    return {"lost": b"", "half": data[: len(data) // 2], "zeroed": bytes(len(data))}[loss]
