"""A run needs nobody on any network, and asks nobody. (D10)"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loop.test_stopping import TINY

ROOT = Path(__file__).parents[2]
ALONE = ["unshare", "-rn"]
PROGRAM = """
import socket, sys
from loop.cli import main

def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print("ASKED", event, *map(repr, arguments[1:]), file=sys.stderr)

sys.addaudithook(note)
sys.exit(main())
"""


def asked(home: Path, *before: str) -> tuple[int, list[str]]:
    """How a run ends, and whom its process asked for; `before` is what it is started with."""
    done = subprocess.run(
        [*before, sys.executable, "-P", "-c", PROGRAM, "run", "self-rewarding", "--name", "r1", *TINY],
        env=os.environ | {"SELFSAME_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("ASKED")]


def test_a_run_asks_nobody_on_a_network(tmp_path: Path) -> None:
    assert asked(tmp_path / "home") == (0, [])


def test_a_run_gets_to_its_end_where_there_is_no_network_at_all(tmp_path: Path) -> None:
    try:
        if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
            pytest.skip("this machine lets nobody have a network of his own: `unshare -rn`")
    except FileNotFoundError:
        pytest.skip("`unshare` is not installed")
    assert asked(tmp_path / "home", *ALONE)[0] == 0
