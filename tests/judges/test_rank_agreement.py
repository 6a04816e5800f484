"""How far two judges order the same things alike."""

import random

import pytest

from judges.rank_agreement import kendall_tau_b


def by_definition(first: list[float], second: list[float]) -> float:
    """Concordant less discordant pairs, over those that each side does not tie."""
    pairs = [(i, j) for i in range(len(first)) for j in range(i)]
    sign = lambda x: (x > 0) - (x < 0)  # noqa: E731
    a, b = ([sign(values[i] - values[j]) for i, j in pairs] for values in (first, second))
    return sum(x * y for x, y in zip(a, b, strict=True)) / (sum(map(abs, a)) * sum(map(abs, b))) ** 0.5


@pytest.mark.parametrize("steps", [3, 8, 1000])
def test_tau_b_agrees_with_its_definition_whatever_is_tied(steps: int) -> None:
    rng = random.Random(steps)
    first = [rng.randrange(steps) / steps for _ in range(60)]
    second = [value + rng.randrange(steps) / steps for value in first]
    assert kendall_tau_b(first, second) == pytest.approx(by_definition(first, second), abs=1e-9)


def test_what_one_of_them_gave_no_number_takes_no_part() -> None:
    assert kendall_tau_b([1.0, None, 2.0, 3.0], [1.0, 9.0, 2.0, None]) == 1


def test_a_judge_that_never_varies_has_no_rank_agreement() -> None:
    assert kendall_tau_b([3.0, 3.0, 3.0], [1.0, 2.0, 3.0]) is None
    assert kendall_tau_b([], []) is None
