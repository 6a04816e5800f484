"""Starting the daemon beside the terminal, and waiting until it is ready or has said why it is not."""

import os
import secrets
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

from runs.durable import disk_errors, make_folder
from runs.errors import SelfsameError

READY_S = 60
"""Longest wait for a start; it takes a second or two, and longer only on a machine that does little else."""
LOG_BYTES = 8 * 2**20
"""A log that is longer when the daemon starts is put aside as `daemon.log.1`."""


class StartError(SelfsameError):
    """A daemon that did not become ready. Leaves with the exit code that the daemon left with."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def start_detached(home: Path) -> int:
    """The pid of a daemon for `home` that is ready, in a session of its own. Raises StartError with what it said."""
    log = home / "logs" / "daemon.log"
    make_folder(log.parent)
    with disk_errors(log, 0):
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    start = os.fstat(handle).st_size
    name = f"selfsame-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, os.fdopen(handle, "ab") as file:
        listener.bind(f"\0{name}")
        daemon = subprocess.Popen(
            [sys.executable, "-P", "-m", "loop.daemon"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=os.environ | {"SELFSAME_HOME": str(home), "NOTIFY_SOCKET": f"@{name}"},
            start_new_session=True,
        )
        deadline = time.monotonic() + READY_S
        while daemon.poll() is None and time.monotonic() < deadline:
            if select.select([listener], [], [], 0.05)[0] and b"READY=1" in listener.recv(4096).splitlines():
                return daemon.pid
    if daemon.poll() is None:
        daemon.terminate()
        raise StartError(f"the daemon was not ready within {READY_S} s and was told to stop. {_said(log, start)}", 1)
    code = daemon.returncode if daemon.returncode > 0 else 1
    raise StartError(f"the daemon did not start (exit code {daemon.returncode}). {_said(log, start)}", code)


def _said(log: Path, start: int) -> str:
    lines = log.read_bytes()[start:].decode(errors="replace").strip().splitlines()[-8:]
    return "It said:\n" + "\n".join(f"  {line}" for line in lines) + f"\nThe whole log: {log}"
