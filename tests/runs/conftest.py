"""A store with a small history, made once for those who only read it."""

from pathlib import Path

import pytest

from runs.store import Store
from tests.runs.history import small_history


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_history(tmp_path_factory.mktemp("history") / "home")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")
