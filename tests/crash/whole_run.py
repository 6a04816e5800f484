"""The run that these tests end again and again: two sharded iterations on the stub engine, from a warm process."""

import json
import os
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

from loop import drive
from loop.engine.protocol import Score
from loop.engine.stub import StubEngine
from loop.limits import Stop, never
from loop.progress import Event
from microworld import splits
from runs import points
from runs.errors import SelfsameError
from runs.points import Hook, Label
from runs.store import Store
from runs.verify import verify
from tests.loop.in_process import training_here
from tests.loop.small import small_config

NAME = "r1"
CONFIG = small_config(
    prompts__count="4",
    generate__samples="2",
    train__lora_rank="1",
    measure={"prompts": "4", "anchors": None},
    gold={"enabled": "false"},
    engine__shard_requests="4",
    limits={"min_free_disk_gib": "0"},
)
MEMORY = Path("/dev/shm")
FULL = os.environ.get("SELFSAME_CRASH") == "full"
"""Whether everything is tried (`make crash`), or a small part of it (`make test`)."""
Item = TypeVar("Item")
Picture = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]


@contextmanager
def warm() -> Iterator[None]:
    """What every start looks up is looked up once, and the trainer runs in this process, until the block ends."""
    with training_here() as patch:
        patch.setattr(drive, "environment", cache(drive.environment))
        patch.setattr(drive, "find_constitution", cache(drive.find_constitution))
        patch.setattr(drive, "find_base", cache(drive.find_base))
        patch.setattr(splits, "prompts", cache(splits.prompts))
        yield


@contextmanager
def new_home() -> Iterator[Path]:
    """A folder that does not exist yet, in memory where there is such a place; gone when the block ends."""
    place = tempfile.mkdtemp(prefix="selfsame-crash-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    try:
        yield Path(place) / "home"
    finally:
        shutil.rmtree(place)


def go_on(home: Path, hook: Hook | None = None, stop: Stop = never) -> None:
    """Begin the run, or go on with it, until it is done or `stop` says so. `hook` is called at every durability point.

    What is begun and what the engine is asked is written beside the home, and outlives whoever dies here.
    """
    diary = os.open(home.with_name("diary"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def say(event: Event) -> None:
        os.write(diary, f"{event.kind} {event.address}\n".encode())

    def run(engine: StubEngine, requests: Sequence[Any]) -> list[Any]:
        kind = "scores" if isinstance(requests[0], Score) else "shard worked on"
        os.write(diary, f"{kind}\n".encode())
        return answer(engine, requests)

    answer = StubEngine.run
    store = Store(home)
    points.hook = hook
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StubEngine, "run", run)
            if store.run(NAME) is None:
                drive.begin(store, NAME, "test", CONFIG)
            assert drive.carry_on(store, NAME, say, stop).kind == "done" or stop()
    finally:
        points.hook = None
        os.close(diary)


def diary_of(home: Path) -> Counter[str]:
    """How often each thing was begun or asked in a home, by whoever."""
    path = home.with_name("diary")
    return Counter(path.read_text().splitlines() if path.exists() else [])


def forked(work: Callable[[], object]) -> int:
    """How a forked child ends that does `work`: 0, an error's exit code, or minus the signal that killed it."""
    return ending(started(work))


def ending(child: int) -> int:
    """How a child of ours ends, once it has."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def started(work: Callable[[], object]) -> int:
    """The pid of a forked child that does `work`."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except SelfsameError as error:
            print(error, file=sys.stderr, flush=True)
            code = error.exit_code
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def standing(home: Path) -> str:
    """The run as its ref says, "" before it has begun. Its iteration's digest stands for all that was ever got."""
    run = Store(home).run(NAME)
    return json.dumps(asdict(replace(run, environment={}, begun=0.0)), sort_keys=True) if run else ""


def picture(home: Path) -> Picture:
    """Everything that the store holds, but for when it was made: equal pictures are equal progress."""
    store = Store(home)
    receipts = {path.name: json.loads(path.read_bytes())["digest"] for path in store.files("receipts")}
    return standing(home), tuple(path.name for path in store.files("objects")), tuple(receipts.items())


def temporaries(home: Path) -> list[Path]:
    """The unfinished files of the store's folders."""
    return [path for path in home.rglob(".tmp-*") if "scratch" not in path.parts]


@dataclass(frozen=True)
class Golden:
    """An uninterrupted run: its points in order, what the store may hold at one of them, and what it holds at last."""

    points: tuple[tuple[Label, Path], ...]
    legal: frozenset[Picture]
    end: Picture
    diary: Counter[str]

    def numbers(self, label: Label, folder: str = "") -> list[int]:
        """The numbers, from 1, of the points before `label` is done to a file in that folder of the home, or in any."""
        return [n for n, (what, path) in enumerate(self.points, 1) if what == label and folder in (*path.parts, "")]

    def boundaries(self) -> list[int]:
        """The points at which the run has just begun, ended a step or closed an iteration: its ref is written then."""
        return self.numbers("written", "refs")


@cache
def golden() -> Golden:
    """The run that every other must end like."""
    seen: list[tuple[Label, Path]] = []
    legal: set[Picture] = set()
    with warm(), new_home() as home:

        def look(label: Label, path: Path) -> None:
            seen.append((label, path.relative_to(home.parent)))
            if label in ("make", "sync folder"):  # what can be seen changes with a name, and only with a name
                legal.add(picture(home))

        go_on(home, look)
        end = picture(home)
        assert verify(Store(home)) == []
        return Golden(tuple(seen), frozenset(legal | {end}), end, diary_of(home))


def what_is_wrong_at_the_end(home: Path) -> str:
    """How the finished run in a home differs from the uninterrupted one; "" if it does not."""
    if found := verify(Store(home)):
        return f"verify says {found[0].file}: {found[0].what}"
    return "" if picture(home) == golden().end else "it ended otherwise than the uninterrupted run"


PARTS = range(8 if FULL else 1)
"""Into how many tests a long list is divided, so that processes can share it."""


def share(items: Sequence[Item], part: int, step: int) -> Sequence[Item]:
    """The items of one of the PARTS; together they are all, or every `step`-th if only a few are to be tried."""
    return items[part :: len(PARTS)] if FULL else items[::step]
