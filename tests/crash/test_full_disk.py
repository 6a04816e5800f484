"""On a disk that is really full the run stops cleanly, and once there is room it goes on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.conftest import Tally
from tests.crash.whole_run import FULL

ROOT = Path(__file__).parents[2]
NAMESPACES = (["unshare", "-rm"], ["unshare", "-m"])
"""A mount namespace of one's own: with users of its own, where anybody may have those, or as root."""


def own_mounts(folder: Path) -> list[str]:
    """What starts a program that may mount things where nobody else sees them. Skips the test if there is no way."""
    for command in NAMESPACES:
        try:
            attempt = [*command, "mount", "-t", "tmpfs", "none", str(folder)]
            if subprocess.run(attempt, capture_output=True, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            break
    pytest.skip("this machine lets nobody mount a tmpfs: neither `unshare -rm` nor, as root, `unshare -m`")


def is_clean(row: dict[str, Any]) -> bool:
    """Whether a start stopped as it should where the disk was full."""
    return "No space left on device" in row["said"] and not row["left"] and row["exit"] == 74


@pytest.mark.skipif(not FULL, reason="for `make crash`")
def test_a_run_on_a_disk_that_is_too_small_stops_cleanly_and_ends_well_once_it_grows(
    tmp_path: Path, tally: Tally
) -> None:
    command = [*own_mounts(tmp_path), sys.executable, "-m", "tests.crash.full_disk", str(tmp_path)]
    done = subprocess.run([*command, "50"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    bad = [row for row in rows if row["wrong"] or not is_clean(row)]
    tally("C2", len(rows), len(bad))
    assert not bad
