"""What a dead MLflow costs the loop, and what is missing afterwards: `python -m benchmarks.outage`.

A run on the stub engine is timed without MLflow and with a server that is out: its port refuses, it takes connections
and never answers, it answers 500 to everything, it takes 10 s for each answer, or it is away for every other second,
half-way through an answer too. The two are timed in turn, and the medians compared: the outage may cost at most 1 % and
2 s. `held_up` is how long the loop was inside the feeder; what else lies between the two is the
sender's processor time, which it takes from the loop where no core is idle. Then a real server comes up at the same
address, the run is resumed, and every point of the store is looked for in the server's database: none may be missing,
none there twice.

The cell `killed` is the other half: a run that is fed to a database in its home is killed and resumed again and again,
and the database is held against the store in the same way. A run that is held up longer, or a point that is missing,
doubled or not in the store, is a failure. Timings mean something only where nothing else computes.
"""

import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.cells import command_line, refuse_bad, run_cells
from benchmarks.tracking_servers import free_port, out, real_server
from loop import drive
from loop.feeding import Feeder
from loop.load_config import SMOKE, load_config
from runs.lineage import links
from runs.mlflow_mark import lag, mlflow_folder
from runs.outbox import iteration_page
from runs.store import Store

OUTAGES = ("refused", "silent", "errors", "slow", "half", "killed")
KILLS = 10
BY_LOT = ("guards.min_anchor_accuracy=0", "guards.min_position_consistency=0")
"""The stub judges by hashing, so no judge of its kind would be admitted."""


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The seconds of each run, the medians compared, what the database holds in the end, and what of it is `bad`."""
    result = killed(cell) if cell["outage"] == "killed" else outlived(cell)
    return result | {"bad": what_is_bad(result)}


def what_is_bad(result: Mapping[str, Any]) -> list[str]:
    """Which of the measurements are not what they ought to be."""
    bad = [what for what in ("iterations_owed_after", "missing", "strangers", "doubled") if result[what]]
    bad += ["points"] * (result["points"] == 0)
    bad += ["within"] * (not result.get("within", True))
    return bad + ["kills"] * (result.get("kills", KILLS) < KILLS)


def outlived(cell: dict[str, Any]) -> dict[str, Any]:
    """What an outage cost a run, and what the database holds once the server is back."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    seconds: dict[str, list[float]] = {"without": [], "outage": [], "held_up": []}
    with tempfile.TemporaryDirectory(prefix="outage-") as folder:
        for repeat in range(cell["repeats"]):
            seconds["without"].append(timed(Store(Path(folder, f"without-{repeat}")), cell, None))
            store = Store(Path(folder, f"outage-{repeat}"))
            with out(cell["outage"], port, store.home), stopwatch(Feeder, "__init__", "poke", "finish") as held_up:
                seconds["outage"].append(timed(store, cell, uri))
            seconds["held_up"].append(sum(held_up))
        found = afterwards(store, port)
    without, outage, _ = (statistics.median(taken) for taken in seconds.values())
    allowed = 1.01 * without + 2
    return {
        **{f"{name}_s": [round(value, 2) for value in taken] for name, taken in seconds.items()},
        "median_without_s": round(without, 2),
        "median_outage_s": round(outage, 2),
        "allowed_s": round(allowed, 2),
        "within": outage <= allowed,
        **found,
    }


@contextmanager
def stopwatch(kind: type, *methods: str) -> Iterator[list[float]]:
    """The seconds of each call of these methods while the block lasts."""
    taken: list[float] = []

    def timed_call(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                taken.append(time.perf_counter() - began)

        return counted

    with ExitStack() as patches:
        for method in methods:
            patches.enter_context(patch.object(kind, method, timed_call(getattr(kind, method))))
        yield taken


def begin(store: Store, cell: dict[str, Any], uri: str | None) -> None:
    """Begin the run to be measured: without MLflow (None), with the home's own (""), or with the server at `uri`."""
    export = [] if uri == "" else ["export.mlflow=false"] if uri is None else [f"export.tracking_uri={uri}"]
    small = [f"iterations={cell['iterations']}", "engine.kind=stub", *SMOKE[1:], *BY_LOT, *export]
    drive.begin(store, "r1", "self-rewarding", load_config("self-rewarding", small))


def timed(store: Store, cell: dict[str, Any], uri: str | None) -> float:
    """The seconds that a new run takes, from its first step until it returns."""
    begin(store, cell, uri)
    began = time.perf_counter()
    outcome = drive.carry_on(store, "r1", lambda event: None)
    if outcome.kind != "done":
        raise SystemExit(f"the run to be measured came to nothing: {outcome.reason}")
    return time.perf_counter() - began


def killed(cell: dict[str, Any]) -> dict[str, Any]:
    """What the database holds of a run that was killed KILLS times, each time with more iterations to do."""
    with tempfile.TemporaryDirectory(prefix="outage-") as folder:
        whole = timed(Store(Path(folder, "whole")), cell, "")
        store = Store(Path(folder, "killed"))
        begin(store, cell, "")
        resume = [sys.executable, "-P", "-c", "from loop.cli import main; main()", "resume", "r1"]
        environment = os.environ | {"SELFSAME_HOME": str(store.home)}
        moments = random.Random(0)
        died = 0
        for start in range(2 * KILLS):  # one that has ended before its moment came is no kill
            if died == KILLS:
                break
            # So many more that each start has work for about as long as the whole took.
            further = [*resume, f"iterations={cell['iterations'] * (start + 1)}"]
            running = subprocess.Popen(further, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(whole * moments.uniform(0.2, 1.0))
            died += running.poll() is None
            running.kill()
            running.wait()
        drive.carry_on(store, "r1", lambda event: None)
        send_what_is_owed(store)
        return {"kills": died, **counted(store)}


def send_what_is_owed(store: Store) -> None:
    """A run that ends waits a minute for its last points, and each look at it afterwards sends more, while any go."""
    before = None
    while (owed := lag(store, drive.existing(store, "r1"))) and owed != before:
        before = owed
        drive.carry_on(store, "r1", lambda event: None)


def afterwards(store: Store, port: int) -> dict[str, int]:
    """How many points there are to be, and how many are missing or doubled once the server is back."""
    owed = lag(store, drive.existing(store, "r1"))
    with real_server(store.home, port):
        drive.carry_on(store, "r1", lambda event: None)
    return {"iterations_owed_before": owed or 0, **counted(store)}


def counted(store: Store) -> dict[str, int]:
    """The points that the store has, and how many the database lacks, has without reason, or has twice."""
    run = drive.existing(store, "r1")
    wanted: Counter[tuple[Any, ...]] = Counter()
    for page in (iteration_page(store, run, link) for link in links(store, run)):
        wanted.update((page.name, p.name, p.step, p.time_ms, p.value) for p in page.points + page.curve)
        wanted.update((run.name, p.name, p.step, p.time_ms, p.value) for p in page.points)
    query = "select name, key, step, timestamp, value from metrics join runs using (run_uuid)"
    with closing(sqlite3.connect(mlflow_folder(store.home) / "mlflow.db")) as database:
        held = Counter(tuple(row) for row in database.execute(query))
    return {
        "iterations_owed_after": lag(store, run) or 0,
        "points": len(wanted),
        "missing": len(wanted.keys() - held.keys()),
        "strangers": len(held.keys() - wanted.keys()),
        "doubled": sum(number > 1 for number in held.values()),
    }


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--outages", nargs="+", choices=OUTAGES, default=list(OUTAGES))
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    cells = [
        {"outage": outage, "iterations": chosen.iterations, "repeats": chosen.repeats} for outage in chosen.outages
    ]
    run_cells("outage", cells, measure, chosen.fresh)
    refuse_bad("outage", cells)


if __name__ == "__main__":
    main()
