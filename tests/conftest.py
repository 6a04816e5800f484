"""What all tests share: processes that find their modules compiled, and the longest files first."""

import os
import sys
from pathlib import Path

import pytest

# Hundreds of interpreters are started here: where none may keep what it compiles, each compiles everything again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

LONGEST = (
    "loop/test_real_loop.py",
    "loop/engine/test_vllm_engine.py",
    "loop/daemon/test_daemon.py",
    "trainers/test_resume.py",
    "trainers/test_dpo.py",
    "microworld/test_what_m1_can_do.py",
    "microworld/test_models.py",
    "crash/test_killed.py",
    "loop/test_recovery.py",
    "runs/test_outbox.py",
    "hostile/test_secrets.py",
    "loop/test_cli_run.py",
)
"""The files that take longest begin first, so that at the end no process works alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of LONGEST in their order, then the others in theirs."""
    here = Path(__file__).parent
    place = {here / file: nth for nth, file in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))
