"""What a policy gets right within several tries."""

from itertools import combinations

import pytest

from loop.drift.pass_at_k import pass_at_k


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_pass_at_k_is_the_share_of_all_choices_of_k_answers_with_a_right_one(k: int) -> None:
    right = [[True, False, False, False, False], [False] * 5, [True, True, False, True, False], [True] * 5]
    expected = [sum(map(any, combinations(own, k))) / len(list(combinations(own, k))) for own in right]
    assert pass_at_k(right, k) == pytest.approx(sum(expected) / 4, abs=1e-9)
