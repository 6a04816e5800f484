"""How long a worker is waited for: it may take its time as long as it moves."""

UNWATCHED_S = 5.0


class Patience:
    """The time since a worker last moved, and in all. Only time in which somebody looked counts.

    A laptop that slept or a process that was stopped leaves a gap between two looks; of a gap, at most `UNWATCHED_S`
    counts, so that nobody is called stalled who could not have been seen to move.
    """

    def __init__(self, now: float, stall_s: float, timeout_s: float) -> None:
        """`now` is a monotonic clock's, in seconds, here and in `look`."""
        self._stall_s, self._timeout_s = stall_s, timeout_s
        self._looked = now
        self._waited = self._still = 0.0
        self._sign: object = None

    def look(self, now: float, sign: object) -> bool:
        """Take note of the worker's sign of progress: anything that differs from the last one means that it moved.

        Returns whether it may go on by its sign: False once it stood still for `stall_s`.
        """
        passed = min(now - self._looked, UNWATCHED_S)
        self._looked = now
        self._waited += passed
        self._still = 0.0 if sign != self._sign else self._still + passed
        self._sign = sign
        return self._still < self._stall_s

    @property
    def still_s(self) -> float:
        """How long it has stood still."""
        return self._still

    @property
    def is_over(self) -> bool:
        """Whether it has taken longer than `timeout_s` in all, moving or not."""
        return self._waited >= self._timeout_s
