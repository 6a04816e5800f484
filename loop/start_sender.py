"""Starting the program that sends to MLflow what a run owes it: `runs.mlflow_sender`."""

import os
import subprocess
import sys

from runs.private import private
from runs.store import Store


def sender_command(store: Store, run: str, uri: str) -> list[str]:
    """The command that sends to MLflow at `uri` what `run` owes it, until its standard input ends."""
    return [sys.executable, "-P", "-m", "runs.mlflow_sender", str(store.home), run, uri]


def start_sender(store: Store, run: str, uri: str, stdin: int) -> "subprocess.Popen[bytes]":
    """The program, started beside us; what it says goes to a log of its own. Raises OSError where it does not start.

    `stdin` is `subprocess.PIPE` for one that is poked, `subprocess.DEVNULL` for one that sends once and ends.
    """
    with open(store.logs / f"mlflow-{run}.log", "wb", opener=private) as log:
        return subprocess.Popen(
            sender_command(store, run, uri),
            stdin=stdin,
            stdout=log,
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for the loop
        )
