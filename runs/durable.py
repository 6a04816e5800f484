"""The one way bytes reach the disk: whole, synced and under their final name, or not at all.

A file is written beside its place, synced, renamed over its name, and its folder is synced: after a crash or a loss
of power a reader finds the old file or the new one, never a part. Small JSON files carry a checksum of themselves.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runs.canonical import canonical_json, digest
from runs.errors import CorruptError, DiskError
from runs.points import point

TEMPORARY = ".tmp-"
"""What the names of unfinished files begin with. Nobody reads such a file."""


def write_file(path: Path, data: bytes) -> None:
    """Make `path` (mode 0600) hold `data`, durably; a file of that name is replaced.

    Raises DiskError, with nothing left behind, if the disk is full, read-only or failing.
    """
    with disk_errors(path, len(data)):
        handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
        try:
            with open(handle, "wb") as file:
                point("write", path)
                file.write(data)
                file.flush()
                point("sync", path)
                # A failed fsync is final: the kernel may have dropped the pages, so the file is thrown away.
                os.fsync(file.fileno())
            point("rename", path)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
        point("written", path)


def sync_folder(path: Path) -> None:
    """Make the names in a folder last, whoever gave them."""
    with disk_errors(path, 0):
        _sync_folder(path)


def remove_files(folder: Path, files: Iterable[Path]) -> None:
    """Make files of one folder be gone, durably: nothing that is removed later can be gone while these are there."""
    with disk_errors(folder, 0, verb="remove files from"):
        for path in files:
            point("remove", path)
            path.unlink(missing_ok=True)
        _sync_folder(folder)


def make_folder(path: Path) -> None:
    """Make `path` a durable folder (mode 0700), and the folders above it."""
    with disk_errors(path, 0):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            point("make", folder)
            folder.mkdir(mode=0o700, exist_ok=True)
        for folder in (path, *missing):
            _sync_folder(folder.parent)


def read_file(path: Path) -> bytes | None:
    """The bytes of `path`; None if there is no such file. Raises DiskError if the disk fails."""
    with disk_errors(path, 0, verb="read"):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def write_checked(path: Path, value: dict[str, Any]) -> None:
    """Make `path` hold `value` and a checksum of it, durably."""
    write_file(path, _with_checksum(value))


def read_checked(path: Path) -> dict[str, Any] | None:
    """The value that `write_checked` wrote; None if there is no such file.

    Raises CorruptError unless every byte is as it was written.
    """
    data = read_file(path)
    if data is None:
        return None
    try:
        value: dict[str, Any] = json.loads(data)
        del value["checksum"]
        intact = data == _with_checksum(value)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        intact = False
    if not intact:
        raise CorruptError(
            f"{path} is not as it was written (its checksum fails, {len(data)} bytes). "
            "Run `selfsame verify` to see what depends on it"
        )
    return value


@contextmanager
def disk_errors(path: Path, needed: int, verb: str = "write") -> Iterator[None]:
    """Makes a DiskError, with path and bytes, of what the system says of a full or failing disk."""
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"cannot {verb} {path}: {error.strerror or error} ({needed} bytes needed, {_free_bytes(path)} free). "
            "Nothing half-written was kept"
        ) from error


def _with_checksum(value: dict[str, Any]) -> bytes:
    return canonical_json({"checksum": digest(value), **value})


def _sync_folder(path: Path) -> None:
    point("sync folder", path)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _free_bytes(path: Path) -> int | str:
    for folder in path.parents:
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return "an unknown number"
