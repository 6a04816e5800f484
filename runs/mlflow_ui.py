"""How MLflow's own pages are opened over a home: the server's command line and environment, and a run's address."""

import os
import sys
from pathlib import Path

from runs.mlflow_mark import default_uri, mlflow_folder, read_mark


def server_command(home: Path, port: int) -> list[str]:
    """The command that serves the home's pages at http://127.0.0.1:`port`, and to nobody outside this machine."""
    # One worker, for one reader: the default is four processes.
    return [
        *(sys.executable, "-P", "-m", "mlflow", "server"),
        *("--backend-store-uri", default_uri(home)),
        *("--artifacts-destination", (mlflow_folder(home) / "artifacts").as_uri()),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]


def server_environment() -> dict[str, str]:
    """The environment for it: as here, but with no word to anybody and no job runners, which nothing here uses."""
    return os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def run_address(home: Path, run: str, port: int) -> str:
    """Where the pages of `run` are on that server; of all runs, if none of it was sent yet."""
    mark = read_mark(home, run)
    server = f"http://127.0.0.1:{port}/"
    return server if mark is None else f"{server}#/experiments/{mark.experiment_id}/runs/{mark.run_id}"
