"""Tracking servers that are out, each in a way of its own, and MLflow's real one."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from runs.mlflow_mark import mlflow_folder
from runs.mlflow_ui import server_command, server_environment

SLOW_S = 10.0
HALF_S = 1.0
READY_S = 300


class Failing(BaseHTTPRequestHandler):
    """Answers 500 to everything."""

    def _fail(self) -> None:
        self.send_error(500)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _fail

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


class Slow(Failing):
    """Answers 500 to everything, and takes its time."""

    def _fail(self) -> None:
        time.sleep(SLOW_S)
        self.send_error(500)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _fail


@contextmanager
def out(kind: str, port: int, home: Path) -> Iterator[None]:
    """A server at `port` that is out in that way. `home` is for the one that is there half of the time."""
    if kind == "refused":
        yield
    elif kind == "silent":
        with socket.create_server(("127.0.0.1", port)):
            yield
    elif kind == "half":
        with real_server(home, hidden := free_port()), now_and_then(port, hidden):
            yield
    else:
        with ThreadingHTTPServer(("127.0.0.1", port), Slow if kind == "slow" else Failing) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield
            server.shutdown()


@contextmanager
def now_and_then(port: int, hidden: int) -> Iterator[None]:
    """What is asked at `port` reaches the server at `hidden` in every other second; between, all is cut off."""
    over = threading.Event()
    began = time.monotonic()

    def is_there() -> bool:
        return int((time.monotonic() - began) / HALF_S) % 2 == 1

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        source.settimeout(HALF_S / 10)  # who waits for a word must notice that the server is away
        with suppress(OSError):
            while is_there() and not over.is_set():
                try:
                    data = source.recv(1 << 14)
                except TimeoutError:
                    continue
                if not data:
                    break
                target.sendall(data)
        source.close()
        target.close()

    def serve(listener: socket.socket) -> None:
        while not over.is_set():
            with suppress(OSError):
                asking, _ = listener.accept()
                if not is_there():
                    asking.close()
                    continue
                answering = socket.create_connection(("127.0.0.1", hidden))
                for ends in ((asking, answering), (answering, asking)):
                    threading.Thread(target=pass_on, args=ends, daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(0.2)
        serving = threading.Thread(target=serve, args=(listener,), daemon=True)
        serving.start()
        yield
        over.set()
        serving.join()


@contextmanager
def real_server(home: Path, port: int) -> Iterator[None]:
    """MLflow's own server, healthy, over the database in `home`."""
    mlflow_folder(home).mkdir(parents=True, exist_ok=True)
    server = subprocess.Popen(
        server_command(home, port),
        env=server_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(port)
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # asked to end, it would wait for whoever keeps a connection open
        server.wait()


def wait_for(port: int) -> None:
    """Until the server at `port` is healthy."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            try:
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.5)
    raise SystemExit("MLflow's server did not come up")


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
