"""What stops a run cleanly before its last iteration: hours, tokens, money, disk, a person. Asked before each shard."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from runs.errors import DiskError

if TYPE_CHECKING:
    from loop.config_operational import (
        Limits,  # the command line asks for `Stop`, and `status` has no time for pydantic
    )

GIB = 2**30


class LimitReached(Exception):
    """A limit of the operator's was reached. No error: the run stops, and `resume` goes on from there."""


Stop = Callable[[], str]
"""Asked before each shard and each second of a training: why the run is to stop, or "" where it is to go on."""


def never() -> str:
    """Nobody wants the run to stop."""
    return ""


class LimitWatch:
    """Counts what this start of the run has used."""

    def __init__(self, limits: "Limits", home: Path, stop: Stop = never) -> None:
        self._limits = limits
        self._home = home
        self._stop = stop
        self._began = time.monotonic()
        self.tokens = 0
        self.usd = 0.0

    def check(self) -> None:
        """Returns if there is room for another shard. Raises LimitReached, or DiskError where the disk is too full."""
        self.check_request(0.0)
        self.check_disk()

    def check_request(self, usd: float) -> None:
        """Returns if there is room for a request that may cost so many US dollars. Raises LimitReached."""
        if reason := self._stop():
            raise LimitReached(reason)
        hours = (time.monotonic() - self._began) / 3600
        if self._limits.hours is not None and hours >= self._limits.hours:
            raise LimitReached(f"limits.hours={self._limits.hours:g} is reached")
        if self._limits.tokens is not None and self.tokens >= self._limits.tokens:
            raise LimitReached(f"limits.tokens={self._limits.tokens} is reached ({self.tokens} generated)")
        most = self._limits.endpoint.usd
        if most is not None and usd and self.usd + usd > most:
            raise LimitReached(
                f"limits.endpoint.usd={most:g} is reached: {self.usd:.4g} are spent, and what comes next may cost "
                f"{usd:.2g}"
            )

    def check_disk(self) -> None:
        """Returns if the disk has room. Raises DiskError."""
        free_gib = shutil.disk_usage(self._home).free / GIB
        if free_gib < self._limits.min_free_disk_gib:
            raise DiskError(
                f"{self._home} has {free_gib:.2f} GiB free, below limits.min_free_disk_gib="
                f"{self._limits.min_free_disk_gib:g}"
            )
