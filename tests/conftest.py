"""What all tests share: processes that find their modules compiled, and the longest files first."""

import gc
import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

# Hundreds of interpreters are started here: where none may keep what it compiles, each compiles everything again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Several test processes share the cores: a second thread of each would wait awake for the first, and take what they all
# need (26 s of processor time for 11 s of a small model's).
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Thousands of small files are made durable here: on a disk half of the time would be spent waiting for it.
MEMORY = Path("/dev/shm")
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# The same examples each time, however long one takes on a machine that is busy.
ANY_TIME = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("here", deadline=None, derandomize=True, suppress_health_check=ANY_TIME)
settings.load_profile("here")

gc.disable()  # until everything is imported: see `pytest_collection_finish`

TRAINERS = "tests/trainers/"
LONGEST = (
    "trainers/test_resume.py",
    "loop/engine/test_vllm_engine.py",
    "loop/test_real_loop.py",
    "loop/daemon/test_daemon.py",
    "runs/test_mlflow.py",
    "crash/test_killed.py",
    "loop/test_worker.py",
    "loop/test_recipes.py",
    "loop/test_engine_supervision.py",
    "loop/test_branching.py",
    "microworld/test_what_m1_can_do.py",
    "microworld/test_models.py",
    "loop/test_loop.py",
    "loop/test_cli_run.py",
    "loop/test_stopping.py",
    "crash/test_killed_processes.py",
    "hostile/test_secrets.py",
    "loop/test_recovery.py",
    "loop/test_economy.py",
)
"""The files that take longest begin first, so that at the end no process works alone."""


class Together(LoadFileScheduling):
    """Each file goes to one process, and all of the trainers' to the same one.

    What they train in has imported torch, transformers and TRL, and is started once for them all.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return TRAINERS if file.startswith(TRAINERS) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    """How the tests are handed out to several processes."""
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of LONGEST in their order, then the others in theirs."""
    here = Path(__file__).parent
    place = {here / file: nth for nth, file in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


def pytest_collection_finish() -> None:
    """What was imported stays, and is not looked through again and again for garbage: a twelfth of the time."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """At the end everything may go in the usual way."""
    gc.unfreeze()
