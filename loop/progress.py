"""What long work tells whoever watches: one event a step begun, a shard done, a step done, a worker's sign."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Event:
    """`address` is `run@index/step`; `done` of `total` counts shards (0 of 0 where a step has none).

    `moved` means that within the shard under way an engine took a step or an endpoint replied; its address is that of
    the run. `retry` means that a worker failed, as `text` says, and that attempt `done` of `total` there begins.
    """

    kind: Literal["begin", "shard", "end", "known", "note", "retry", "moved"]
    address: str
    done: int = 0
    total: int = 0
    text: str = ""


Say = Callable[[Event], None]
