"""Runs of the loop train in the tests' own process, but where the workers are what is tested."""

from collections.abc import Iterator

import pytest

from tests.loop.in_process import training_here

WITH_WORKERS = {"test_recovery"}
"""The files whose runs, in this process, have their trainer in another."""


@pytest.fixture(autouse=True, scope="module")
def trained_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """Half of what a small run costs is the trainer's interpreter."""
    if request.module.__name__.rpartition(".")[2] in WITH_WORKERS:
        yield
        return
    with training_here():
        yield
