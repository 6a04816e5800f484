"""The daemon's Unix socket: where it is, who may connect, and the thread that serves it.

Nothing here can stop the loop: what fails is one warning, and the daemon goes on without its socket.
"""

import hashlib
import logging
import os
import socket
import stat
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.daemon.client import Whereabouts, whereabouts_path
from runs.durable import make_folder, write_checked
from runs.errors import SelfsameError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LONGEST_PATH = 100
"""Bytes of a socket's path; the kernel takes 107 and says so in no helpful way."""
MOST_CONNECTIONS = 64
END_S = 2.0

log = logging.getLogger(__name__)


class OwnersSocket(socket.socket):
    """A listening socket that lets in one uid alone, whatever the permissions of its file say."""

    uid: int

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. Raises ConnectionAbortedError for another's, which servers pass over."""
        connection, address = super().accept()
        _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid != self.uid:
            connection.close()
            raise ConnectionAbortedError(f"uid {uid} is not {self.uid}")
        return connection, address


@contextmanager
def listening(home: Path, instance: str, make_app: "Callable[[], ASGIApp]") -> Iterator[None]:
    """Have an application served on the home's socket, and the address left in `control/`, until the block ends.

    `make_app` is called in the thread that serves: what it needs is imported there, while the loop begins.
    """
    try:
        path = socket_path(home)
        listener = bind(path, os.getuid())
    except (OSError, SelfsameError) as error:
        log.warning("api is not served, the loop goes on without: %s", error)
        yield
        return
    server = _Server(listener, make_app, whereabouts_path(home))
    try:
        with _left_in_control(home, Whereabouts(os.getpid(), instance, str(path))):
            server.start()
            yield
    finally:
        server.end()
        path.unlink(missing_ok=True)


def socket_path(home: Path) -> Path:
    """Where the socket is to be, in a folder (0700) that is ours: in the home, or elsewhere if that path is too long.

    `control/` is there afterwards in both cases, for the address. Raises OSError if somebody else has made the folder
    elsewhere, or let others in.
    """
    path = home / "control" / "daemon.sock"
    make_folder(path.parent)
    path.parent.chmod(0o700)
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    name = hashlib.sha256(f"{os.getuid()} {home}".encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir(), f"selfsame-{name}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of ours alone; remove it, or use a shorter SELFSAME_HOME")
    return folder / "daemon.sock"


def bind(path: Path, uid: int) -> OwnersSocket:
    """A socket (0600) that listens at `path` for the processes of `uid`. What a dead daemon left there is replaced."""
    path.unlink(missing_ok=True)
    listener = OwnersSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.uid = uid
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(MOST_CONNECTIONS)
    except OSError:
        listener.close()
        raise
    return listener


class _Server:
    """uvicorn in a thread of its own. If it ends by itself, the address in the file `left_at` is taken away."""

    def __init__(self, listener: OwnersSocket, make_app: "Callable[[], ASGIApp]", left_at: Path) -> None:
        self._listener = listener
        self._make_app = make_app
        self._left_at = left_at
        self._ended = threading.Event()
        self._uvicorn: Any = None
        self._thread = threading.Thread(target=self._serve, name="api", daemon=True)

    def start(self) -> None:
        """Serve. Who connects before the server is up waits in the socket's backlog."""
        self._thread.start()

    def end(self) -> None:
        """Stop serving; a request in flight has a moment to end."""
        self._ended.set()
        deadline = time.monotonic() + END_S
        if self._uvicorn is not None:
            self._uvicorn.should_exit = True
        self._thread.join(max(0.0, deadline - time.monotonic()))
        self._listener.close()

    def _serve(self) -> None:
        try:
            import uvicorn

            self._uvicorn = uvicorn.Server(
                uvicorn.Config(
                    self._make_app(),
                    loop="asyncio",
                    http="h11",
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    limit_concurrency=MOST_CONNECTIONS,
                    timeout_graceful_shutdown=1,
                )
            )
            if not self._ended.is_set():
                self._uvicorn.run(sockets=[self._listener])
            if not self._ended.is_set():
                log.warning("api ended, the loop goes on without")
        except BaseException as error:  # also SystemExit, which uvicorn raises where it cannot start
            log.warning("api failed, the loop goes on without: %r", error)
        finally:
            if not self._ended.is_set():
                # Or whoever asks would wait for an answer as long as he has patience.
                self._left_at.unlink(missing_ok=True)
                self._listener.close()


@contextmanager
def _left_in_control(home: Path, whereabouts: Whereabouts) -> Iterator[None]:
    path = whereabouts_path(home)
    try:
        write_checked(path, asdict(whereabouts))
    except SelfsameError as error:
        log.warning("api is served and nobody can know where: %s", error)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
