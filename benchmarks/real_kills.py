"""A run on the real engine and trainer, killed at a random moment and taken on: does it end where it would have?

The run is a process group of its own, as a person starts it, MLflow and all. The group gets SIGKILL; the workers have
sessions of their own, and must go by themselves. We are the subreaper, so that whatever is left comes to us and is
seen, in whatever session it hides.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from loop.verbs_look import next_step
from runs.lineage import last_index, links
from runs.outbox import receipts_of
from runs.store import Store
from runs.verify import verify
from trainers.lifeline import adopt_orphans

NAME = "r1"
RUN = (
    *("run", "self-rewarding", "--name", NAME, "--smoke", "iterations=2"),
    *("engine.shard_requests=64", "train.epochs=20", "limits.checkpoint_every_s=0.2"),
)
"""Above `--smoke` by so much that steps have several shards and a training takes seconds."""
WHOLE = {"run": "real, not killed"}
KILLED = [{"run": "real, killed anywhere", "number": n} for n in range(7)]
KILLED_IN_TRAINING = [{"run": "real, killed in training", "number": n} for n in range(3)]
CELLS: list[dict[str, Any]] = [WHOLE, *KILLED, *KILLED_IN_TRAINING]
ORPHANS_AFTER_S = 1.0
TRAINING_S = 1.0
"""How long after the trainer's first checkpoint the kill comes at the latest: the training still takes longer."""
EARLIER = 0.8
"""How much of its time a moment keeps that a run did not live to see."""
LONGEST_S = 3600.0
"""A busy machine takes a training of seconds through a quarter of an hour: two threads wait for each other."""


def uninterrupted() -> dict[str, Any]:
    """The seconds that the run takes, and the digests of all that it made."""
    with tempfile.TemporaryDirectory(prefix="selfsame-soak-") as folder:
        began = time.monotonic()
        finish(Path(folder), RUN)
        return {"wall_s": round(time.monotonic() - began, 1), "all": digests(Store(Path(folder)))}


def measure(cell: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """What became of a run that was killed at the cell's moment; `bad` if that is not what ought to."""
    adopt_orphans()
    home, killed_after_s = killed(cell, whole["wall_s"])
    store, killed_at = Store(home), time.time()
    time.sleep(ORPHANS_AFTER_S)
    orphans = [process.pid for process in psutil.Process().children(recursive=True) if process.status() != "zombie"]
    at, training, before = place(store), unfinished_training(home), receipts(store)
    finish(home, ("resume", NAME) if store.run(NAME) else RUN)
    after, found = receipts(store), digests(store)
    again = sum(after.get(name) != written for name, written in before.items())
    if training:
        training["steps_not_done_again"] = steps_before(store, killed_at)
    shutil.rmtree(home)
    equal = found == whole["all"]
    return {
        "killed_after_s": round(killed_after_s, 1),
        "at": at,
        "training": training,
        "receipts_before": len(before),
        "receipts_written_again": again,
        "orphans": len(orphans),
        "digests": len(found),
        "equal": equal,
        "bad": bool(orphans or again or not equal) or (cell in KILLED_IN_TRAINING and not training),
    }


def killed(cell: dict[str, Any], wall_s: float) -> tuple[Path, float]:
    """The home of a run that was killed at the cell's moment, and after how many seconds that was.

    A run that ends before its moment, since it is faster than the one that took `wall_s`, is begun again, and its
    moment comes earlier.
    """
    rng = random.Random(json.dumps(cell))
    share, later, iteration = rng.uniform(0.02, 0.95), rng.uniform(0, TRAINING_S), rng.choice((1, 2))
    earlier = 1.0
    while True:
        home = Path(tempfile.mkdtemp(prefix="selfsame-soak-"))
        began, run = time.monotonic(), start(home, RUN)
        if cell in KILLED:
            came = comes(run, partial(has_passed, began + earlier * share * wall_s))
        else:
            came = comes(run, partial(trains, Store(home), iteration))
            time.sleep(earlier * later)
        if came and run.poll() is None:
            seconds = time.monotonic() - began
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            return home, seconds
        if run.wait():
            raise SystemExit(f"the run ended with {run.returncode} before it could be killed")
        shutil.rmtree(home)
        earlier *= EARLIER


def start(home: Path, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """`selfsame` at work in a process group of its own; what it says is added to a file in the home."""
    with (home / "said").open("ab") as said:
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("selfsame")), *words],
            env=os.environ | {"SELFSAME_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def finish(home: Path, words: tuple[str, ...]) -> None:
    """Run `selfsame` to its end in a home that is sound then. Raises SystemExit, with what it said, if it fails."""
    run = start(home, words)
    try:
        code = run.wait(LONGEST_S)
    finally:
        run.kill()  # its workers end with it
    if code or verify(Store(home)):
        raise SystemExit(f"{words} ended with {code}: {(home / 'said').read_text()[-2000:]}")


def comes(run: subprocess.Popen[bytes], moment: Callable[[], bool]) -> bool:
    """Whether the moment comes before the run ends; returns as soon as that is known."""
    while not moment():
        if run.poll() is not None:
            return False
        time.sleep(0.01)
    return True


def has_passed(moment: float) -> bool:
    """Whether it is later than `moment` of the monotonic clock, in seconds."""
    return time.monotonic() >= moment


def trains(store: Store, iteration: int) -> bool:
    """Whether the trainer is at work on that iteration and has kept a checkpoint."""
    run = store.run(NAME)
    closed = last_index(store, run) if run else -1
    return closed == iteration - 1 and any(store.scratch.glob("*/out/checkpoint.json"))


def unfinished_training(home: Path) -> dict[str, Any] | None:
    """How far the trainer was, and its last checkpoint; None where it was not at work or had kept none."""
    for kept in home.glob("scratch/*/out/checkpoint.json"):
        steps = len((kept.parent / "log.jsonl").read_bytes().splitlines())
        return {"steps": steps, "checkpoint": json.loads(kept.read_bytes())["folder"]}
    return None


def steps_before(store: Store, killed_at: float) -> int:
    """The gradient steps of before the kill that are part of the training that ended after it."""
    run = store.run(NAME)
    assert run is not None
    trainings = [receipts_of(store, run, link).get("train") for link in links(store, run)]
    ended_after = [one["provenance"] for one in trainings if one and one["provenance"]["ended"] > killed_at]
    return sum(time_s < killed_at for time_s in ended_after[0]["curve_times_s"])


def place(store: Store) -> str:
    """The step that the run was at."""
    run = store.run(NAME)
    return str(next_step(run, last_index(store, run), False)) if run else "not begun"


def receipts(store: Store) -> dict[str, int]:
    """When each receipt was written: work that is done again writes its own again."""
    return {path.name: path.stat().st_mtime_ns for path in store.files("receipts")}


def digests(store: Store) -> dict[str, str]:
    """All that the run made, gold too, by address; each iteration's policy and an adapter's weights by themselves."""
    run = store.run(NAME)
    assert run is not None
    found: dict[str, str] = {}
    for link in links(store, run):
        index, policy = link.iteration.index, link.iteration.policy
        found |= {f"{index}": link.closing.iteration, f"{index}/policy": policy}
        found |= {f"{index}/{step}": output for step, output in link.outputs.items()}
        if store.has(policy):
            found[f"{index}/weights"] = store.adapter(policy).weights
    return found
