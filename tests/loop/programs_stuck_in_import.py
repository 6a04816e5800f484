"""`tests.loop.programs`, behind an import that never ends."""

import time

from tests.loop.programs import main

__all__ = ["main"]

time.sleep(600)
