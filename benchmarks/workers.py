"""Workers that go wrong, twenty times each: is it noticed, named, and does the run end where it would have anyway?

    python -m benchmarks.workers               # the faults that have no row yet; --fresh measures all anew
    python -m benchmarks.workers --table       # only the table, from the rows

Each trial is a whole run of one iteration on the stub engine in a process of its own, with one fault
(`trainers.stub_faults`). Recovered means: all its digests are those of a run without a fault, and 1 s after its end no
process of the run is left, nor any shared memory. It fails unless all trials of every fault end well in each respect.
"""

import os
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.cells import command_line, newest, refuse_bad, run_cells
from loop import drive
from loop.config import Config
from loop.load_config import load_config
from loop.progress import Event
from loop.workers.capped_log import LIMIT_BYTES
from runs.lineage import iterations
from runs.store import Store
from trainers.stub_faults import VARIABLE, Fault, segment_of, write_faults

TRIALS = 20
RESPECTS = ("named", "recovered", "left_nothing")
AT_ONCE = 4
TINY = [
    *("iterations=1", "engine.kind=stub", "export.mlflow=false", "prompts.count=8", "generate.samples=3"),
    *("measure.prompts=4", "measure.anchor_count=4", "gold.prompts=4", "guards.min_pairs=1"),
    *("guards.max_kl_to_seed_nats=1e9", "guards.max_kl_to_previous_nats=1e9", "limits.stall_s=10"),
    *(
        "audit.items=0",
        "guards.min_anchor_accuracy=0",
        "guards.min_position_consistency=0",
    ),  # the stub judges by hashing
]
FAULTS: dict[str, tuple[Fault, str]] = {
    "the engine hangs at the start of a shard": (Fault("Write", "hang", "start"), "stood still"),
    "the engine hangs in the middle of a shard": (Fault("Write", "hang", "middle"), "stood still"),
    "the engine hangs at the end of a shard": (Fault("Write", "hang", "end"), "stood still"),
    "the engine is dead behind a line that answers": (Fault("one_token", "hang", after=1), "generating one token"),
    "the engine takes an adapter and is dead": (Fault("Score", "hang"), "proving"),
    "the engine serves the wrong adapter": (Fault("load", "wrong adapter"), "nats a token"),
    "the engine answers garbage": (Fault("Choose", "garbage", "middle"), "answered garbage"),
    "the engine is killed": (Fault("Choose", "die", "middle"), "killed by SIGKILL"),
    "the engine runs out of memory": (Fault("Write", "out of memory"), "MemoryError"),
    "the engine dies and leaves a process and memory": (Fault("Write", "orphan"), "killed by SIGKILL"),
    "the engine takes 0.5 s for each request": (Fault("Write", "drip", seconds=0.5), ""),
    "the trainer hangs": (Fault("train", "hang"), "stood still"),
    "the trainer runs out of memory": (Fault("train", "out of memory"), "out of memory"),
    "the trainer exits with 0 and nothing": (Fault("train", "leave"), "left no result"),
    "the trainer leaves half an adapter": (Fault("train", "half an adapter"), "is refused"),
    "the trainer leaves half a result": (Fault("train", "garbage"), "left no result"),
    "the trainer prints 80 MiB": (Fault("train", "flood"), ""),
    "the trainer dies and leaves a process and memory": (Fault("train", "orphan"), "killed by SIGKILL"),
}


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """How many trials of one fault ended well in each respect."""
    fault, words = FAULTS[cell["fault"]]
    with ProcessPoolExecutor(AT_ONCE, mp_context=get_context("spawn")) as pool:
        trials = list(pool.map(trial, [fault] * cell["trials"]))
    counts = {
        "named": sum(one["said"] == [] if not words else any(words in line for line in one["said"]) for one in trials),
        "recovered": sum(tuple(one["digests"]) == wanted() for one in trials),
        "left_nothing": sum(one["left"] == 0 for one in trials),
    }
    largest_log = max(one["log_bytes"] for one in trials)
    result = {**counts, "largest_log_mib": round(largest_log / 2**20, 1), "of": len(trials)}
    return result | {"bad": what_is_bad(result)}


def what_is_bad(result: dict[str, Any]) -> list[str]:
    """In which respects not all trials of one fault ended well."""
    bad = [respect for respect in RESPECTS if result[respect] < result["of"]]
    return bad + ["largest_log_mib"] * (result["largest_log_mib"] > LIMIT_BYTES / 2**20)


@cache
def wanted() -> tuple[str, ...]:
    """The digests of a run in which nothing goes wrong."""
    return tuple(trial(None)["digests"])


def trial(fault: Fault | None) -> dict[str, Any]:
    """One run with one fault: its digests, what it said of failures, what it left behind."""
    home = Path(tempfile.mkdtemp(prefix="selfsame-workers-"))
    said: list[str] = []

    def hear(event: Event) -> None:
        if event.kind == "retry":
            said.append(event.text)

    os.environ[VARIABLE] = str(home / "faults.json")
    write_faults(home / "faults.json", [fault] if fault else [])
    try:
        store, config = Store(home / "home"), load_config("self-rewarding", TINY)
        digests = finish(store, config, hear)
        if (home / "faults.json").read_text() != "[]":
            raise SystemExit(f"the fault was never committed: {fault}")
        time.sleep(1)
        return {
            "digests": digests,
            "said": said,
            "left": len(processes_that_see(str(home))) + (Path("/dev/shm") / segment_of(home / "faults.json")).exists(),
            "log_bytes": max(path.stat().st_size for path in store.logs.iterdir()),
        }
    finally:
        shutil.rmtree(home)


def finish(store: Store, config: Config, hear: Any) -> list[str]:
    """The digests of the run's iterations, once it has them all."""
    drive.begin(store, "r1", "self-rewarding", config)
    drive.carry_on(store, "r1", hear)
    return [iteration.digest for iteration in iterations(store, drive.existing(store, "r1"))]


def processes_that_see(text: str) -> list[int]:
    """The processes, but for this one, with `text` in their environment: those of a run know its file of faults."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                found += [int(entry.name)] * (text.encode() in (entry / "environ").read_bytes())
        except OSError:
            continue
    return found


def table() -> str:
    """The newest row of each fault."""
    last = {row["cell"]["fault"]: row["result"] for row in newest("workers")}
    lines = ["| fault | named | recovered | left nothing behind |", "|---|---|---|---|"]
    for fault, got in last.items():
        counts = (f"{got[respect]} of {got['of']}" for respect in RESPECTS)
        lines.append(f"| {fault} | {' | '.join(counts)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--table", action="store_true", help="measure nothing")
    asked = parser.parse_args()
    cells = [{"fault": fault, "trials": asked.trials} for fault in FAULTS]
    if not asked.table:
        run_cells("workers", cells, measure, asked.fresh)
    print(table())
    refuse_bad("workers", cells)
