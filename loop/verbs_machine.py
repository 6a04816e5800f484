"""`mlflow` and `doctor`: the window on the numbers, and what this machine can do."""

import os
import socket
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from loop.home import home
from loop.terminal import Json, print_document, print_line
from runs.errors import UsageError


def mlflow(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on 127.0.0.1")] = 5000,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Send every run again from the store, and end")] = False,
    as_json: Json = False,
) -> int:
    """Open MLflow's pages over this home, on 127.0.0.1 only, until Ctrl-C."""
    if rebuild:
        return _rebuild(as_json)
    from runs.mlflow_database import make_database
    from runs.mlflow_mark import default_uri, mlflow_folder
    from runs.mlflow_ui import server_command, server_environment
    from runs.store import Store

    if not mlflow_folder(home()).is_dir():
        raise UsageError(f"nothing in {home()} was sent to MLflow yet; `selfsame run self-rewarding` does so")
    _refuse_a_taken_port(port)
    make_database(Store(home()), default_uri(home()))  # a server that is killed at its first start leaves half of it
    address = f"http://127.0.0.1:{port}"
    if as_json:
        print_document({"address": address, "store": default_uri(home())})
    else:
        print_line(f"MLflow opens at {address} (Ctrl-C ends it); it shows {default_uri(home())}")
    sys.stdout.flush()
    os.dup2(2, 1)  # what the server says is no result of ours
    command = server_command(home(), port)
    # This process becomes the server: whoever ends it ends the server, by whatever signal.
    os.execve(command[0], command, server_environment())


def _refuse_a_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(f"port {port}: {error.strerror}; try `selfsame mlflow --port {port + 1}`") from error


def _rebuild(as_json: bool) -> int:
    from loop.feeding import rebuild
    from runs.errors import WorkerError
    from runs.store import Store

    store = Store(home())
    failed = rebuild(store)
    if failed:
        raise WorkerError(f"MLflow did not take the runs {', '.join(failed)}; what it said stands above")
    sent = [run.name for run in store.runs()]
    if as_json:
        print_document({"sent": sent})
    else:
        print_line(
            f"Sent to MLflow again: {', '.join(sent) or 'nothing, there is no run yet'}. `selfsame mlflow` opens it."
        )
    return 0


def doctor(as_json: Json = False) -> int:
    """Say in plain words what this machine can run."""
    from loop.doctor import examine

    findings = examine(home())
    if as_json:
        print_document([asdict(finding) for finding in findings])
        return 0
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        print_line(f"{'ok' if finding.fine else '!!'}  {finding.subject:<{width}}  {finding.says}")
    return 0
