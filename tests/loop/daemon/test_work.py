"""The daemon's loop: whatever becomes of a run, it is written down and the next one is taken."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from loop.daemon import wishes
from loop.daemon.bell import Bell, Progress
from loop.daemon.schedule import Schedule
from loop.daemon.standing import standing
from loop.daemon.telling import in_lines
from loop.daemon.work import Daemon
from loop.progress import Event
from runs.errors import UsageError
from tests.loop.daemon.living import HOURLY, NOON, Clock, how, put, tiny_config
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


def test_a_run_whose_decision_waits_lets_others_pass_and_goes_on_once_it_is_answered(daemon: Daemon) -> None:
    put(daemon, "r1", small_config(iterations="1", guards__approve="every"), priority=1)
    put(daemon, "r2", tiny_config(seed=1))
    assert daemon.turn()
    (entry,) = (one for one in standing(daemon)["queue"] if one["run"] == "r1")
    assert entry["state"] == "waits for a person" and entry["next"] is None
    assert daemon.turn() and how(daemon, "r2") == ("done", 0)
    assert not daemon.turn()
    said = wishes.answer(daemon.store, daemon.queue, "r1", wishes.Said(kind="approve", because="it reads well"))
    assert said["queued"] and daemon.turn()
    assert how(daemon, "r1") == ("done", 0) and len(chain(daemon.store, "r1")) == 2
    with pytest.raises(UsageError, match="waits for nobody"):
        wishes.answer(daemon.store, daemon.queue, "r1", wishes.Said(kind="reject"))


def test_a_halted_run_is_submitted_again_once_a_person_went_past_its_halt(daemon: Daemon) -> None:
    put(daemon, "r1", small_config(iterations="1", guards__min_pairs="1000"))
    assert daemon.turn() and how(daemon, "r1") == ("halted", 3)
    with pytest.raises(UsageError, match="a halt stays"):
        put(daemon, "r1", None, resume=True)
    past = wishes.Said(kind="override", guards=("min_pairs",), because="a dry spell")
    with pytest.raises(UsageError, match="iterations=2"):
        wishes.answer(daemon.store, daemon.queue, "r1", past)
    wishes.answer(daemon.store, daemon.queue, "r1", past.model_copy(update={"iterations": 2}))
    put(daemon, "r1", small_config(iterations="2", guards__min_pairs="1000"), resume=True)
    assert daemon.turn() and how(daemon, "r1") == ("done", 0)
    assert len(chain(daemon.store, "r1")) == 3


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
