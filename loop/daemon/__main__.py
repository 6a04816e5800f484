"""`python -P -m loop.daemon`: the daemon in the foreground, which is what `--detach` starts."""

import sys

from loop.cli import main

sys.exit(main(["daemon", "run"]))
