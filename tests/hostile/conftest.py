"""What the tests of hostile input share: a small finished run, somebody at the command line, and who opens what."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from loop.cli import main
from runs.store import Store
from tests.loop.small import run_small

TOUCHES = (
    *("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link"),
)
watching: list[set[str]] = []
"""Where the paths go that are touched just now: an audit hook can never be taken away again."""


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if watching and event in TOUCHES:
        paths = [os.path.abspath(os.fsdecode(one)) for one in arguments if isinstance(one, str | bytes | os.PathLike)]
        for touched in watching:
            touched.update(paths)


sys.addaudithook(_note)


@contextmanager
def touched_paths() -> Iterator[set[str]]:
    """The absolute paths of all that this process opens, lists, makes, moves or removes until the block ends."""
    found: set[str] = set()
    watching.append(found)
    try:
        yield found
    finally:
        watching.remove(found)


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Types = Callable[..., Said]


@pytest.fixture
def types(capsys: pytest.CaptureFixture[str]) -> Types:
    """Somebody who types a command; the home is that of SELFSAME_HOME."""

    def type_in(*words: str) -> Said:
        capsys.readouterr()
        code = main(words)
        return Said(code, *capsys.readouterr())

    return type_in


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A run of one iteration, to be looked at and never changed."""
    return run_small(tmp_path_factory.mktemp("finished") / "home", iterations=1)[0]
