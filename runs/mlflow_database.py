"""MLflow's SQLite file in a home, made whole or not at all.

MLflow 3.17 creates its tables one by one, whenever it opens a file that lacks some. Killed meanwhile it leaves a file
that it refuses for ever after ("table webhooks already exists": 4 of 12 kills, 2026-11-21), so the file is made beside
its place and gets its name at the end. One that was left half made all the same is made again.
"""

import ctypes
import os
import shutil
import signal
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from runs.durable import TEMPORARY, make_folder
from runs.lock import hold
from runs.mlflow_mark import default_uri, mlflow_folder
from runs.store import Store


def make_database(store: Store, uri: str) -> None:
    """Make sure that the home's own database is there and whole, if that is what `uri` names.

    Call it before MLflow opens `uri`. Raises OSError if MLflow cannot make one, BusyError while another process does.
    """
    folder = mlflow_folder(store.home)
    path = folder / "mlflow.db"
    if uri != default_uri(store.home) or _is_whole(path):
        return
    make_folder(folder)
    make_folder(store.home / "control")
    with hold(store.home / "control" / "mlflow.lock"):
        if _is_whole(path):  # another run's sender was faster
            return
        for left in (*folder.glob(f"{TEMPORARY}*"), *folder.glob(f"{path.name}*")):  # with their journals
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=folder) as place:
            _have_made(Path(place, path.name))
            os.rename(Path(place, path.name), path)


def die_with_parent() -> None:
    """Have this process killed when the one that started it ends."""
    set_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


def _is_whole(path: Path) -> bool:
    """Whether MLflow finished making this file: the last thing that it puts there is its first experiment.

    What cannot be read now (somebody writes, it is damaged) is for MLflow to say, and never made again.
    """
    if not path.exists():
        return False
    try:
        # Open for writing: SQLite then takes back what a killed writer had not finished.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            return connection.execute("select 1 from experiments limit 1").fetchone() is not None
    except sqlite3.DatabaseError as error:
        return "no such table" not in str(error)


def _have_made(path: Path) -> None:
    child = os.fork()  # whose end closes whatever MLflow has opened
    if child == 0:
        code = 1
        try:
            die_with_parent()
            from mlflow import MlflowClient

            MlflowClient(f"sqlite:///{path}").search_experiments()
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        raise OSError(f"MLflow could not make its database {path}")
