"""A training program that misbehaves on request, for the tests of `loop.workers.trainers`."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from trainers.spec import STOPPED, Spec


class Order(Spec):
    """What to do."""

    do: str


class OutOfMemoryError(RuntimeError):
    """As torch calls it."""


def main(spec_path: Path, out: Path) -> None:
    """Do as told. The pid is left in `out` first."""
    (out / "pid").write_text(str(os.getpid()))
    result = out / "result.json"
    match Order.model_validate_json(spec_path.read_bytes()).do:
        case "work":
            result.write_text(json.dumps({"pid": os.getpid(), "environment": dict(os.environ)}))
        case "hang":
            time.sleep(600)
        case "move and hang":
            beat(out, 1)
            time.sleep(600)
        case "crawl":
            for step in range(8):
                time.sleep(0.3)
                beat(out, step)
            result.write_text("{}")
        case "log slowly":
            for step in range(8):
                time.sleep(0.3)
                with (out / "log.jsonl").open("a") as log:
                    log.write(f'{{"step": {step}}}\n')
            result.write_text("{}")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise ValueError("row 7 of pairs.parquet has an empty answer")
        case "find no room":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "checkpoint-1/model.safetensors")
        case "leave":
            sys.exit(9)
        case "diverge":
            print("diverged at step 3: loss not finite")
            sys.exit(3)
        case "forget":
            pass
        case "write half":
            result.write_text('{"steps": 1')
        case "write NaN":
            result.write_text('{"loss": NaN}')
        case "hog":
            held = bytearray(os.urandom(1)) * (400 * 2**20)
            time.sleep(600)
            print(len(held))
        case "MemoryError":
            bytearray(2**60)
        case "CUDA":
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        case "bad_alloc":
            print("terminate called after throwing an instance of 'std::bad_alloc'", file=sys.stderr, flush=True)
            os.abort()
        case "flood":
            for _ in range(100 * 2**4):
                sys.stdout.write("x" * 2**16)
            print("\nthe end of the flood", flush=True)
            sys.exit(9)
        case "have children":
            pids = [subprocess.Popen(["sleep", "600"], start_new_session=new).pid for new in (False, True)]
            (out / "children").write_text(json.dumps(pids))
            result.write_text("{}")
        case "listen":
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))
            (out / "listens").touch()
            time.sleep(600)
        case "be deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            (out / "listens").touch()
            time.sleep(600)
        case "be killed by the kernel":
            group = Path(os.environ["HF_HOME"])  # where the test made a control group of its own
            (group / "cgroup.procs").write_text(str(os.getpid()))
            bytearray(os.urandom(1)) * (400 * 2**20)


def beat(out: Path, step: int) -> None:
    (out / "beat").write_text(f"{os.getpid()} {step}")
