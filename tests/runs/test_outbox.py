"""What MLflow is to show of a run, what it is owed, and servers that are dead."""

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from loop import feeding
from loop.config_operational import Export
from loop.feeding import Feeder
from loop.progress import Event
from runs.lineage import links, resolve
from runs.mlflow_mark import Mark, default_uri, lag, mark_path, mlflow_folder, owed, read_mark, write_mark
from runs.mlflow_sender import is_plotted
from runs.mlflow_ui import run_address, server_command
from runs.naming import delete, fork
from runs.outbox import inherited_points, iteration_page, run_page, series
from runs.pair_table import as_html, sample_pairs
from runs.records import Run
from runs.store import Store
from tests.runs.shown import begun, close


def test_a_server_that_refuses_ends_the_sender_and_everything_stays_owed(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = begun(store)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{unused.getsockname()[1]}"
        command = [sys.executable, "-P", "-m", "runs.mlflow_sender", str(store.home), "r1", uri]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"r1: not sent to {uri}, and still owed")
    assert read_mark(store.home, "r1") is None and len(owed(store, run, uri)) == 1


def test_a_server_that_never_answers_holds_nobody_up_and_is_reported(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    said: list[Event] = []
    with store.lock(), socket.socket() as silent:
        run = begun(store)
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        feeder = Feeder(store, "r1", Export(tracking_uri=uri), said.append)
        feeder.poke()
        feeder.finish()
        assert len(owed(store, run, uri)) == 1
        (event,) = said
        assert event.text.startswith(f"1 iteration of r1 could not be sent to MLflow at {uri}: it does not answer;")
        assert "selfsame resume r1" in event.text
        assert store.logs.joinpath("mlflow-r1.log").stat().st_mode & 0o777 == 0o600


def test_whoever_does_not_wait_for_mlflow_is_not_told_that_something_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "HURRIED_PATIENCE_S", 0.0)
    store = Store(tmp_path / "home")
    said: list[Event] = []
    with store.lock():
        run = begun(store)
        feeder = Feeder(store, "r1", Export(), said.append)
        feeder.poke()
        feeder.finish(hurried=True)
    assert len(owed(store, run, default_uri(store.home))) == 1 and not said


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGALRM)",
            ["its sender was ended by SIGALRM: one page took it too long"],
        ),
        (
            "import time; time.sleep(60)",
            ["MLflow still takes 1 iteration, and is waited for", "it stood still for 0.2 s"],
        ),
    ],
)
def test_a_sender_that_is_slow_is_said_to_be_waited_for_and_why_it_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: list[str]
) -> None:
    monkeypatch.setattr(feeding, "PATIENCE_S", 0.2)
    monkeypatch.setattr(feeding, "QUIET_S", 0.0)
    command = [sys.executable, "-S", "-c", program]
    monkeypatch.setattr(feeding, "start_sender", lambda *_: subprocess.Popen(command, stdin=subprocess.PIPE))
    store = Store(tmp_path / "home")
    told: list[Event] = []
    with store.lock():
        begun(store)
        Feeder(store, "r1", Export(), told.append).finish()
    assert all(words in " ".join(event.text for event in told) for words in said)
    assert "says why" not in told[-1].text


def test_a_run_that_wants_no_mlflow_gets_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    said: list[Event] = []
    with store.lock():
        begun(store)
        feeder = Feeder(store, "r1", Export(mlflow=False), said.append)
        feeder.poke()
        feeder.finish()
    assert said == [] and not mlflow_folder(store.home).exists() and not list(store.logs.iterdir())


def test_what_mlflow_lacks_of_a_run_is_counted_from_both_ends(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = replace(close(store, begun(store), 1), operational={"export": {"mlflow": True, "tracking_uri": None}})
        assert lag(store, replace(run, operational={"export": {"mlflow": False}})) is None
        assert lag(store, replace(run, iteration="")) == 0
        assert lag(store, run) == 2
        sent = store.iteration(run.iteration).parent
        write_mark(store.home, "r1", Mark(default_uri(store.home), sent, "1", "abc", run.begun))
        assert lag(store, run) == len(owed(store, run, default_uri(store.home))) == 1
        store.move(run)
        branch = close(store, fork(store, resolve(store, "r1@1"), "r2"), 2)
        assert lag(store, branch) == len(owed(store, branch, default_uri(store.home))) == 1


def test_a_run_that_is_begun_again_under_a_deleted_name_owes_all_of_itself(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    uri = default_uri(store.home)
    wants = {"export": {"mlflow": True, "tracking_uri": None}}
    with store.lock():
        old = replace(close(store, close(store, begun(store), 1), 2), operational=wants)
        write_mark(store.home, "r1", Mark(uri, old.iteration, "1", "abc", old.begun))
        assert lag(store, old) == len(owed(store, old, uri)) == 0
        store.move(old)
        delete(store, "r1")
        new = replace(begun(store), operational=wants, begun=old.begun + 60)
        assert lag(store, new) == len(owed(store, new, uri)) == 1
        new = close(store, close(store, new, 1), 2)
        assert new.iteration == old.iteration
        assert lag(store, new) == len(owed(store, new, uri)) == 3


def test_only_what_is_new_is_owed_and_a_lost_damaged_or_foreign_mark_owes_all(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = begun(store)
        write_mark(store.home, "r1", Mark("sqlite:////x.db", run.iteration, "1", "abc", run.begun))
        assert owed(store, run, "sqlite:////x.db") == []
        run = close(store, run, 1)
        assert [link.iteration.index for link in owed(store, run, "sqlite:////x.db")] == [1]
        assert [link.iteration.index for link in owed(store, run, "sqlite:////y.db")] == [0, 1]
        path = mark_path(store.home, "r1")
        path.write_bytes(path.read_bytes().replace(b"abc", b"abd"))
        assert [link.iteration.index for link in owed(store, run, "sqlite:////x.db")] == [0, 1]


def test_a_branch_shows_its_own_iterations_and_draws_its_ancestors_too(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        r1 = close(store, begun(store), 1)
        r2 = close(store, fork(store, resolve(store, "r1@1"), "r2"), 2)
    assert {point.step for point in inherited_points(store, r2)} == {0, 1} and not inherited_points(store, r1)
    assert series(store, r2, {"judge/score_mean"}) == {"judge/score_mean": {0: 3.0, 1: 4.0, 2: 5.0}}
    assert run_page(store, r2).tags["selfsame.branched_from"] == "r1@1"


def test_another_run_of_a_name_has_another_page(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = begun(store)
    others = run, replace(run, name="r2"), replace(run, begun=run.begun + 1)
    assert len({run_page(store, one).identity for one in others}) == 3
    assert run_page(store, run) == run_page(store, run)


def test_the_plot_of_a_long_run_is_drawn_ever_more_seldom_and_at_its_end() -> None:
    run = Run("r1", "self-rewarding", "", "", {}, {"iterations": 1234}, {})
    drawn = [index for index in range(1, 1235) if is_plotted(run, index)]
    assert drawn[:100] == [*range(1, 101)] and drawn[100:104] == [110, 120, 130, 140] and drawn[-2:] == [1200, 1234]


def test_a_halted_run_does_not_look_finished(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = close(store, begun(store), 1, verdict="halt")
    assert [iteration_page(store, run, link).halted for link in links(store, run)] == [False, True]
    assert run_page(store, run).halted


def test_what_a_model_wrote_cannot_act_or_hide_on_the_page_of_pairs(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = close(store, begun(store), 1)
    outputs = [store.output(name) for name in store.iteration(run.iteration).outputs.values()]
    page = as_html("r1@1", sample_pairs(store, outputs)).decode()
    assert "&lt;script&gt;" in page and "\\u001b" in page and "\\u202e" in page
    assert not [mark for mark in ("<script", "\x1b", "\u202e") if mark in page]


def test_the_pages_are_served_to_this_machine_alone_wherever_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = server_command(Path("home"), 5001)
    options = dict(zip(command[5::2], command[6::2], strict=True))
    assert options["--host"] == "127.0.0.1" and options["--port"] == "5001" and options["--workers"] == "1"
    assert options["--backend-store-uri"] == f"sqlite:///{tmp_path}/home/mlflow/mlflow.db"
    assert run_address(Path("home"), "r1", 5001) == "http://127.0.0.1:5001/"
