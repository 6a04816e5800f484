"""Every error that a person can mend, by boundary. Each says the value, the place and the next command.

A guard's halt is no error: it is a `Decision`, it is stored, and it exits 3.
"""

import errno

FULL_OR_FAILING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""What the system says where the disk is at fault, by whatever code it was asked."""


class SelfsameError(Exception):
    """The root. `exit_code` is what the command line leaves with."""

    exit_code = 1


class UsageError(SelfsameError):
    """An address, a verb or a value on the command line that means nothing here."""

    exit_code = 2


class WorkerError(SelfsameError):
    """An engine or a trainer that failed. What has a receipt is kept; the same command goes on from there."""

    exit_code = 69


class StalledError(WorkerError):
    """A worker that lives and does not move."""


class OutOfMemoryError(WorkerError):
    """A worker that ran out of memory: its own limit, the device's, or the machine's."""


class DivergedError(WorkerError):
    """Training left the finite numbers. The same step would do it again: a guard's matter, not a retry's."""


class DiskError(SelfsameError):
    """The disk is full, read-only or failing; nothing half-written was kept.

    What to do next depends on who meets it: the command line says so, and a daemon tries again by itself.
    """

    exit_code = 74


class BusyError(SelfsameError):
    """Somebody else holds the lock of this home."""

    exit_code = 75


class SilentError(BusyError):
    """The daemon that holds the lock of this home does not answer."""


class ConfigError(SelfsameError):
    """A configuration or an input file that cannot be used."""

    exit_code = 78


class CorruptError(SelfsameError):
    """Bytes in the store that are not what their name says."""

    exit_code = 74
