"""Telling whoever started the daemon how it is, in systemd's protocol (sd_notify(3)): datagrams of `NAME=value` lines.

`daemon run --detach` listens in the same way, so there is one way to be ready.
"""

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress


class Notifier:
    """Sends to the address in `NOTIFY_SOCKET`; to nobody where there is none. Never raises and never waits."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Takes the variables out of `environment`: what the daemon starts is not to speak for it."""
        address = environment.pop("NOTIFY_SOCKET", "")
        watchdog_us = environment.pop("WATCHDOG_USEC", "")
        watched = environment.pop("WATCHDOG_PID", str(os.getpid()))
        self.watchdog_s = int(watchdog_us) / 1e6 if watchdog_us.isdigit() and watched == str(os.getpid()) else None
        """How often a sign of life is wanted, in seconds; None where nobody waits for one."""
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, **fields: str) -> None:
        """Send the fields as one message."""
        if not self._address:
            return
        message = "\n".join(f"{name}={' '.join(value.split())}" for name, value in fields.items())
        # Whoever waited for us may be gone, and the loop goes on all the same.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(), self._address)
