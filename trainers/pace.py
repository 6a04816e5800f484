"""When a training keeps what it has got done, and when it ends for it. Neither changes what comes out."""

import time

from trainers.spec import STOPPED


class Pace:
    """Something is to be kept every `every_s` seconds, and at once when the program is asked to stop."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self._stopping = False
        self._kept_at = time.monotonic()

    def stop(self, *_: object) -> None:
        """Ask the program to stop. A handler for SIGTERM."""
        self._stopping = True

    def is_due(self) -> bool:
        """Whether what there is should be kept now."""
        return self._stopping or time.monotonic() - self._kept_at >= self.every_s

    def kept(self) -> None:
        """Say that all there is has been kept. Raises SystemExit(STOPPED) if the program was asked to stop."""
        if self._stopping:
            print("stopped as asked; what is done is kept, and the same training goes on from here")
            raise SystemExit(STOPPED)
        self._kept_at = time.monotonic()
