"""MLflow's SQLite file in a home, made whole or not at all.

MLflow 3.17 creates its tables one by one. Killed meanwhile it leaves a file that it refuses for ever after ("table
webhooks already exists": 4 of 12 kills, 2026-11-21), so the file is made beside its place and gets its name at the end.
"""

import os
from contextlib import suppress

from runs.durable import TEMPORARY
from runs.mlflow_mark import default_uri, mlflow_folder
from runs.store import Store


def make_database(store: Store, uri: str) -> None:
    """Make sure that the home's own database is there, if that is what `uri` names. Raises OSError."""
    path = mlflow_folder(store.home) / "mlflow.db"
    if uri != default_uri(store.home) or path.exists():
        return
    made = path.with_name(f"{TEMPORARY}{os.getpid()}.db")
    child = os.fork()  # whose end closes whatever MLflow has opened
    if child == 0:
        code = 1
        try:
            from mlflow import MlflowClient

            MlflowClient(f"sqlite:///{made}").search_experiments()
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        raise OSError(f"MLflow could not make its database {made}")
    with suppress(FileExistsError):  # another run's sender was faster
        os.link(made, path)
    made.unlink()
