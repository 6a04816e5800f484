"""What the stub engine and the stub trainer do wrong on request, so that whatever stands around them can be tested.

The environment variable SELFSAME_STUB_FAULTS names a file, which tests alone write: a JSON list of faults, as

    [{"at": "Write", "do": "hang", "when": "middle", "after": 3}, {"at": "train", "do": "die", "times": 2}]

`at` is a call of the engine's (`start`, `load`, `Write`, `Choose`, `Score`, `one_token`) or `train`. A fault lets
`after` calls pass and is then committed `times` times. It is struck off the list first, so that the next process does
better.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Literal

from trainers.spec import DIVERGED

VARIABLE = "SELFSAME_STUB_FAULTS"
FLOOD_BYTES = 80 * 2**20
FOREVER_S = 86_400.0


Do = Literal[
    "hang",
    "die",
    "out of memory",
    "flood",
    "orphan",
    "leave",
    "garbage",
    "drip",
    "wrong adapter",
    "half an adapter",
    "diverge",
]


@dataclass(frozen=True)
class Fault:
    """One thing to do wrong.

    `hang`, `die` (SIGKILL), `out of memory` (a MemoryError), `flood` (print 80 MiB), `orphan` (leave a process and
    shared memory behind, and die), `leave` (end well, with nothing) and `garbage` (half a reply, half a result) are for
    both; `drip` (nothing but to be slow) and `wrong adapter` (go on with the weights of before) are for the engine
    alone, `half an adapter` and `diverge` (leave the finite numbers) for the trainer. `when` is where in the call:
    before its first request, or its last. Each request of the engine's then takes `seconds`.
    """

    at: str
    do: Do
    when: Literal["start", "middle", "end"] = "start"
    seconds: float = 0.0
    times: int = 1
    after: int = 0


def fault_at(at: str, environment: Mapping[str, str] = os.environ) -> Fault | None:
    """The fault to commit at this call, struck off the list; None where all is to go well."""
    name = environment.get(VARIABLE)
    if not name:
        return None
    path = Path(name)
    faults = [Fault(**fault) for fault in json.loads(path.read_text(encoding="utf-8"))]
    due = next((fault for fault in faults if fault.at == at), None)
    if due is None:
        return None
    spent = replace(due, after=due.after - 1) if due.after else replace(due, times=due.times - 1)
    left = [spent if fault is due else fault for fault in faults]
    write_faults(path, [fault for fault in left if fault.times > 0])
    return None if due.after else due


def write_faults(path: Path, faults: list[Fault]) -> None:
    """Make these the faults to be committed."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps([asdict(fault) for fault in faults]), encoding="utf-8")
    new.replace(path)


def commit(fault: Fault) -> None:
    """Do what is wrong in any process; returns where the work goes on."""
    match fault.do:
        case "hang":
            time.sleep(FOREVER_S)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "out of memory":
            raise MemoryError("the stub was told to run out of memory")
        case "diverge":
            print("diverged at step 3: loss not finite; lower train.learning_rate")
            raise SystemExit(DIVERGED)
        case "leave":
            sys.stdout.flush()
            os._exit(0)
        case "flood":
            for _ in range(FLOOD_BYTES // 2**16):
                sys.stdout.write("x" * (2**16 - 1) + "\n")
            sys.stdout.flush()
        case "orphan":
            subprocess.Popen(["sleep", str(int(FOREVER_S))], start_new_session=True)
            SharedMemory(create=True, size=4096, name=segment_of(Path(os.environ[VARIABLE])))
            os.kill(os.getpid(), signal.SIGKILL)


def segment_of(faults: Path) -> str:
    """The name of the shared memory that an `orphan` leaves: one for each file of faults, wherever else they lie."""
    return f"selfsame-{hashlib.sha256(str(faults).encode()).hexdigest()[:16]}"


def spoil(fault: Fault, out: Path) -> None:
    """Break what the trainer has left in `out`."""
    broken = {"garbage": "result.json", "half an adapter": "adapter_model.safetensors"}.get(fault.do)
    if broken:
        os.truncate(out / broken, (out / broken).stat().st_size // 2)
