"""The same through the command line, with processes started from nothing and the trainer in one of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from runs.store import Store
from runs.verify import verify
from tests.crash.conftest import Tally
from tests.crash.whole_run import CONFIG, FULL, NAME, golden, new_home, standing

ROOT = Path(__file__).parents[2]
START = "import sys; from loop.cli import main; sys.exit(main())"


def selfsame(home: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """What comes of a command."""
    asked = os.environ | {"SELFSAME_HOME": str(home)} | environment
    return subprocess.run(
        [sys.executable, "-P", "-c", START, *words], cwd=ROOT, env=asked, capture_output=True, text=True
    )


def iteration_of(run: str) -> str:
    """The digest of a run's last iteration. The rest says how it was begun."""
    return str(json.loads(run)["iteration"])


@pytest.mark.skipif(not FULL, reason="for `make crash`")
@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.85])
def test_a_run_that_is_killed_and_then_meets_a_full_disk_ends_where_it_would_have(share: float, tally: Tally) -> None:
    number = int(len(golden().points) * share)
    with new_home() as home:
        recipe = home.with_name("recipe.yaml")
        recipe.write_text(yaml.safe_dump(CONFIG.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")
        killed = selfsame(home, "run", str(recipe), "--name", NAME, CRASH_AT=str(number))
        full = selfsame(home, "resume", NAME, FAIL_AT="40:ENOSPC:always")
        resumed = selfsame(home, "resume", NAME)
        assert (killed.returncode, full.returncode, resumed.returncode) == (-signal.SIGKILL, 74, 0), resumed.stderr
        assert "No space left on device" in full.stderr and "bytes needed" in full.stderr
        assert iteration_of(standing(home)) == iteration_of(golden().end[0])
        assert verify(Store(home)) == []
    tally("A1 by the command line", 1, 0)
