"""The folder for a worker's temporary files, which goes with the worker."""

import getpass
import os
import tempfile
from pathlib import Path

LONGEST_PATH = 60
"""Characters: workers make sockets some levels below, and the kernel takes 107 of a socket's path."""


def temporary_folder() -> str:
    """The path of a new folder (0700), in the usual place or, where that path is too long, in /tmp.

    Where torch looks in it for what it compiled before, it finds what other workers compiled: its cache and its
    headers, which no variable moves, are below the temporary folder, and each start would compile them anew.
    """
    usual = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="selfsame-", dir=usual if len(usual) <= LONGEST_PATH else "/tmp")
    compiled = Path(usual, f"torchinductor_{_user()}")
    compiled.mkdir(mode=0o700, exist_ok=True)
    os.symlink(compiled, Path(folder, compiled.name))
    return folder


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in a container
        return f"uid_{os.getuid()}"
