"""The folder for a worker's temporary files, which goes with the worker."""

import tempfile

LONGEST_PATH = 60
"""Characters: workers make sockets some levels below, and the kernel takes 107 of a socket's path."""


def temporary_folder() -> str:
    """The path of a new folder (0700), in the usual place or, where that path is too long, in /tmp."""
    usual = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="selfsame-", dir=usual if len(usual) <= LONGEST_PATH else "/tmp")
