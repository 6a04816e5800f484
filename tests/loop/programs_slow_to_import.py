"""`tests.loop.programs`, after an import that takes longer than a hasty parent lets a worker stand still."""

import time

from tests.loop.programs import main

__all__ = ["main"]

UNTIL_S = 1.2
while time.process_time() < UNTIL_S:
    pass
