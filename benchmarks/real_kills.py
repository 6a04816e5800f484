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
from bisect import bisect_right
from collections.abc import Callable, Sequence
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
"""How much of its time a moment keeps at which a run had nothing left to do."""
DONE = "done"
LONGEST_S = 3600.0
"""A busy machine takes a training of seconds through a quarter of an hour: two threads wait for each other."""


def uninterrupted() -> dict[str, Any]:
    """The seconds that the run takes, those from its first receipt to each, and the digests of all that it made."""
    with tempfile.TemporaryDirectory(prefix="selfsame-soak-") as folder:
        began = time.monotonic()
        finish(Path(folder), RUN)
        wall_s, store = round(time.monotonic() - began, 1), Store(Path(folder))
        written = sorted(receipts(store).values())
        receipts_s = [round((at - written[0]) / 1e9, 2) for at in written]
        return {"wall_s": wall_s, "receipts_s": receipts_s, "all": digests(store)}


def measure(cell: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """What became of a run that was killed at the cell's moment; `bad` if that is not what ought to."""
    adopt_orphans()
    home, killed_after_s = killed(cell, whole["receipts_s"])
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


def killed(cell: dict[str, Any], receipts_s: Sequence[float]) -> tuple[Path, float]:
    """The home of a run that was killed at the cell's moment with work left, and after how many seconds that was.

    The moments "anywhere" lie in one seventh each of the time that the uninterrupted run was at work, whose receipts
    came at `receipts_s`. A run that is faster than that one and done by its moment is begun again, and its moment comes
    earlier.
    """
    rng = random.Random(json.dumps(cell))
    share, later_s, iteration = rng.uniform(0, 1), rng.uniform(0, TRAINING_S), rng.choice((1, 2))
    earlier = 1.0
    while True:
        home = Path(tempfile.mkdtemp(prefix="selfsame-soak-"))
        store, began, run = Store(home), time.monotonic(), start(home, RUN)
        if cell in KILLED:
            number, wait_s = moment(receipts_s, earlier * (cell["number"] + share) / len(KILLED))
            came = comes(run, partial(has_receipts, store, number))
        else:
            wait_s = earlier * later_s
            came = comes(run, partial(trains, store, iteration))
        if came:
            time.sleep(wait_s)
        if run.poll() is None:
            seconds = time.monotonic() - began
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            if place(store) != DONE:
                return home, seconds
        elif run.returncode:
            raise SystemExit(f"the run ended with {run.returncode} before it could be killed")
        shutil.rmtree(home)
        earlier *= EARLIER


def moment(receipts_s: Sequence[float], share: float) -> tuple[int, float]:
    """After how many receipts, and how many seconds after the last of them, that share (0 to 1) of the work was over.

    The first receipt is the seed's, which is there before the engine has started: work is from the second to the last.
    """
    at_s = receipts_s[1] + share * (receipts_s[-1] - receipts_s[1])
    number = bisect_right(receipts_s, at_s)
    return number, at_s - receipts_s[number - 1]


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


def has_receipts(store: Store, number: int) -> bool:
    """Whether the run has written so many receipts."""
    return len(list(store.files("receipts"))) >= number


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
    """The step that the run was at; DONE if it had only its end left, as to wait for MLflow."""
    run = store.run(NAME)
    return next_step(run, last_index(store, run), False) or DONE if run else "not begun"


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
