"""Stores that lack one step of their durability each."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from runs import durable, store
from runs.canonical import digest_bytes
from runs.points import point
from runs.store import Store

Mutant = Callable[[], AbstractContextManager[None]]


@contextmanager
def without_file_sync() -> Iterator[None]:
    """A file is renamed to its name before its bytes are on the disk."""
    yield from _sync_only(lambda mode: not stat.S_ISREG(mode))


@contextmanager
def without_folder_sync() -> Iterator[None]:
    """A file has its name before the folder's change is on the disk."""
    yield from _sync_only(lambda mode: not stat.S_ISDIR(mode))


def _sync_only(wanted: Callable[[int], bool]) -> Iterator[None]:
    really_sync = os.fsync
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: really_sync(handle) if wanted(os.fstat(handle).st_mode) else None)
        yield


@contextmanager
def receipt_before_object() -> Iterator[None]:
    """A receipt is written first, and then the objects that it names."""
    waiting: dict[str, bytes] = {}
    really = {name: getattr(Store, name) for name in ("put", "get", "has", "commit", "move")}

    def put(self: Store, data: bytes) -> str:
        waiting[digest_bytes(data)] = data
        return digest_bytes(data)

    def get(self: Store, name: str) -> bytes:
        return waiting[name] if name in waiting else really["get"](self, name)

    def has(self: Store, name: str) -> bool:
        return name in waiting or really["has"](self, name)

    def then_the_objects(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Store, *arguments: Any) -> Any:
            answer = method(self, *arguments)
            for data in waiting.values():
                really["put"](self, data)
            waiting.clear()
            return answer

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "put", put)
        patch.setattr(Store, "get", get)
        patch.setattr(Store, "has", has)
        patch.setattr(Store, "commit", then_the_objects(really["commit"]))
        patch.setattr(Store, "move", then_the_objects(really["move"]))
        yield


@contextmanager
def in_place() -> Iterator[None]:
    """A file is written under its final name."""

    def write_file(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        durable.sync_folder(path.parent)
        point("written", path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable, "write_file", write_file)
        patch.setattr(store, "write_file", write_file)
        yield


@contextmanager
def sync_again_after_a_failure() -> Iterator[None]:
    """A sync that failed is tried again, and the second answer believed."""
    really_sync = os.fsync

    def fsync(handle: int) -> None:
        try:
            really_sync(handle)
        except OSError:
            really_sync(handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield


@contextmanager
def without_settling() -> Iterator[None]:
    """A new owner builds on names that a killed one gave, before they last."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "_settle", lambda self: None)
        yield


MUTANTS: tuple[Mutant, ...] = (without_file_sync, without_folder_sync, receipt_before_object, in_place)
