"""The crash suites in full, counted: `python -m benchmarks.crash` appends how many trials of each row were bad.

The rows are those of the plan of faults, A1 and so on. Nothing is appended when a test fails. `python -m
benchmarks.crash A3` kills real processes alone, 200 times each: too long for every day.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.cells import run_cells

PROCESSES = 2
EVERYTHING: dict[str, Any] = {"tried": "full"}
KILLS: dict[str, Any] = {"tried": "A3", "kills": 200}


def counts(cell: dict[str, Any]) -> dict[str, Any]:
    """How many trials each row of the plan had, and how many were bad."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "counts.json"
        asked = os.environ | {"SELFSAME_CRASH": "full", "SELFSAME_CRASH_COUNTS": str(file)}
        if cell == KILLS:
            asked["SELFSAME_CRASH_KILLS"] = str(cell["kills"])
        what = "tests/crash/test_killed_processes.py" if cell == KILLS else "tests/crash"
        tests = [what, "-n", str(PROCESSES), "--dist", "worksteal"]
        done = subprocess.run([sys.executable, "-m", "pytest", *tests], env=asked, check=False)
        if done.returncode:
            raise SystemExit(done.returncode)
        found: dict[str, Any] = json.loads(file.read_bytes())
        return found


if __name__ == "__main__":
    run_cells("crash", [KILLS if sys.argv[1:] == ["A3"] else EVERYTHING], counts, fresh=True)
