"""Files beside the store, such as logs: for their owner alone, whatever the umask says and whoever made them."""

import os


def private(path: str, flags: int) -> int:
    """For `open(..., opener=private)`: the handle of a file whose mode is 0600, also if it was there before."""
    handle = os.open(path, flags, 0o600)
    os.fchmod(handle, 0o600)
    return handle
