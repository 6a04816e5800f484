"""When the benchmark of real kills kills: while there is work, and in every part of it."""

import pytest

from benchmarks.real_kills import KILLED, moment

RECEIPTS_S = (0.0, 20.0, 21.0, 30.0, 60.0)
"""The seed's; then the engine starts for 20 s, which is no work to lose."""


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.999])
def test_a_moment_lies_between_the_first_receipt_of_work_and_the_last(share: float) -> None:
    number, later_s = moment(RECEIPTS_S, share)
    assert 20.0 <= RECEIPTS_S[number - 1] + later_s < 60.0
    assert 2 <= number < len(RECEIPTS_S)


def test_a_moment_is_counted_from_the_receipt_before_it_so_that_a_slower_machine_is_killed_at_the_same_work() -> None:
    assert moment(RECEIPTS_S, 0.025) == (3, 0.0)
    assert moment(RECEIPTS_S, 0.5) == (4, 10.0)


def test_the_moments_of_the_cells_lie_in_every_part_of_the_work() -> None:
    even = tuple(float(second) for second in range(-1, 71))
    at = [moment(even, (cell["number"] + 0.5) / len(KILLED))[0] for cell in KILLED]
    assert at == [2 + 5 + 10 * number for number in range(7)]
