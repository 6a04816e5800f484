"""What a person types where there is a queue, with a daemon, without one, or beside a run: what is said or refused."""

import os
from collections.abc import Iterator

import pytest

from loop.cli import main
from loop.daemon import wishes
from loop.daemon.api import application
from loop.daemon.listening import listening
from loop.daemon.queue import Ending, QueueFile
from loop.daemon.telling import queue_in_lines
from loop.daemon.work import Daemon
from loop.terminal import with_text
from runs import lock
from runs.store import Store
from tests.loop.daemon.living import LEAVES, NOON, Person, put, tiny_config
from tests.loop.small import run_small


@pytest.fixture
def served(daemon: Daemon) -> Iterator[Daemon]:
    """A daemon that is asked over its socket and never takes anything by itself."""
    with listening(daemon.store.home, daemon.instance, lambda: application(daemon)):
        yield daemon


def says(person: Person, *words: str, code: int = 0) -> str:
    """What the words print for people."""
    person.capsys.readouterr()
    assert main(words) == code
    return person.capsys.readouterr().out


def test_a_run_is_queued_beside_one_that_is_at_work_without_a_daemon(person: Person) -> None:
    with Store(person.home).lock():
        assert person.submits("r1")["state"] == "waits for its turn"
        assert person.types("daemon", "pause", "r1")[1]["state"] == "paused"
        said = says(person, "daemon", "submit", "self-rewarding", *LEAVES)
        assert f"Process {os.getpid()} works here" in said and "when it has ended, `selfsame daemon run`" in said
    assert len(person.sees()["queue"]) == 2


def test_two_that_change_the_queue_take_turns(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.01)
    person.submits("r1")
    with QueueFile(person.home).lock():
        code, answer = person.types("daemon", "pause", "r1")
    assert code == 75 and str(os.getpid()) in answer["error"]
    assert person.state("r1") == "waits for its turn"


def test_a_submission_takes_the_size_and_the_dry_run_that_run_takes(person: Person) -> None:
    words = ("daemon", "submit", "self-rewarding", "--name", "r1", "engine.kind=stub", "export.mlflow=false")
    code, planned = person.types(*words, "--smoke", "--dry-run")
    assert code == 0 and planned["config"]["iterations"] == 1 and planned["steps"]
    assert planned["config"] == person.types("run", *words[2:], "--smoke", "--dry-run")[1]["config"]
    assert person.sees()["queue"] == []
    assert person.types(*words, "--smoke")[0] == 0
    (entry,) = QueueFile(person.home).read().entries
    assert entry.config is not None and entry.config["iterations"] == 1


def test_what_a_run_that_exists_would_do_is_said_and_not_queued(person: Person) -> None:
    run_small(person.home, iterations="0")
    code, ahead = person.types("daemon", "submit", "--resume", "r1", "iterations=1", "--dry-run")
    assert code == 0 and ahead["steps"] and person.sees()["queue"] == []
    assert "nothing to do" in says(person, "daemon", "submit", "--resume", "r1", "--dry-run")
    code, answer = person.types("daemon", "submit", "--resume", "r1", "--smoke")
    assert code == 2 and "--smoke" in answer["error"]


@pytest.mark.parametrize("verb", [("resume", "r1"), ("daemon", "submit", "--resume", "r1")])
def test_a_run_is_not_to_have_fewer_iterations_than_it_has(person: Person, verb: tuple[str, ...]) -> None:
    store, _ = run_small(person.home, iterations="1", gold__enabled=False)
    code, answer = person.types(*verb, "iterations=0")
    facts = ("iterations=0", "r1 is at iteration 1", "selfsame resume r1 iterations=1", "selfsame branch r1@0")
    assert code == 2 and all(fact in answer["error"] for fact in facts), answer
    assert store.runs()[0].operational["iterations"] == 1 and person.sees()["queue"] == []


def test_a_run_that_is_to_end_earlier_than_it_was_is_told_so(person: Person) -> None:
    store, _ = run_small(person.home, iterations="0")
    assert main(["daemon", "submit", "--resume", "r1", "iterations=3", "--dry-run"]) == 0
    assert "is to end" not in person.capsys.readouterr().err
    with store.lock():
        run = store.runs()[0]
        store.move(type(run)(**{**vars(run), "operational": run.operational | {"iterations": 3}}))
    assert main(["resume", "r1", "iterations=0"]) == 0
    assert "r1 is to end at iteration 0, and no longer at 3" in person.capsys.readouterr().err
    assert store.runs()[0].operational["iterations"] == 0


def test_what_waits_for_its_first_turn_is_known_to_log_and_status(person: Person) -> None:
    put_aside = "; `selfsame daemon status` says more."
    person.submits("second")
    person.submits("first", "--priority", "1")
    person.types("daemon", "pause", "second")
    for words in (("log", "second"), ("log", "second", "--graph"), ("log",), ("status",)):
        assert f"second is queued, place 2 (paused){put_aside}" in says(person, *words), words
    assert f"first is queued, place 1{put_aside}" in says(person, "status")
    assert person.types("log", "first") == (0, {"first": []})
    assert person.types("status")[1]["queued"] == ["first", "second"]


def test_who_follows_a_run_is_told_how_it_ended(person: Person, daemon: Daemon) -> None:
    put(daemon, "given-up", tiny_config())
    number = put(daemon, "failed", tiny_config(seed=1)).number
    put(daemon, "r1", tiny_config(), priority=1)
    assert daemon.turn()
    wishes.cancel(daemon.queue, "given-up", NOON)
    ended = Ending(how="failed", exit_code=69, said="the worker died", at=NOON)
    daemon.queue.change(lambda queue: queue.over(number, ended))
    with listening(daemon.store.home, daemon.instance, lambda: application(daemon)):
        assert says(person, "log", "r1", "--follow").splitlines()[-1] == "r1 is done: it is at iteration 0 of 0"
        assert says(person, "log", "failed", "--follow") == "failed failed, exit code 69: the worker died\n"
        assert says(person, "log", "given-up", "--follow").startswith("given-up cancelled: cancelled by a person")


def test_hints_are_what_works_beside_a_daemon(person: Person, served: Daemon) -> None:
    assert "`selfsame daemon submit self-rewarding` starts one" in says(person, "status")
    put(served, "r1", tiny_config())
    assert served.turn()
    code, answer = person.types("branch", "r1@0", "r1")
    assert code == 2 and "selfsame daemon submit --resume r1" in answer["error"]
    made = person.types("branch", "r1@0", "r2", "train.beta=0.2")[1]
    assert made["next"] == "selfsame daemon submit --resume r2 iterations=3"
    for words, handed in (
        (("resume", "r1", "iterations=1"), "`selfsame daemon submit --resume r1 iterations=1 --json`"),
        (("run", "self-rewarding", "--name", "r9", *LEAVES), "`selfsame daemon submit self-rewarding --name r9 "),
    ):
        code, answer = person.types(*words)
        assert code == 75 and handed in answer["error"]


def test_who_collects_garbage_beside_a_daemon_is_told_what_it_does_itself(person: Person, served: Daemon) -> None:
    code, answer = person.types("gc")
    assert code == 75 and "once a day" in answer["error"] and "selfsame daemon stop" in answer["error"]
    assert "submit" not in answer["error"]
    assert person.types("gc", "--dry-run")[0] == 0


def test_a_disk_without_room_is_told_with_what_to_do(person: Person) -> None:
    code, answer = person.types("run", "self-rewarding", "--name", "r1", *LEAVES, "limits.min_free_disk_gib=1e9")
    assert code == 74 and "min_free_disk_gib" in answer["error"] and "selfsame resume" in answer["error"]


def test_what_was_said_at_the_end_is_shown_whole_and_no_time_has_fractions_of_a_second(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.submits("r1")
    person.submits("later", "--at", "2099-01-01T00:00:00.5+00:00")
    person.types("daemon", "cancel", "r1")
    person.submits("now")
    monkeypatch.setenv("COLUMNS", "100")
    shown = says(person, "daemon", "status")
    assert "…" not in shown and "`selfsame daemon submit --resume r1`" in " ".join(shown.split())
    assert "2099-01-01 00:00:00 UTC" in shown
    assert {entry["next"] for entry in person.sees()["queue"] if entry["run"] == "later"} == {
        "2099-01-01T00:00:00+00:00"
    }
    assert next(line for line in shown.splitlines() if line.startswith("now")).split()[-2] == "now"
    assert queue_in_lines([]).split() == ["run", "state", "priority", "next", "exit_code", "said"]


def test_a_text_beside_a_table_is_broken_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    words = [f"word-{n:02d}" for n in range(20)]
    lines = with_text("head\nrow", ["said", " ".join(words)]).splitlines()
    assert max(map(len, lines)) <= 50 and lines[1].startswith("row   word-00") and lines[2].startswith("      word-")
    assert " ".join(lines).split()[3:] == words
