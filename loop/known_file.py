"""A file whose bytes are known is not parsed again: every preflight, estimate and step of a run reads the same ones."""

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

from runs.canonical import digest_file

Line = TypeVar("Line")


def known_by_its_bytes(read: Callable[[Path], list[Line]]) -> Callable[[Path], list[Line]]:
    """`read`, which is called once for each file as long as its bytes stay the same."""

    @lru_cache(maxsize=8)
    def known(path: Path, _digest: str) -> tuple[Line, ...]:
        return tuple(read(path))

    @wraps(read)
    def reading(path: Path) -> list[Line]:
        return list(known(path, digest_file(path) if path.is_file() else ""))  # `read` says what it misses

    return reading
