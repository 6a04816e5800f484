"""Bytes that are not as they were written are seen before anybody uses them; what is gone is made again."""

import random
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest

from loop.base import find_base
from loop.engine.protocol import Probe
from loop.engine.stub import StubEngine
from runs.canonical import TAG, digest_file
from runs.errors import CorruptError, WorkerError
from runs.points import crash_at
from runs.store import ADAPTER_FILES, Store
from runs.verify import verify
from tests.crash.conftest import Tally
from tests.crash.whole_run import (
    CONFIG,
    FULL,
    NAME,
    PARTS,
    forked,
    go_on,
    golden,
    new_home,
    share,
    standing,
    what_is_wrong_at_the_end,
)
from tests.loop.in_process import InProcessTrainers
from trainers.adopt import WEIGHTS, adopt
from trainers.spec import DpoSpec, Lora

Damage = Literal["flip", "cut"]
FOLDERS = ("objects", "receipts", "refs", "adapters")
CLOSED, TRAINED = 12, 17
"""The boundaries at which iteration 1 is closed, and at which iteration 2 has trained its adapter."""


@cache
def half_way(boundary: int = TRAINED) -> dict[str, bytes]:
    """The files of a home whose run was killed at that boundary, by path."""
    with new_home() as home:
        forked(lambda: go_on(home, crash_at(golden().boundaries()[boundary])))
        found = [path for folder in FOLDERS for path in sorted((home / folder).rglob("*")) if path.is_file()]
        return {str(path.relative_to(home)): path.read_bytes() for path in found}


@contextmanager
def home_with(files: dict[str, bytes]) -> Iterator[Path]:
    """A home that holds these files."""
    with new_home() as home:
        for name, data in files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(data)
        yield home


def damages(kind: Damage, count: int) -> list[tuple[str, int]]:
    """Random files, each folder as often as the others, and random bits to flip or lengths to cut them to."""
    rng, drawn = random.Random(11), []
    by_folder = [[name for name in half_way() if name.startswith(folder)] for folder in FOLDERS]
    for number in range(count):
        name = rng.choice(by_folder[number % len(by_folder)])
        length = len(half_way()[name])
        drawn.append((name, rng.randrange(length * 8 if kind == "flip" else length)))
    return drawn


def damaged(kind: Damage, name: str, place: int) -> bytes:
    """The bytes of a file with one bit flipped, or with its end cut off."""
    data = half_way()[name]
    if kind == "cut":
        return data[:place]
    return data[: place // 8] + bytes([data[place // 8] ^ 1 << place % 8]) + data[place // 8 + 1 :]


def intact(copy: Path) -> bool:
    """Whether the copy of an adapter holds the bytes that the adapter names."""
    adapter = Store(copy.parents[1]).adapter(TAG + copy.name)
    return all(digest_file(copy / file) == getattr(adapter, field) for file, field in ADAPTER_FILES.items())


def seen_before_use(store: Store, path: Path) -> bool:
    """Whether whoever wants the damaged file is told where it is and what to do, or gets an adapter's copy restored."""
    folder, name = path.relative_to(store.home).parts[:2]
    if folder == "adapters":
        with store.lock():
            return intact(store.adapter_folder(TAG + name))
    reader: dict[str, Callable[[str], object]] = {"objects": store.get, "receipts": store.receipt, "refs": store.run}
    try:
        reader[folder](NAME if folder == "refs" else TAG + path.stem)
    except CorruptError as error:
        return error.exit_code == 74 and str(path) in str(error) and "selfsame verify" in str(error)
    return False


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("kind", "count"), [("flip", 1000), ("cut", 200)])
def test_a_changed_bit_or_a_missing_end_is_seen_before_use_and_verify_says_who_needs_the_file(
    kind: Damage, count: int, part: int, tally: Tally
) -> None:
    places = share(damages(kind, count), part, 10)
    bad = []
    with home_with(half_way()) as home:
        for number, (name, place) in enumerate(places):
            path = home / name
            path.write_bytes(damaged(kind, name, place))
            # Every tenth time, because it reads the whole store. Nobody needs a receipt: without it work is done again.
            found = {problem.file: problem for problem in verify(Store(home))} if number % 10 == 0 else None
            named = found is None or bool(found[path].needed_by) or name.startswith("receipts")
            if not named or not seen_before_use(Store(home), path):
                bad.append((name, place))
            path.write_bytes(half_way()[name])
    tally("C5" if kind == "flip" else "C6", len(places), len(bad))
    assert not bad


def test_whatever_file_of_a_run_at_work_is_damaged_verify_says_who_needs_it() -> None:
    needed = [name for name in half_way() if not name.startswith("receipts")]
    with home_with(half_way()) as home:
        for name in needed:
            (home / name).write_bytes(damaged("flip", name, 0))
            (found,) = [problem for problem in verify(Store(home)) if problem.file == home / name]
            assert found.needed_by, name
            (home / name).write_bytes(half_way()[name])


def test_a_run_that_goes_on_over_damage_stops_or_ends_well_and_no_worker_ever_sees_it(
    monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    used: list[Path] = []

    def load(engine: StubEngine, adapter: str, folder: Path, probe: Probe) -> None:
        used.extend([folder] if not intact(folder) else [])
        really_load(engine, adapter, folder, probe)

    def run(trainers: InProcessTrainers, module: str, spec: DpoSpec, out: Path, timeout_s: float) -> dict[str, Any]:
        used.extend([spec.model.start] if spec.model.start and not intact(spec.model.start) else [])
        return really_run(trainers, module, spec, out, timeout_s)

    really_load, really_run = StubEngine.load, InProcessTrainers.run
    monkeypatch.setattr(StubEngine, "load", load)
    monkeypatch.setattr(InProcessTrainers, "run", run)
    places, bad = damages("flip", 200 if FULL else 8), []
    for name, place in places:
        with home_with(half_way() | {name: damaged("flip", name, place)}) as home:
            try:
                go_on(home)
                wrong = standing(home) != golden().end[0]
            except CorruptError as error:
                wrong = str(home / name) not in str(error)
        if wrong or used:
            bad.append((name, place, used))
    tally("C5 runs", len(places), len(bad))
    assert not bad


def test_what_is_gone_is_made_again_and_said_once(tally: Tally, caplog: pytest.LogCaptureFixture) -> None:
    made_since = [name for name in half_way().keys() - half_way(CLOSED) if name.startswith("objects")]
    assert len(made_since) > 10
    lost, bad = sorted(made_since)[:: 1 if FULL else 6], []
    for name in lost:
        caplog.clear()
        with home_with({path: data for path, data in half_way().items() if path != name}) as home:
            go_on(home)
            wrong = what_is_wrong_at_the_end(home)
        said = [record.getMessage() for record in caplog.records if Path(name).name in record.getMessage()]
        if wrong or not said or len(said) != len(set(said)):
            bad.append((name, wrong, said))
    tally("C8", len(lost), len(bad))
    assert not bad


BASE = find_base(CONFIG.model).folder
RANK = CONFIG.train.lora_rank


def trained(folder: Path) -> bytes:
    """The bytes of a sound adapter's weights, in `folder` with its configuration."""
    with home_with(half_way()) as home:
        (copy, *_) = (home / "adapters").iterdir()
        shutil.copytree(copy, folder)
    adopt(folder, BASE, Lora(rank=RANK, alpha=CONFIG.train.lora_alpha))
    return (folder / WEIGHTS).read_bytes()


def refused(folder: Path) -> bool:
    """Whether what training left in `folder` is refused."""
    try:
        adopt(folder, BASE, Lora(rank=RANK, alpha=CONFIG.train.lora_alpha))
    except WorkerError as error:
        return WEIGHTS in str(error)
    return False


def test_an_adapter_that_was_cut_short_is_never_adopted(tmp_path: Path, tally: Tally) -> None:
    weights = trained(tmp_path / "out")
    lengths = random.Random(5).sample(range(len(weights)), 200 if FULL else 40)
    bad = []
    for length in lengths:
        (tmp_path / "out" / WEIGHTS).write_bytes(weights[:length])
        bad += [length] if not refused(tmp_path / "out") else []
    tally("C6", len(lengths), len(bad))
    assert not bad


@pytest.mark.parametrize("header_bytes", [2**62, 100 * 2**20])
def test_an_adapter_whose_header_claims_to_be_huge_is_refused_without_reading_it(
    header_bytes: int, tmp_path: Path, tally: Tally
) -> None:
    trained(tmp_path / "out")
    with (tmp_path / "out" / WEIGHTS).open("wb") as file:
        file.write(header_bytes.to_bytes(8, "little"))
        file.truncate(200 * 2**20)  # a hole, which takes no room
    tracemalloc.start()
    bad = not refused(tmp_path / "out")
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    tally("C6", 1, bad or most_bytes > 10 * 2**20)
    assert not bad and most_bytes < 10 * 2**20
