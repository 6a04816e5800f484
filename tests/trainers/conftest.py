"""What the tests of the trainers share: a tiny base model, two adapters of it, and a warm host for programs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}  # before transformers reads them

from loop.workers.trainers import Trainers

TRAINING = ("trainers.dpo", "trainers.sft", "trainers.preference", "trainers.rl")
PROGRAMS = (*TRAINING, "trainers.score", "trainers.probe", "trainers.merge", "tests.trainers.dying")
ADAPTERS = {"seed": 1, "previous": 2}


@pytest.fixture(scope="session")
def trainers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainers]:
    """A warm host, importing while the first tests run."""
    with Trainers(tmp_path_factory.mktemp("host") / "log", 1, PROGRAMS) as warm:
        yield warm


@pytest.fixture(scope="session")
def base(trainers: Trainers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.trainers.tiny import make_base

    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two trained adapters that differ, by name: `seed` and `previous`."""
    from tests.trainers.tiny import random_pairs, train, write_spec

    folders = {name: tmp_path_factory.mktemp(name) for name in ADAPTERS}
    for name, seed in ADAPTERS.items():
        train(write_spec(folders[name], base, random_pairs(16, seed), seed=seed), folders[name])
    return folders
