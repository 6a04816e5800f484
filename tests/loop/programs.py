"""A training program that misbehaves on request, for the tests of `loop.worker`."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from trainers.spec import Spec


class Order(Spec):
    """What to do."""

    do: str


def main(spec_path: Path, out: Path) -> None:
    """Do as told. The pid is left in `out` first."""
    (out / "pid").write_text(str(os.getpid()))
    match Order.model_validate_json(spec_path.read_bytes()).do:
        case "work":
            (out / "result.json").write_text(json.dumps({"pid": os.getpid(), "environment": dict(os.environ)}))
        case "hang":
            time.sleep(600)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise ValueError("row 7 of pairs.parquet has an empty answer")
        case "leave":
            sys.exit(9)
        case "diverge":
            print("diverged at step 3: loss not finite")
            sys.exit(3)
        case "forget":
            pass
