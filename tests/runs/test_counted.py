"""A number of things in words."""

import pytest

from runs.counted import counted


@pytest.mark.parametrize(("count", "said"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs"), (1200, "1,200 pairs")])
def test_one_is_told_of_as_one(count: int, said: str) -> None:
    assert counted(count, "pair") == said
