"""A daemon whose disk is full or fails: what it stops is passed over, and goes on by itself once there is room."""

import errno
from datetime import timedelta

import pytest

from loop import drive
from loop.daemon import wishes
from loop.daemon.hindrances import RETRY_S, Hindrances
from loop.daemon.standing import sentence
from loop.daemon.work import Daemon
from runs import points
from tests.loop.daemon.living import HOURLY, NOON, Clock, how, put, tiny_config


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
