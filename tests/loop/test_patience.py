"""A worker that moves is left alone, one that stands still is not, and time that nobody watched does not count."""

from loop.workers.patience import UNWATCHED_S, Patience

HOUR = 3600.0


def test_a_slow_worker_is_never_called_stalled() -> None:
    stall_s = 60.0
    patience = Patience(0.0, stall_s, timeout_s=1e9)
    now, moves = 0.0, 0
    while now < 1000 * HOUR:  # one sign in nine tenths of the time that it may take
        for _ in range(18):
            now += 3.0
            assert patience.look(now, moves)
        moves += 1


def test_a_worker_that_stands_still_is_noticed_within_a_second() -> None:
    patience = Patience(0.0, stall_s=60.0, timeout_s=1e9)
    assert patience.look(1.0, "one")
    noticed = next(now for now in range(2, 1000) if not patience.look(float(now), "one"))
    assert noticed == 61
    assert patience.still_s == 60.0


def test_a_laptop_that_slept_makes_nobody_stall() -> None:
    patience = Patience(0.0, stall_s=60.0, timeout_s=HOUR)
    assert patience.look(8 * HOUR, "one")
    assert patience.look(16 * HOUR, "one")
    assert patience.still_s == UNWATCHED_S
    assert not patience.is_over


def test_a_worker_that_moves_is_still_over_its_time_in_the_end() -> None:
    patience = Patience(0.0, stall_s=60.0, timeout_s=10.0)
    for now in range(1, 10):
        assert patience.look(float(now), now)
        assert not patience.is_over
    patience.look(10.0, 10)
    assert patience.is_over
