"""Ten thousand iterations on the stub engine and the stub trainer: what grows, and how long a start takes after them.

Everything but the two is real: processes for training, a store on the disk, MLflow on SQLite where it is asked for. The
store lies in memory where there is a place for it: half a million files, each synced, are a test of the disk otherwise.
"""

import gc
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.outage import counted, what_is_bad
from loop import drive
from loop.daemon.detach import start_detached
from loop.load_config import load_config
from loop.progress import Event
from runs.mlflow_mark import lag
from runs.store import Store

NAME = "r1"
SMALLEST = (
    *("engine.kind=stub", "prompts.count=12", "generate.samples=2", "train.lora_rank=1", "measure.prompts=5"),
    *("measure.anchor_count=4", "gold.prompts=4", "limits.min_free_disk_gib=0", "guards.min_pairs=1"),
    *("guards.max_kl_to_seed_nats=1e9", "guards.max_kl_to_previous_nats=1e9", "audit.items=2"),
    *("guards.min_anchor_accuracy=0", "guards.min_position_consistency=0"),  # the stub judges by hashing
)
"""Of fewer prompts one iteration in some hundreds has no two answers that differ in score, and halts, as it should."""
YEARS: dict[str, Any] = {"run": "simulated", "iterations": 10_000, "mlflow": False}
WITH_MLFLOW: dict[str, Any] = {"run": "simulated", "iterations": 300, "mlflow": True}
CELLS = [YEARS, WITH_MLFLOW]
LOOKS = 20
FROM = 2
"""Growth counts from the second look after the first, a tenth of the run: until then caches fill."""
MOST_MIB, MOST_CHILDREN_MIB, MOST_START_S, MOST_STATUS_S = 20.0, 60.0, 2.0, 0.5
MOST_TIMES = 1.5
"""How much more of our own processor time an iteration may take at last: medians of a quarter of the looks."""
MLFLOW_S = 1800.0
"""How long a look may wait for MLflow to have all."""
REPEATS = 5
MEMORY = Path("/dev/shm")
SELFSAME = str(Path(sys.executable).with_name("selfsame"))


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """What grew from a tenth of the run to its end, and how long the verbs take afterwards."""
    with tempfile.TemporaryDirectory(prefix="selfsame-soak-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as at:
        store = Store(Path(at) / "home")
        seen = live(store, cell["iterations"], cell["mlflow"])
        early, late = seen[FROM], seen[-1]
        growth = {what: round(late[what] - early[what], 1) for what in early if what != "iteration"}
        if cell["mlflow"]:
            found: dict[str, float] = {**counted(store)}
            bad = what_is_bad(found)
        else:
            found = afterwards(store, cell["iterations"])
            bad = [what for what in ("resume_s", "daemon_s") if found[what] > MOST_START_S]
            bad += ["status_s"] * (found["status_s"] > MOST_STATUS_S)
    return {"seen": seen, "growth": growth, **found, "bad": what_grew(seen) + bad}


def what_grew(seen: Sequence[Mapping[str, float]]) -> list[str]:
    """What is larger at the last look than a tenth of the run after the first, by more than it may be."""
    early, late = seen[FROM], seen[-1]
    grew = [what for what in ("fds", "threads", "children") if late[what] > early[what]]
    grew += ["rss_mib"] * (late["rss_mib"] - early["rss_mib"] > MOST_MIB)
    grew += ["children_rss_mib"] * (late["children_rss_mib"] - early["children_rss_mib"] > MOST_CHILDREN_MIB)
    quarter = LOOKS // 4
    before, at_last = (
        statistics.median(look["processor_ms"] for look in looks)
        for looks in (seen[FROM : FROM + quarter], seen[-quarter:])
    )
    return grew + ["processor_ms"] * (at_last > MOST_TIMES * before)


def live(store: Store, iterations: int, mlflow: bool) -> list[dict[str, float]]:
    """Run that many iterations in this process; what it holds after number 0, and each twentieth of them."""
    asked = f"iterations={iterations}", f"export.mlflow={str(mlflow).lower()}"
    config = load_config("self-rewarding", [*SMALLEST, *asked])
    drive.begin(store, NAME, "self-rewarding", config)
    seen: list[dict[str, float]] = []
    every, began, worked = iterations // LOOKS, time.monotonic(), time.process_time()

    def hear(event: Event) -> None:
        nonlocal began, worked
        index = int(event.address.partition("@")[2].partition("/")[0] or -1)
        if event.kind == "end" and event.address.endswith("/gold") and index % every == 0:
            # On a busy machine only our own processor time says whether an iteration costs more than it did.
            took = {"ms": time.monotonic() - began, "processor_ms": time.process_time() - worked}
            each = {what: round(seconds * 1000 / every, 1) for what, seconds in took.items()}
            if mlflow:
                wait_for_mlflow(store)
            seen.append({"iteration": index, **each, **holds()})
            began, worked = time.monotonic(), time.process_time()

    outcome = drive.carry_on(store, NAME, hear)
    if outcome.kind != "done":
        raise SystemExit(f"the run is {outcome.kind}: {outcome.reason}")
    return seen


def wait_for_mlflow(store: Store) -> None:
    """Return once MLflow has every closed iteration: what its sender holds while it begins or catches up is no growth.

    Raises SystemExit after MLFLOW_S.
    """
    latest = time.monotonic() + MLFLOW_S
    while lag(store, drive.existing(store, NAME)):
        if time.monotonic() > latest:
            raise SystemExit(f"MLflow does not have all after {MLFLOW_S:g} s")
        time.sleep(0.1)


def holds() -> dict[str, float]:
    """What this process and its children hold now."""
    gc.collect()
    me = psutil.Process()
    children = me.children(recursive=True)
    return {
        "rss_mib": round(me.memory_info().rss / 2**20, 1),
        "fds": me.num_fds(),
        "threads": me.num_threads(),
        "children": len(children),
        "children_rss_mib": round(sum(child.memory_info().rss for child in children) / 2**20, 1),
    }


def afterwards(store: Store, iterations: int) -> dict[str, float]:
    """Seconds, the median of some times: `resume` to its first new step, `daemon run` until it is ready, two looks."""
    began = time.monotonic()
    os.kill(start_detached(store.home), signal.SIGTERM)
    daemon_s = time.monotonic() - began
    os.wait()
    environment = os.environ | {"SELFSAME_HOME": str(store.home)}
    resumes: list[float] = []
    looks: dict[str, list[float]] = {"status": [], "log": []}
    for number in range(REPEATS):
        resumes.append(resume_s(iterations + 1 + number, environment))
        for verb, seconds in looks.items():
            began = time.monotonic()
            subprocess.run([SELFSAME, verb], env=environment, stdout=subprocess.DEVNULL, check=True)
            seconds.append(time.monotonic() - began)
    medians = {"resume_s": resumes, **{f"{verb}_s": seconds for verb, seconds in looks.items()}}
    return {"daemon_s": round(daemon_s, 2), **{name: round(statistics.median(s), 2) for name, s in medians.items()}}


def resume_s(index: int, environment: dict[str, str]) -> float:
    """How long `selfsame resume` takes to the end of its first new step, which itself takes hundredths."""
    began = time.monotonic()
    command = [SELFSAME, "resume", NAME, f"iterations={index}"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
        assert run.stderr is not None
        next(line for line in run.stderr if f"{NAME}@{index}/".encode() in line)
        seconds = time.monotonic() - began
        run.stderr.read()
    return seconds
