"""A person at the command line, and a daemon's loop in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loop.daemon.work import Daemon
from tests.loop.daemon.living import NOON, Person, owned


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    """Somebody at the command line, over an empty home."""
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    return Person(tmp_path / "home", capsys)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """The loop of a daemon at noon, to be turned by hand. It moves about: the working folder is put back."""
    monkeypatch.chdir(tmp_path)
    with owned(tmp_path / "home") as store:
        yield Daemon(store, lambda: NOON)
