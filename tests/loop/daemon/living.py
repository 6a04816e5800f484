"""Daemons for tests: real ones as processes, under a fake systemd, and the loop alone in this process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from loop.config import Config
from loop.daemon import wishes
from loop.daemon.queue import Entry, How
from loop.daemon.schedule import Schedule
from loop.daemon.work import Daemon
from runs.store import Store
from tests.loop.small import as_overrides, small_config

LEAVES = as_overrides()
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
"""What a clock says that a test holds still."""


@dataclass
class Living:
    """A daemon's process, and what it told its fake systemd."""

    home: Path
    process: "subprocess.Popen[str]"
    systemd: socket.socket
    told: list[dict[str, str]]

    def hear(self, name: str, timeout_s: float = 60) -> str:
        """The value of the next message that has `name`."""
        end = time.monotonic() + timeout_s
        self.systemd.settimeout(0.1)
        while time.monotonic() < end:
            try:
                lines = self.systemd.recv(4096).decode().splitlines()
            except TimeoutError:
                assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.said()}"
                continue
            self.told.append(dict(line.split("=", 1) for line in lines))
            if name in self.told[-1]:
                return self.told[-1][name]
        raise AssertionError(f"{name} never came: {self.told}\n{self.said()}")

    def said(self) -> str:
        """What is in its log by now."""
        return (self.home / "said").read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code after the signal."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def living(home: Path, **environment: str) -> Iterator[Living]:
    """A daemon of `home` that is ready; ended with the block."""
    home.mkdir(parents=True, exist_ok=True)
    address = f"/tmp/selfsame-test-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, (home / "said").open("w") as said:
        systemd.bind(address)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "loop.daemon"],
            env=os.environ | {"SELFSAME_HOME": str(home), "NOTIFY_SOCKET": address} | environment,
            stdout=said,
            stderr=said,
            text=True,
        )
        daemon = Living(home, process, systemd, [])
        try:
            daemon.hear("READY")
            yield daemon
        finally:
            process.kill()
            process.wait()
            os.unlink(address)


@dataclass(frozen=True)
class Person:
    """Somebody at the command line, in this process, over one home."""

    home: Path
    capsys: pytest.CaptureFixture[str]

    def types(self, *words: str) -> tuple[int, Any]:
        """The exit code, and the document of `--json`."""
        self.capsys.readouterr()
        code = main([*words, "--json"])
        return code, json.loads(self.capsys.readouterr().out)

    def submits(self, name: str, *more: str) -> Any:
        """The entry of a small run."""
        code, entry = self.types("daemon", "submit", "self-rewarding", "--name", name, *LEAVES, *more)
        assert code == 0, entry
        return entry

    def sees(self) -> Any:
        """What `daemon status` shows."""
        return self.types("daemon", "status")[1]

    def state(self, name: str) -> str:
        """The state of a run in the queue."""
        return str(next(entry["state"] for entry in self.sees()["queue"] if entry["run"] == name))

    def waits_until(self, name: str, *states: str, timeout_s: float = 60) -> None:
        """Returns once the run is in one of the states."""
        end = time.monotonic() + timeout_s
        while (now := self.state(name)) not in states:
            assert time.monotonic() < end, f"{name} is {now}"
            time.sleep(0.2)


def put(daemon: Daemon, name: str, config: Config | None = None, **more: Any) -> Entry:
    """Submit a run to a daemon in this process: a new one with a configuration, a known one without."""
    ticket = wishes.Ticket(
        recipe="test",
        config=config.model_dump(mode="json") if config else None,
        folder=str(more.pop("folder", os.getcwd())),
        resume=more.pop("resume", config is None),
    )
    token = wishes.lay_down(daemon.store.home, ticket.model_dump(mode="json"))
    return wishes.submit(daemon.store, daemon.queue, wishes.Submit(ticket=token, name=name, **more), daemon.clock())


def tiny_config(**changes: object) -> Config:
    """A run of the seed iteration alone: nothing is trained."""
    return small_config(**{"iterations": 0, "gold__enabled": False, **changes})


def how(daemon: Daemon, name: str) -> tuple[How | None, int | None]:
    """How the entry of that name ended, and with which exit code."""
    (entry,) = [entry for entry in daemon.queue.read().entries if entry.name == name]
    return (entry.ended.how, entry.ended.exit_code) if entry.ended else (None, None)


@contextmanager
def owned(home: Path) -> Iterator[Store]:
    """A store whose lock is held."""
    store = Store(home)
    with store.lock():
        yield store


HOURLY = Schedule(every_s=3600)


class Clock:
    """A clock that passes while somebody waits for a bell which never rings."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def wait(self, patience_s: float) -> None:
        self.now_s += patience_s
