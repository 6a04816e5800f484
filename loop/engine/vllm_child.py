"""vLLM's own process: `python -P -m loop.engine.vllm_child FD`."""

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loop.engine.options import EngineOptions
from loop.engine.serving import Served, serve
from trainers.parent import Parent


def start(message: dict[str, Any], moved: Callable[[str], None]) -> Served:
    """The engine that the parent's first message describes."""
    gc.disable()  # importing leaves nothing to collect, and looking for it took a sixth of the start
    from loop.engine.vllm_child_served import VllmServed

    gc.freeze()
    gc.enable()
    options = EngineOptions(**{**message["options"], "base": Path(message["options"]["base"])})
    return VllmServed(message["base"], options, moved)


if __name__ == "__main__":
    serve(Parent(int(sys.argv[1])), start)
