"""A worker's log: its end is kept, whatever it prints."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from loop.workers import capped_log
from loop.workers.capped_log import CappedLog


@pytest.fixture
def log(tmp_path: Path) -> Iterator[CappedLog]:
    (tmp_path / "log").write_text("of an earlier start\n")
    log = CappedLog(tmp_path / "log")
    yield log
    log.hand_over()
    log.close()


def test_what_is_said_is_added_to_the_file(log: CappedLog) -> None:
    os.write(log.writing, b"hello\n")
    log.drain()
    assert log.path.read_text() == "of an earlier start\nhello\n"
    assert log.last_lines() == f"It said:\n  hello\nThe whole log: {log.path}."


def test_the_last_lines_are_about_what_was_said_since(log: CappedLog) -> None:
    os.write(log.writing, b"before\n")
    log.forget()
    assert "It said: nothing" in log.last_lines()
    os.write(log.writing, b"after\n")
    log.drain()
    assert log.last() == "after\n"


def test_a_log_over_its_limit_keeps_its_end_and_says_so(log: CappedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capped_log, "LIMIT_BYTES", 10_000)
    monkeypatch.setattr(capped_log, "KEPT_BYTES", 4_000)
    for number in range(5_000):
        os.write(log.writing, b"line %d\n" % number)
        log.drain()
    text = log.path.read_text()
    assert len(text) < 10_100
    assert text.startswith("[") and "bytes were cut here]" in text.splitlines()[0]
    assert text.endswith("line 4998\nline 4999\n")
    assert "only the end is kept" in log.last_lines()


def test_a_line_without_end_does_not_fill_the_message(log: CappedLog) -> None:
    os.write(log.writing, b"x" * 60_000)
    log.drain()
    assert len(log.last_lines()) < 1_000


def test_draining_a_closed_log_does_nothing(tmp_path: Path) -> None:
    log = CappedLog(tmp_path / "log")
    log.hand_over()
    log.close()
    log.drain()
    assert log.last_lines().startswith("It said: nothing")


def test_a_log_on_a_full_disk_is_closed_all_the_same() -> None:
    before = set(os.listdir("/proc/self/fd"))
    log = CappedLog(Path("/dev/full"))
    os.write(log.writing, b"what the disk does not take\n")
    log.hand_over()
    with pytest.raises(OSError, match="No space"):
        log.close()
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_log_is_for_its_owner_alone_also_one_that_was_not(tmp_path: Path) -> None:
    (tmp_path / "log").touch(mode=0o644)
    log = CappedLog(tmp_path / "log")
    log.hand_over()
    log.close()
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
