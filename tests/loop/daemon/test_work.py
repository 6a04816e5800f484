"""The daemon's loop: whatever becomes of a run, it is written down and the next one is taken."""

import errno
import json
import re
import threading
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest

from loop import drive
from loop.daemon import wishes
from loop.daemon.bell import Bell, Progress
from loop.daemon.hindrances import RETRY_S, Hindrances
from loop.daemon.schedule import Schedule
from loop.daemon.standing import sentence, standing
from loop.daemon.telling import in_lines
from loop.daemon.work import Daemon
from loop.progress import Event
from runs import gc, points
from runs.errors import UsageError
from runs.lineage import resolve
from runs.naming import fork
from runs.store import Store
from runs.verify import verify
from tests.loop.daemon.living import HOURLY, NOON, how, put, tiny_config
from tests.loop.small import chain, small_config
from trainers.stub_faults import VARIABLE


def test_a_run_is_taken_to_its_end_and_the_queue_says_so(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config())
    assert daemon.turn()
    assert how(daemon, "r1") == ("done", 0)
    assert len(chain(daemon.store)) == 1
    assert not daemon.turn()


def test_a_worker_that_fails_again_and_again_ends_its_own_run_only(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = tmp_path / "faults"
    faults.write_text(json.dumps([{"at": "Write", "do": "die", "times": 99}]))
    put(daemon, "failing", tiny_config(), priority=1)
    put(daemon, "next", tiny_config(seed=1))
    monkeypatch.setenv(VARIABLE, str(faults))
    assert daemon.turn()
    monkeypatch.delenv(VARIABLE)
    assert how(daemon, "failing") == ("failed", 69)
    assert daemon.turn()
    assert how(daemon, "next") == ("done", 0)


def test_an_input_that_is_gone_ends_its_own_run_only(daemon: Daemon, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": f"say {n}"}) + "\n" for n in range(50)))
    put(daemon, "r1", tiny_config(prompts__source="prompts.jsonl", measure__anchors=None), folder=tmp_path)
    prompts.unlink()
    put(daemon, "r2", tiny_config())
    assert daemon.turn() and daemon.turn()
    assert [how(daemon, name) for name in ("r1", "r2")] == [("failed", 78), ("done", 0)]


def test_files_are_named_from_the_folder_of_whoever_submitted(daemon: Daemon, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "prompts.jsonl").write_text("".join(json.dumps({"prompt": f"say {n}"}) + "\n" for n in range(50)))
    put(daemon, "r1", tiny_config(prompts__source="prompts.jsonl", measure__anchors=None), folder=theirs)
    assert daemon.turn()
    assert how(daemon, "r1") == ("done", 0)
    assert Path.cwd() == daemon.store.home


def test_a_bug_ends_its_own_run_only_and_is_in_the_log(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(daemon, "r1", tiny_config())
    monkeypatch.setattr(Event, "__init__", None)  # whatever is broken, it is not foreseen
    assert daemon.turn()
    monkeypatch.undo()
    assert how(daemon, "r1") == ("failed", 1)
    assert "Traceback" in caplog.text


def test_a_halt_is_no_failure_and_is_refused_when_it_is_submitted_again(daemon: Daemon) -> None:
    put(daemon, "r1", small_config(iterations=1, guards__min_pairs=1000))
    assert daemon.turn()
    assert how(daemon, "r1") == ("halted", 3)
    with pytest.raises(UsageError, match=r"(?s)r1@1 .*min_pairs.*selfsame branch r1@0"):
        put(daemon, "r1")
    assert how(daemon, "r1") == ("halted", 3)


def test_a_run_that_is_submitted_again_keeps_its_priority_and_its_schedule_unless_it_is_given_others(
    daemon: Daemon,
) -> None:
    put(daemon, "r1", small_config(gold__enabled=False), priority=5, schedule=HOURLY)
    assert daemon.turn()
    wishes.cancel(daemon.queue, "r1", NOON)
    again = put(daemon, "r1")
    assert (again.priority, again.schedule) == (5, HOURLY)
    wishes.cancel(daemon.queue, "r1", NOON)
    other = put(daemon, "r1", priority=0, schedule=Schedule(at=NOON))
    assert (other.priority, other.schedule) == (0, Schedule(at=NOON))
    wishes.cancel(daemon.queue, "r1", NOON)
    assert put(daemon, "r2", tiny_config(seed=1)).priority == 0


class Clock:
    """A clock that passes while somebody waits for a bell which never rings."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def wait(self, patience_s: float) -> None:
        self.now_s += patience_s


def test_a_run_that_the_disk_stops_is_passed_over_and_goes_on_by_itself_once_there_is_room(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(daemon, "_hindrances", Hindrances(clock))
    put(daemon, "r1", tiny_config(limits__min_free_disk_gib=1e9), priority=1)
    put(daemon, "next", tiny_config(seed=1))
    assert daemon.turn()
    assert "min_free_disk_gib" in daemon.hindered and "hindered" in sentence(daemon)
    assert daemon.turn()
    assert [how(daemon, name) for name in ("r1", "next")] == [(None, None), ("done", 0)]
    assert not daemon.turn()
    clock.wait(RETRY_S)
    assert daemon.turn() and not daemon.turn()
    drive.change(daemon.store, "r1", tiny_config(limits__min_free_disk_gib=0))  # as good as room
    assert not daemon.turn()
    clock.wait(RETRY_S)
    assert daemon.turn()
    assert (daemon.hindered, how(daemon, "r1")) == ("", ("done", 0))


def test_a_run_that_the_disk_stopped_and_somebody_cancelled_hinders_no_more(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config(limits__min_free_disk_gib=1e9))
    assert daemon.turn() and daemon.hindered
    wishes.cancel(daemon.queue, "r1", NOON)
    assert not daemon.turn()
    assert daemon.hindered == ""


@pytest.mark.parametrize("code", ["ENOSPC", "EROFS", "EIO"])
@pytest.mark.parametrize("fails", ["the queue", "the run"])
def test_a_disk_that_fails_stops_nothing_for_good(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, code: str, fails: str
) -> None:
    clock = Clock()
    monkeypatch.setattr(daemon, "_hindrances", Hindrances(clock))
    number = put(daemon, "r1", tiny_config(), schedule=HOURLY if fails == "the queue" else None).number
    if fails == "the queue":
        # An answer in the future is set right, which is written before anything is taken.
        daemon.queue.change(lambda queue: queue.changed(number, rung=NOON + timedelta(hours=1), until=1))
    monkeypatch.setattr(points, "hook", points.fail_at(1, getattr(errno, code)))
    assert daemon.turn() == (fails == "the run")
    assert daemon.hindered and not daemon.turn()
    clock.wait(RETRY_S)
    assert daemon.turn()
    assert (daemon.hindered, how(daemon, "r1")) == ("", ("done", 0))


def test_work_that_the_disk_stopped_is_tried_again_within_a_minute_though_no_bell_rings(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(daemon, "_hindrances", Hindrances(clock))
    put(daemon, "r1", tiny_config(limits__min_free_disk_gib=1e9))
    looks = []

    def wait(patience_s: float) -> None:
        looks.append(clock.now_s)
        drive.change(daemon.store, "r1", tiny_config(limits__min_free_disk_gib=0))  # room, since the first look
        clock.wait(patience_s)
        if how(daemon, "r1") == ("done", 0):
            daemon.stop("the test")

    monkeypatch.setattr(daemon.bell, "wait", wait)
    daemon.work()
    assert len(looks) > 1 and looks[-1] <= 60


def test_a_run_on_a_schedule_makes_one_iteration_a_bell_until_it_has_all(daemon: Daemon) -> None:
    now = NOON
    daemon.clock = lambda: now
    put(daemon, "r1", small_config(gold__enabled=False), schedule=HOURLY)
    put(daemon, "other", tiny_config(seed=1))
    assert daemon.turn() and len(chain(daemon.store)) == 2
    assert daemon.turn() and how(daemon, "other") == ("done", 0)
    assert not daemon.turn()
    assert how(daemon, "r1") == (None, None)
    now = NOON + timedelta(hours=8, minutes=5)
    assert daemon.turn()
    assert how(daemon, "r1") == ("done", 0)


def test_a_run_that_is_cancelled_or_paused_while_at_work_stops_before_its_next_shard(daemon: Daemon) -> None:
    shards = []
    asked = iter((lambda: wishes.pause(daemon.queue, "r1"), lambda: wishes.cancel(daemon.queue, "r1", NOON)))

    def hear(event: Event) -> None:
        if event.kind == "shard" and event.address == "r1@1/judge" and event.done not in shards:
            shards.append(event.done)
            next(asked)()

    daemon._hear = hear  # type: ignore[method-assign]
    put(daemon, "r1", small_config(gold__enabled=False))
    assert daemon.turn()
    assert shards == [1] and how(daemon, "r1") == (None, None)
    assert not daemon.turn()
    wishes.unpause(daemon.queue, "r1")
    assert daemon.turn()
    assert shards == [1, 2]
    assert how(daemon, "r1") == ("cancelled", 0)


def test_a_name_is_free_or_the_submission_is_refused_with_the_way_on(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config())
    with pytest.raises(UsageError, match="daemon cancel r1"):
        put(daemon, "r1", tiny_config())
    assert daemon.turn()
    with pytest.raises(UsageError, match="submit --resume r1"):
        put(daemon, "r1", tiny_config())
    with pytest.raises(UsageError, match="no run called r9"):
        put(daemon, "r9")
    with pytest.raises(UsageError, match="cannot be a run's name"):
        put(daemon, "../r1", tiny_config())
    assert [entry.name for entry in daemon.queue.read().entries] == ["r1"]


def test_more_iterations_are_given_to_a_run_that_exists_and_a_semantic_change_is_not(daemon: Daemon) -> None:
    put(daemon, "r1", small_config(iterations=0))
    assert daemon.turn()
    put(daemon, "r1", small_config(iterations=1), resume=True)
    assert daemon.turn()
    assert len(chain(daemon.store)) == 2
    put(daemon, "r1", small_config(iterations=1, train__beta=0.2), resume=True)
    assert daemon.turn()
    assert how(daemon, "r1") == ("failed", 78)


def test_a_name_in_the_queue_is_given_to_no_tag_and_taken_from_no_run(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config())
    assert daemon.turn()
    wishes.tag(daemon.store, daemon.queue, wishes.Tag(of="r1@0", name="good"))
    put(daemon, "r1")
    put(daemon, "r2", tiny_config())
    with pytest.raises(UsageError, match="cancel r1"):
        wishes.delete(daemon.store, daemon.queue, "r1", None)
    with pytest.raises(UsageError, match="cancel r2"):
        wishes.tag(daemon.store, daemon.queue, wishes.Tag(of="good", name="r2"))
    wishes.cancel(daemon.queue, "r1", NOON)
    with pytest.raises(UsageError, match="at work"):
        wishes.delete(daemon.store, daemon.queue, "r1", "r1")
    wishes.delete(daemon.store, daemon.queue, "r1", None)
    assert [ref.name for ref in daemon.store.refs()] == ["good"]


def test_garbage_is_collected_between_two_runs_and_nothing_that_is_named_goes(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config())
    daemon.turn()
    before = sorted(path.name for path in daemon.store.files("objects"))
    stray = daemon.store.home / "objects" / ("0" * 64)
    stray.write_bytes(b"nobody's")
    daemon._collect()
    assert sorted(path.name for path in daemon.store.files("objects")) == before


def test_what_a_deleted_run_left_is_collected_by_the_daemon_that_wrote_it(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config())
    daemon.turn()
    assert daemon.store.files("objects") and daemon.store.files("receipts")
    wishes.delete(daemon.store, daemon.queue, "r1", None)
    daemon._collect()
    assert daemon.store.files("objects") == daemon.store.files("receipts") == []


def test_a_name_that_is_given_while_garbage_is_looked_for_keeps_what_it_names(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(daemon, "r1", tiny_config())
    daemon.turn()
    run = fork(daemon.store, resolve(daemon.store, "r1@0"), "r2")
    wish = wishes.Branch(ticket=wishes.lay_down(daemon.store.home, asdict(run)))
    wishes.delete(daemon.store, daemon.queue, "r1", None)
    person = threading.Thread(target=wishes.branch, args=(daemon.store, daemon.queue, wish))

    def interrupted(store: Store, before_ns: int) -> gc.Garbage:
        found = garbage(store, before_ns=before_ns)
        if not person.ident:
            person.start()
            person.join(10)
        return found

    garbage = gc.garbage
    monkeypatch.setattr(gc, "garbage", interrupted)
    daemon._collect()
    assert verify(daemon.store) == [] and daemon.store.has(run.iteration)
    assert [ref.name for ref in daemon.store.refs()] == ["r2"]


def test_a_run_at_work_when_its_daemon_is_killed_goes_on_before_what_came_later(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """Nothing of the daemon's own runs after a SIGKILL."""

    def hear(event: Event) -> None:
        if event.kind == "shard":
            put(daemon, "later", tiny_config(seed=1), priority=9)
            raise KilledError

    monkeypatch.setattr(daemon, "_hear", hear)
    put(daemon, "r1", tiny_config())
    with pytest.raises(KilledError):
        daemon.turn()
    after = Daemon(daemon.store, lambda: NOON)
    assert [entry["run"] for entry in standing(after)["queue"]] == ["r1", "later"]
    assert after.turn()
    assert how(after, "r1") == ("done", 0) and how(after, "later") == (None, None)


def test_a_run_that_was_paused_at_work_has_no_turn_before_others(daemon: Daemon) -> None:
    def hear(event: Event) -> None:
        if event.kind == "shard" and not daemon.queue.read().entries[0].paused:
            wishes.pause(daemon.queue, "r1")

    daemon._hear = hear  # type: ignore[method-assign]
    put(daemon, "r1", tiny_config())
    assert daemon.turn()
    del daemon._hear  # type: ignore[attr-defined]
    put(daemon, "later", tiny_config(seed=1), priority=9)
    wishes.unpause(daemon.queue, "r1")
    assert daemon.turn()
    assert how(daemon, "r1") == (None, None) and how(daemon, "later") == ("done", 0)


def test_which_attempt_it_is_and_why_the_one_before_ended_is_shown_until_the_step_is_done(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faults").write_text(json.dumps([{"at": "Write", "do": "die"}]))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "faults"))
    hear, shown = daemon._hear, {}

    def listen(event: Event) -> None:
        hear(event)
        answer = standing(daemon)
        shown.setdefault((event.kind, answer["at_work"]["attempt"]), "\n".join(in_lines(answer)))

    monkeypatch.setattr(daemon, "_hear", listen)
    put(daemon, "r1", tiny_config())
    assert daemon.turn() and how(daemon, "r1") == ("done", 0)
    assert "attempt" not in shown["begin", 1] + shown["end", 1]
    assert re.search(
        r"This is attempt 2\. Before it: r1@0/measure.*: attempt 1 of 3 failed: the engine was killed by SIGKILL .*$",
        shown["retry", 2],
    )
    assert ("shard", 2) in shown and ("end", 2) not in shown


def test_an_engine_at_work_within_a_shard_counts_as_moving(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faults").write_text("[]")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "faults"))  # in a process of its own, as a real one is
    clock, hear = Clock(), daemon._hear
    daemon.progress = Progress(clock)
    silences, places = [], []

    def hear_late(event: Event) -> None:
        clock.wait(100)
        hear(event)
        silences.append(daemon.progress.silent_s())
        if event.kind == "moved" and daemon.at_work:
            places.append(daemon.at_work.address)

    monkeypatch.setattr(daemon, "_hear", hear_late)
    put(daemon, "r1", tiny_config())
    assert daemon.turn()
    assert set(silences) == {0} and places and all(place.startswith("r1@0/") for place in places)


def test_what_the_daemon_says_of_itself_holds_no_word_of_a_model(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config())
    daemon.turn()
    said = json.dumps(standing(daemon))
    texts = [
        row.text
        for row in daemon.store.all_rows("responses", daemon.store.output(chain(daemon.store)[0].outputs["measure"]))
    ]
    assert texts and not any(text in said for text in texts if text)


def test_a_bell_that_rang_before_anybody_waited_is_heard_and_many_are_one() -> None:
    bell = Bell()
    for _ in range(10):
        bell.ring()
    bell.wait(60)
    bell.wait(0)  # returns by its patience: nothing is left
    assert bell._rings.empty()
