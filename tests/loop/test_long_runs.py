"""The thousandth iteration costs what the third one did: counted in files opened, which no busy machine changes.

`make soak` takes ten thousand of them, with memory and times.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from small import small_config

from loop import drive
from loop.cli import main
from loop.progress import Event
from runs.lineage import back_from
from runs.mlflow_mark import Mark, default_uri, owed, write_mark
from runs.outbox import iteration_page, run_page
from runs.store import Store
from tests.crash.whole_run import warm

SHORT, LONG = 4, 24
TINY = {
    "prompts__count": "4",
    "generate__samples": "2",
    "train__lora_rank": "1",
    "measure": {"prompts": "5", "anchors": None},
    "gold": {"prompts": "4"},
}


@contextmanager
def opening(below: Path) -> Iterator[list[str]]:
    """Which files of a folder are opened in the block."""
    opened: list[str] = []
    really_open = io.open

    def spy(file: Any, *more: Any, **named: Any) -> Any:
        if str(file).startswith(str(below)):
            opened.append(str(file))
        return really_open(file, *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", spy)
        yield opened


def grown(home: Path, iterations: int) -> tuple[Store, list[tuple[int, int]]]:
    """A run of that many iterations; for each the files that it opened, and the bytes of the run's ref after it."""
    store, each = Store(home), []

    with warm(), opening(home) as opened:

        def hear(event: Event) -> None:
            if event.kind == "begin" and event.address.rpartition("/")[2] in ("seed", "prompts"):
                each.append((len(opened), store.ref_path("r1").stat().st_size))
                opened.clear()

        drive.begin(store, "r1", "test", small_config(iterations=str(iterations), **TINY))
        assert drive.carry_on(store, "r1", hear).kind == "done"
    return store, each


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Store, list[tuple[int, int]]]]:
    return {count: grown(tmp_path_factory.mktemp("home"), count) for count in (SHORT, LONG)}


def test_every_iteration_opens_as_many_files_as_the_one_before_and_the_runs_ref_does_not_grow(
    runs: dict[int, tuple[Store, list[tuple[int, int]]]],
) -> None:
    _, each = runs[LONG]
    assert len(each) == LONG + 1 and each[4][0] > 20
    files, sizes = zip(*each[4:], strict=True)
    # An iteration is held against one to six policies before it, so that a few open somewhat more.
    assert median(files[10:]) == median(files[:10]) and max(files) < 1.25 * median(files)
    assert len(set(sizes)) == 1


@pytest.mark.parametrize("what", ["a start", "status", "what a sender does for one more iteration"])
def test_nothing_that_is_done_again_and_again_opens_more_files_the_longer_the_run_is(
    what: str, runs: dict[int, tuple[Store, list[tuple[int, int]]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for store, _ in runs.values():
        monkeypatch.setenv("SELFSAME_HOME", str(store.home))
        with warm(), opening(store.home) as opened:
            DOES[what](store)
        counts.append(len(opened))
    assert counts[0] == counts[1] > 1


def start(store: Store) -> None:
    assert drive.carry_on(store, "r1", lambda event: None).kind == "done"


def status(store: Store) -> None:
    assert main(["status"]) == 0


def send(store: Store) -> None:
    run = drive.existing(store, "r1")
    uri, last = default_uri(store.home), next(back_from(store, run))
    write_mark(store.home, "r1", Mark(uri, last.iteration.parent, "1", "2", run.begun))
    (link,) = owed(store, run, uri)
    assert run_page(store, run).tags["selfsame.iteration"] == str(link.iteration.index)
    assert iteration_page(store, run, link).points


DOES: dict[str, Callable[[Store], None]] = {
    "a start": start,
    "status": status,
    "what a sender does for one more iteration": send,
}
