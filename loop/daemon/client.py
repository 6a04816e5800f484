"""Asking the daemon of a home, if there is one. Nothing heavy is imported: `status` asks too."""

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runs.durable import read_checked
from runs.errors import BusyError, ConfigError, CorruptError, DiskError, SelfsameError, SilentError, UsageError
from runs.store import Store

HOST = "selfsame"
INSTANCE = "Selfsame-Instance"
"""The header by which a daemon and its callers know each other."""
PATIENCE_S = 10.0
ERRORS: dict[int, type[SelfsameError]] = {
    error.exit_code: error for error in (UsageError, DiskError, BusyError, ConfigError)
}


@dataclass(frozen=True)
class Whereabouts:
    """What a daemon leaves in `control/daemon.json`. Believed only while that process holds the lock, and proves it."""

    pid: int
    instance: str
    socket: str


def whereabouts_path(home: Path) -> Path:
    """Where a daemon says where it listens."""
    return home / "control" / "daemon.json"


def find_daemon(store: Store) -> Whereabouts | None:
    """The daemon that holds the lock of the home; None if nobody does, or somebody else."""
    try:
        value = read_checked(whereabouts_path(store.home))
        found = None if value is None else Whereabouts(**value)
    except (CorruptError, TypeError):
        return None
    return found if found is not None and found.pid == store.owner() else None


def as_typed_here(store: Store, text: str) -> str:
    """`text` with the commands that it names as they work in this home: where a daemon holds it, it takes the work."""
    return text if find_daemon(store) is None else as_typed_beside_a_daemon(text)


def as_typed_beside_a_daemon(text: str) -> str:
    """`text` with `run` and `resume`, which would find the home busy, as they are handed to the daemon."""
    return text.replace("selfsame resume", "selfsame daemon submit --resume").replace(
        "selfsame run", "selfsame daemon submit"
    )


def ask(store: Store, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """What the daemon answers; None if there is none. Raises its error as it would be raised here.

    Raises SilentError if the daemon lives and its socket does not answer.
    """
    found = find_daemon(store)
    if found is None:
        return None
    headers = {INSTANCE: found.instance} | ({} if body is None else {"Content-Type": "application/json"})
    if _is_stopped(found.pid):
        raise _unanswered(store, found, "it is stopped, as by Ctrl-Z or SIGSTOP", f"`kill -CONT {found.pid}` wakes it")
    connection = _UnixConnection(found.socket)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = connection.getresponse()
        data = reply.read()
        answer = json.loads(data)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if find_daemon(store) is None:
            return None  # it has just ended
        why, late = error.strerror if isinstance(error, OSError) and error.strerror else "it answers no HTTP", ""
        if isinstance(error, TimeoutError):
            why = f"nothing came within {PATIENCE_S:g} s"
            late = "What it was asked for may still be done. " if body is not None else ""
        todo = (
            f"{late}What it works on goes on. `kill {found.pid}` ends it after the shard in flight, and where that "
            f"does nothing, `kill -9 {found.pid}` at once; no more than that shard is lost. `selfsame daemon run "
            "--detach` then starts another, which goes on"
        )
        raise _unanswered(store, found, why, todo) from error
    finally:
        connection.close()
    if reply.getheader(INSTANCE) != found.instance:
        return None  # a stranger at an address that was left behind
    if reply.status >= 400:
        raise ERRORS.get(answer["exit_code"], SelfsameError)(answer["error"])
    return dict(answer)


def _unanswered(store: Store, found: Whereabouts, why: str, todo: str) -> SilentError:
    home, socket_path = store.home, found.socket
    return SilentError(f"the daemon of {home} (process {found.pid}) does not answer at {socket_path}: {why}. {todo}")


def _is_stopped(pid: int) -> bool:
    """Whether the process is halted by a signal: it lives, holds the lock, and does nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        return False


def ask_how_it_stands(store: Store) -> dict[str, Any] | None:
    """What the daemon says of itself; None if there is none. Of one that does not answer, what the home says."""
    try:
        return ask(store, "GET", "/v1/daemon")
    except SilentError as error:
        from loop.daemon.standing import standing_without

        return standing_without(store, {"pid": store.owner(), "unanswered": str(error)})


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket. httpx does this too, and takes 0.8 s to import."""

    def __init__(self, path: str) -> None:
        super().__init__(HOST, timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self._path)
