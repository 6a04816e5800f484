"""The crash suites in full, counted: `python -m benchmarks.crash` appends how many trials of each row were bad.

The rows are those of the plan of faults, A1 and so on. Nothing is appended when a test fails.
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


def counts(cell: dict[str, Any]) -> dict[str, Any]:
    """How many trials each row of the plan had, and how many were bad."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "counts.json"
        asked = os.environ | {"SELFSAME_CRASH": cell["tried"], "SELFSAME_CRASH_COUNTS": str(file)}
        tests = ["tests/crash", "-n", str(PROCESSES), "--dist", "load"]
        done = subprocess.run([sys.executable, "-m", "pytest", *tests], env=asked, check=False)
        if done.returncode:
            raise SystemExit(done.returncode)
        found: dict[str, Any] = json.loads(file.read_bytes())
        return found


if __name__ == "__main__":
    run_cells("crash", [{"tried": "full"}], counts, fresh=True)
