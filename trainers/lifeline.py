"""A child process that cannot outlive its parent, however the parent ends."""

import ctypes
import os
import signal
import threading

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Have the kernel kill this process when the *thread* that started it ends. Linux only.

    It is the thread that counts: whoever starts such a child must do so in a thread that outlives it.
    """
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it was watched
        os._exit(1)


def exit_with_parent(lifeline: int = 0) -> None:
    """End this process when its parent does: by the kernel's signal, or when the pipe `lifeline` is closed.

    The pipe's other end must be held by the parent alone and nothing is sent through it. By default it is standard
    input.
    """
    die_with_parent()

    def watch() -> None:
        while os.read(lifeline, 4096):
            pass
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
