"""What is due is a function of the queue and the time, so bells that are lost, late or doubled change nothing."""

import random
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loop.daemon.queue import ENDED_KEPT, Ending, Entry, Queue, QueueFile, answered, due, open_entry, set_right
from loop.daemon.schedule import Schedule, schedule_of, seconds_of
from runs.errors import CorruptError, UsageError
from tests.loop.daemon.living import HOURLY, NOON

HOUR = timedelta(hours=1)
DONE = Ending(how="done", exit_code=0, said="", at=NOON)


def entry(name: str = "r1", number: int = 1, priority: int = 0, schedule: Schedule | None = None) -> Entry:
    return Entry(
        number=number,
        name=name,
        recipe="test",
        config={},
        folder="/",
        submitted=NOON,
        priority=priority,
        schedule=schedule,
    )


def queue(*entries: Entry) -> Queue:
    return Queue(entries=entries, next_number=len(entries) + 1)


def turns(waiting: Queue, times: list[datetime], closed: int = -1) -> tuple[Queue, int]:
    """The queue after the daemon looked at these times, and how many iterations it made. Each takes no time."""
    made = 0
    for now in times:
        waiting = set_right(waiting, now)
        while (one := due(waiting, now)) is not None:
            waiting = answered(waiting, one, now, closed)
            until = waiting.entries[0].until
            assert until is not None
            made, closed = made + until - max(closed, 0), until
            waiting = waiting.changed(one.number, until=None)
    return waiting, made


def test_the_highest_priority_goes_first_and_then_the_first_submitted() -> None:
    waiting = queue(entry("low", 1), entry("first", 2, priority=5), entry("second", 3, priority=5))
    order = []
    while (one := due(waiting, NOON)) is not None:
        order.append(one.name)
        waiting = waiting.over(one.number, DONE)
    assert order == ["first", "second", "low"]


def test_what_is_paused_or_over_is_never_due() -> None:
    paused = queue(entry("r1", 1)).changed(1, paused=True)
    assert due(paused, NOON + 1000 * HOUR) is None
    assert due(queue(entry("r1", 1)).over(1, DONE), NOON) is None


def test_a_run_with_a_time_waits_for_it() -> None:
    waiting = queue(entry(schedule=Schedule(at=NOON + HOUR)))
    assert due(waiting, NOON + HOUR - timedelta(seconds=1)) is None
    assert due(waiting, NOON + HOUR) is not None


def test_an_hourly_run_makes_one_iteration_an_hour_however_often_the_bell_rings() -> None:
    looks = [NOON + timedelta(seconds=30 * n) for n in range(120 * 5)]  # five hours
    assert turns(queue(entry(schedule=HOURLY)), [look for look in looks for _ in range(10)])[1] == 5


@pytest.mark.parametrize("seed", range(20))
def test_lost_and_late_bells_make_no_iteration_more_and_none_twice(seed: int) -> None:
    rng = random.Random(seed)
    heard = [NOON + timedelta(seconds=30 * n) for n in range(120 * 5) if rng.random() < 0.1]
    hours_looked_at = {(look - NOON) // HOUR for look in heard}
    assert turns(queue(entry(schedule=HOURLY)), heard)[1] == len(hours_looked_at)


def test_a_machine_that_slept_for_eight_hours_catches_up_with_one_iteration() -> None:
    looks = [NOON, NOON + timedelta(minutes=10), NOON + 8 * HOUR + timedelta(minutes=7)]
    waiting, made = turns(queue(entry(schedule=HOURLY)), looks)
    assert made == 2
    assert waiting.entries[0].may_begin() == NOON + 9 * HOUR


def test_a_clock_that_is_set_back_silences_no_schedule() -> None:
    waiting, _ = turns(queue(entry(schedule=HOURLY)), [NOON, NOON + 24 * HOUR])
    back = [NOON + timedelta(minutes=m) for m in range(0, 121, 10)]
    assert turns(waiting, back, closed=2)[1] == 2


@pytest.mark.parametrize("schedule", [None, HOURLY], ids=["at once", "hourly"])
def test_what_was_submitted_while_the_clock_was_ahead_is_due_when_it_is_set_right(schedule: Schedule | None) -> None:
    waiting, before = queue(entry(schedule=schedule)), NOON - 24 * HOUR
    assert due(waiting, before) is None
    assert due(set_right(waiting, before), before) is not None


def test_a_run_with_a_time_waits_for_it_though_the_clock_was_ahead() -> None:
    waiting, before = queue(entry(schedule=Schedule(at=NOON + HOUR))), NOON - 24 * HOUR
    assert set_right(waiting, before).entries[0].may_begin() == NOON + HOUR


def test_a_bell_is_answered_once_though_the_daemon_is_killed_before_the_iteration_is_there() -> None:
    waiting = queue(entry(schedule=HOURLY))
    waiting = answered(waiting, waiting.entries[0], NOON, closed=3)
    assert waiting.entries[0].until == 4
    again = due(waiting, NOON + timedelta(seconds=1))
    assert again is not None
    assert answered(waiting, again, NOON + 2 * HOUR, closed=3) == waiting


def test_the_first_bell_allows_iteration_1_and_not_only_the_seed() -> None:
    waiting = queue(entry(schedule=HOURLY))
    assert answered(waiting, waiting.entries[0], NOON, closed=-1).entries[0].until == 1


def test_a_cron_line_is_meant_in_utc() -> None:
    weekdays_at_eight = Schedule(cron="0 20 * * mon-fri")
    friday_noon = NOON
    bells, rung = [], None
    for _ in range(3):
        bell = weekdays_at_eight.next_bell(friday_noon, rung)
        assert bell is not None
        bells.append(bell)
        rung = bell
    assert bells == [datetime(2026, 11, day, 20, tzinfo=UTC) for day in (27, 30)] + [
        datetime(2026, 12, 1, 20, tzinfo=UTC)
    ]


@pytest.mark.parametrize(
    ("at", "every", "cron"),
    [
        ("tomorrow", None, None),
        (None, "1 fortnight", None),
        (None, "0s", None),
        (None, None, "every day"),
        (None, None, "0 0 30 2 *"),
        (None, "1h", "0 20 * * *"),
    ],
)
def test_what_is_no_schedule_is_refused_with_ones_that_are(at: str, every: str, cron: str) -> None:
    with pytest.raises(UsageError) as refusal:
        schedule_of(at, every, cron, NOON)
    given = next(value for value in (at, every, cron) if value)
    assert given in str(refusal.value) and "--every" in str(refusal.value)


def test_a_time_that_is_past_is_refused_beside_the_present_one() -> None:
    with pytest.raises(UsageError, match=r"--at 2026-11-27T11:59\+00:00 .* past: it is 2026-11-27 12:00:00 UTC"):
        schedule_of("2026-11-27T11:59+00:00", None, None, NOON)
    assert schedule_of("now", None, None, NOON) == Schedule(at=NOON)
    assert schedule_of("2026-11-27T13:01+01:00", None, None, NOON) == Schedule(at=NOON + HOUR / 60)


@pytest.mark.parametrize(
    ("waiting", "facts"),
    [
        (Queue(), ["r9 is not in the queue;", "is empty"]),
        (queue(entry("r1")), ["r9 is not in the queue;", "there is r1."]),
        (queue(entry("r9")).over(1, DONE), ["r9 is not in the queue any more (done)", "is empty"]),
    ],
)
def test_what_is_not_in_the_queue_is_told_with_what_is(waiting: Queue, facts: list[str]) -> None:
    with pytest.raises(UsageError) as refusal:
        open_entry(waiting, "r9")
    assert all(fact in str(refusal.value) for fact in facts), refusal.value


def test_durations_are_read_in_seconds() -> None:
    assert [seconds_of(text) for text in ("90s", "30m", "1h", "2d")] == [90, 1800, 3600, 172_800]


def test_the_queue_is_on_the_disk_as_soon_as_it_is_changed(tmp_path: Path) -> None:
    changed = QueueFile(tmp_path).change(lambda before: before.added(entry(schedule=HOURLY)))
    assert QueueFile(tmp_path).read() == changed


def test_the_queue_is_read_while_somebody_changes_it(tmp_path: Path) -> None:
    file, seen = QueueFile(tmp_path), []
    before = file.read()
    reader = threading.Thread(target=lambda: seen.append(file.read()))
    with file.turn:
        reader.start()
        reader.join(10)
        assert seen == [before]


def test_a_damaged_queue_is_named_and_never_taken_for_an_empty_one(tmp_path: Path) -> None:
    QueueFile(tmp_path).change(lambda before: before.added(entry()))
    path = tmp_path / "control" / "queue.json"
    path.write_bytes(path.read_bytes().replace(b'"priority":0', b'"priority":9'))
    with pytest.raises(CorruptError, match=str(path)):
        QueueFile(tmp_path).read()


def test_a_name_that_comes_again_takes_the_place_of_its_old_end() -> None:
    waiting = queue(entry("r1", 1)).over(1, DONE).added(entry("r1", 2))
    assert [one.number for one in waiting.entries] == [2]


def test_a_cancelled_run_is_not_contradicted_by_its_end() -> None:
    cancelled = DONE.model_copy(update={"how": "cancelled"})
    assert queue(entry()).over(1, cancelled).over(1, DONE).entries[0].ended == cancelled


def test_old_ends_are_dropped_and_what_is_to_come_is_not() -> None:
    waiting = Queue().added(entry("kept", 1))
    for number in range(2, ENDED_KEPT + 50):
        waiting = waiting.added(entry(f"r{number}", number)).over(number, DONE)
    assert len(waiting.entries) <= ENDED_KEPT + 2
    assert waiting.open("kept") is not None
