"""The gap between a judge and one that does not move."""

import numpy as np
import pytest

from judges.proxy_gap import Scored, proxy_gap


def test_gap_and_change_are_means_of_differences_on_the_same_prompts() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(40, 3))
    found = proxy_gap([Scored(*map(float, row)) for row in numbers], 0)
    assert (found.n, found.gap.value) == (40, pytest.approx((numbers[:, 0] - numbers[:, 1]).mean(), abs=1e-9))
    assert found.anchor_change.value == pytest.approx((numbers[:, 1] - numbers[:, 2]).mean(), abs=1e-9)
    expected = np.mean((numbers[:, 0] > numbers[:, 2]) & (numbers[:, 1] < numbers[:, 2]))
    assert found.fooled_frac.value == pytest.approx(expected, abs=1e-9)


def test_means_that_stay_hide_prompts_on_which_the_judge_is_fooled_and_the_share_does_not() -> None:
    fooled = [Scored(proxy=4.0, anchor=2.0, before=3.0)] * 10
    the_other_way = [Scored(proxy=2.0, anchor=4.0, before=3.0)] * 10
    found = proxy_gap(fooled + the_other_way, 0)
    assert found.gap.value == found.anchor_change.value == 0
    assert found.fooled_frac.value == 0.5


def test_without_an_answer_that_both_scored_there_is_no_gap() -> None:
    found = proxy_gap([], 0)
    assert (found.n, found.gap.value, found.fooled_frac.value) == (0, None, None)
