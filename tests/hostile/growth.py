"""Work in a child of its own: what came of it, and by how much it made the process grow."""

import json
import os
import resource
import signal
from collections.abc import Callable

from runs.errors import SelfsameError

TOO_LONG_S = 60
"""Nothing here takes a second; what takes a minute hangs."""


def in_a_child(work: Callable[[], object]) -> tuple[str, float]:
    """The refusal's text ("" if there was none) and the growth in MiB. A child that hangs or dies fails the test."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(TOO_LONG_S)
        before = _most_kib()
        said = ""
        try:
            work()
        except SelfsameError as refusal:
            said = f"exit {refusal.exit_code}: {refusal}"
        except BaseException as error:
            said = f"a bug: {error!r}"
        os.write(writing, json.dumps([said[:2000], (_most_kib() - before) / 1024]).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == 0, f"the child ended with {ended}"
    refusal, growth_mib = json.loads(told)
    return refusal, growth_mib


def _most_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
