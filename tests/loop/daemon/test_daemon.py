"""Real daemons: how they start, are asked, are told to stop, and are killed."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from loop.cli import main
from loop.daemon.client import ask, find_daemon
from runs.lineage import find_run
from runs.store import Store
from runs.verify import verify
from tests.loop.daemon.living import LEAVES, Person, living
from tests.loop.processes import descendants, wait_until_gone
from tests.loop.small import run_small

HEAVY = ("torch", "transformers", "trl", "peft", "vllm", "mlflow", "duckdb", "pandas")


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The last iteration of two that nothing interrupted."""
    store, _ = run_small(tmp_path_factory.mktemp("golden"))
    return find_run(store, "r1").iteration


def tip(home: Path, name: str) -> str:
    return find_run(Store(home), name).iteration


def test_a_run_queued_before_there_is_a_daemon_is_done_by_one_that_is_asked_paused_and_stopped(
    person: Person, golden: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert person.sees() == {"daemon": None, "at_work": None, "queue": [], "outbox": {}}
    assert person.submits("r1", "iterations=2")["daemon"] is None
    assert person.submits("later", "iterations=0", "--at", "2099-01-01T00:00+00:00")["state"] == "waits for its time"
    with living(person.home) as daemon:
        seen = person.sees()
        assert seen["daemon"]["pid"] == daemon.process.pid
        assert person.types("daemon", "cancel", "later")[1]["state"] == "cancelled"
        assert person.types("daemon", "pause", "r1")[0] == 0
        person.waits_until("r1", "paused")
        # Somebody who does not know of the daemon is told of it.
        for words in (("resume", "r1"), ("daemon", "run"), ("run", "self-rewarding", *LEAVES)):
            code, answer = person.types(*words)
            assert code == 75
            assert str(daemon.process.pid) in answer["error"] and "selfsame daemon submit" in answer["error"]
        assert person.types("daemon", "unpause", "r1")[0] == 0
        rows: list[str] = []
        assert main(["log", "r1", "--follow"]) == 0
        rows = capsys.readouterr().out.splitlines()
        assert [row.split()[0] for row in rows[:-1]] == ["r1@0", "r1@1", "r1@2"]
        assert rows[-1] == "r1 is done: it is at iteration 2 of 2"
        person.waits_until("r1", "done")
        assert person.types("status")[1]["daemon"]["daemon"]["pid"] == daemon.process.pid
        assert person.types("daemon", "stop") == (0, {"stopped": True})
        assert daemon.process.wait(60) == 0
    assert tip(person.home, "r1") == golden
    assert person.types("daemon", "stop") == (0, {"stopped": False})
    assert verify(Store(person.home), None) == []


def test_a_signal_lets_the_shard_in_flight_finish_and_the_next_daemon_goes_on_exactly(
    person: Person, golden: str
) -> None:
    person.submits("r1", "iterations=2")
    for number, step in (
        (signal.SIGINT, "1/generate shard=1"),
        (signal.SIGTERM, "1/train begin"),
        (signal.SIGHUP, "2/judge shard=2"),
    ):
        with living(person.home) as daemon:
            while f"r1@{step}" not in daemon.said():
                time.sleep(0.005)
            below = descendants(daemon.process.pid)
            assert daemon.end(number) == 0
            daemon.hear("STOPPING")
        wait_until_gone(below, 1)
        assert find_daemon(Store(person.home)) is None
        assert person.state("r1") == "waits for its turn"
    with living(person.home):
        person.waits_until("r1", "done")
    assert tip(person.home, "r1") == golden


def test_a_second_signal_ends_it_at_once_with_all_that_it_started(person: Person, tmp_path: Path) -> None:
    faults = tmp_path / "faults"
    faults.write_text(json.dumps([{"at": "Write", "do": "hang"}]))
    person.submits("r1")
    with living(person.home, SELFSAME_STUB_FAULTS=str(faults)) as daemon:
        while faults.read_text() != "[]":
            time.sleep(0.01)
        below = descendants(daemon.process.pid)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.hear("EXTEND_TIMEOUT_USEC")
        assert daemon.process.poll() is None
        assert daemon.end(signal.SIGTERM) == 130
        wait_until_gone(below, 1)


def test_a_daemon_that_is_killed_is_followed_by_another_at_once_and_nothing_stale_is_believed(
    person: Person, golden: str
) -> None:
    person.submits("r1", "iterations=2")
    for step in ("r1@1/judge shard=1", "r1@2/generate shard=1"):
        with living(person.home) as daemon:
            while step not in daemon.said():
                time.sleep(0.005)
            below = descendants(daemon.process.pid)
            daemon.end(signal.SIGKILL)
        wait_until_gone(below, 1)
        assert (person.home / "control" / "daemon.json").exists()
        assert ask(Store(person.home), "GET", "/v1/daemon") is None
        assert person.state("r1") == "waits for its turn"
    with living(person.home):
        person.waits_until("r1", "done")
    assert tip(person.home, "r1") == golden
    assert verify(Store(person.home), None) == []


def test_of_eight_that_start_at_once_one_wins_and_seven_name_it(person: Person) -> None:
    person.home.mkdir()
    starts = [
        subprocess.Popen(
            [sys.executable, "-P", "-m", "loop.daemon"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        for _ in range(8)
    ]
    try:
        while len(losers := [one for one in starts if one.poll() is not None]) < 7:
            time.sleep(0.02)
        (winner,) = [one for one in starts if one not in losers]
        assert [one.returncode for one in losers] == [75] * 7
        for one in losers:
            assert one.stderr is not None
            assert re.search(rf"\b{winner.pid}\b", one.stderr.read())
        while find_daemon(Store(person.home)) is None:
            time.sleep(0.02)
        winner.terminate()
        assert winner.wait(30) == 0
    finally:
        for one in starts:
            one.kill()
            one.wait()


def test_a_detached_daemon_is_ready_when_the_command_returns_or_says_why_it_is_not(person: Person) -> None:
    code, started = person.types("daemon", "run", "--detach")
    try:
        assert code == 0 and person.sees()["daemon"]["pid"] == started["pid"]
        loaded = {
            Path(line.split()[-1]).parts for line in Path(f"/proc/{started['pid']}/maps").read_text().splitlines()
        }
        assert not {part for parts in loaded for part in parts} & set(HEAVY)
        code, again = person.types("daemon", "run", "--detach")
        assert code == 75 and str(started["pid"]) in again["error"]
    finally:
        assert person.types("daemon", "stop") == (0, {"stopped": True})
    assert Path(started["log"]).stat().st_mode & 0o077 == 0
    ref = person.home / "refs" / "broken.json"
    ref.write_text("{}")
    code, refused = person.types("daemon", "run", "--detach")
    assert code == 74 and str(ref) in refused["error"]


def test_many_people_who_ask_at_once_lose_nothing_with_or_without_a_daemon(person: Person) -> None:
    def submit_some(number: int) -> None:
        for n in range(2):
            words = ["daemon", "submit", "self-rewarding", "--name", f"r{number}-{n}", *LEAVES, "--at", "2099-01-01"]
            program = f"import sys; from loop.cli import main; sys.exit(main({words!r}))"
            done.append(subprocess.run([sys.executable, "-P", "-c", program], stdout=subprocess.DEVNULL).returncode)

    done: list[int] = []
    people = [threading.Thread(target=submit_some, args=(number,)) for number in range(3)]
    for one in people:
        one.start()
    while not done:
        time.sleep(0.01)
    with living(person.home):
        for one in people:
            one.join()
    assert done == [0] * 6
    assert sorted(entry["run"] for entry in person.sees()["queue"]) == [f"r{i}-{n}" for i in range(3) for n in range(2)]
    assert list((person.home / "control" / "tickets").iterdir()) == []


def test_what_is_mistyped_is_refused_before_anything_is_queued(person: Person) -> None:
    for words, code, fact in (
        (["self-rewording"], 2, "self-rewarding"),
        (["self-rewarding", "train.betta=1"], 78, "train.beta"),
        (["--resume", "r9"], 2, "r9"),
        ([], 2, "RECIPE"),
        (["self-rewarding", "--every", "soon"], 2, "30m"),
        (["self-rewarding", "--name", "../x", *LEAVES], 2, "../x"),
    ):
        got, answer = person.types("daemon", "submit", *words)
        assert (got, fact in answer["error"]) == (code, True), (words, answer)
    assert person.sees()["queue"] == []


def test_names_are_given_and_taken_while_the_daemon_is_at_work(person: Person) -> None:
    person.submits("r1", "iterations=0")
    with living(person.home):
        person.waits_until("r1", "done")
        person.submits("long", "iterations=2")
        person.waits_until("long", "at work")
        assert person.types("tag", "r1@0", "good")[0] == 0
        assert person.types("branch", "r1@0", "r2", "train.beta=0.2", "iterations=0")[0] == 0
        code, answer = person.types("daemon", "pause", "long")
        assert code == 0 and answer["state"] in ("at work, pauses after the shard in flight", "paused")
        assert person.types("daemon", "unpause", "long")[0] == 0
        code, answer = person.types("delete", "long", "--yes")
        assert code == 2 and "daemon cancel long" in answer["error"]
        assert person.types("daemon", "submit", "--resume", "r2")[0] == 0
        assert person.types("delete", "good")[0] == 0
    assert [ref.name for ref in Store(person.home).refs()] == ["long", "r1", "r2"]
