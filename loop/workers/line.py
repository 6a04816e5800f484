"""The line to a worker, seen from here: messages go out and come in as lines of JSON, and nothing here ever waits."""

import json
import select
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from runs.errors import WorkerError

LONGEST_ANSWER_BYTES = 2**31


class Line:
    """Our end of the line to whoever is `called` so."""

    def __init__(self, end: socket.socket, called: str) -> None:
        """It closes `end`."""
        end.setblocking(False)
        self._end = end
        self._called = called
        self._outgoing = b""
        self._incoming = bytearray()
        self._searched = 0  # of `_incoming`: no line ends before
        self.hung_up = False
        """Whether nothing comes any more."""

    def fileno(self) -> int:
        """For `poll`."""
        return self._end.fileno()

    @property
    def awaits(self) -> int:
        """The events of `poll` after which something can be moved."""
        return select.POLLIN | (select.POLLOUT if self._outgoing else 0)

    def tell(self, message: Mapping[str, Any]) -> None:
        """Have a message go out, as far as it goes at once."""
        self._outgoing += json.dumps(message, allow_nan=False).encode() + b"\n"
        self.send()

    def send(self) -> None:
        """Send what is still to go out, as far as it goes."""
        with suppress(BlockingIOError, ConnectionError):  # one that is gone is seen to have ended
            while self._outgoing:
                self._outgoing = self._outgoing[self._end.send(self._outgoing) :]

    def take(self) -> None:
        """Take in what has come. Raises WorkerError for a line that is longer than any answer."""
        try:
            while came := self._end.recv(2**20):
                self._incoming += came
                if len(self._incoming) > LONGEST_ANSWER_BYTES:
                    raise WorkerError(f"{self._called} answered more than {LONGEST_ANSWER_BYTES} bytes in one line")
            self.hung_up = True
        except BlockingIOError:
            pass
        except ConnectionError:
            self.hung_up = True

    def next_line(self) -> bytes:
        """A whole line that was taken in, with its end; b"" if none was."""
        end = self._incoming.find(b"\n", self._searched) + 1
        line = bytes(self._incoming[:end])
        del self._incoming[:end]
        self._searched = 0 if end else len(self._incoming)
        return line

    def close(self) -> None:
        """Hang up."""
        self._end.close()


def read_object(line: bytes) -> dict[str, Any] | None:
    """The JSON object that a line holds; None if it holds no such thing."""
    try:
        message = json.loads(line, parse_constant=no_number)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def no_number(name: str) -> float:
    """For `json.loads(parse_constant=)`: NaN and the infinities are refused, by ValueError."""
    raise ValueError(f"{name} is no number of JSON")
