"""The settings that decide no result and may change on resume: the truth for the eye, limits, where a run is shown."""

from typing import Annotated, Literal

from pydantic import Field

from loop.config_endpoint import Endpoint
from loop.config_section import Count, Positive, Section

OPERATIONAL = ("iterations", "gold", "limits", "export")
"""What of the configuration is operational."""


class Gold(Section):
    enabled: bool = True
    """Score answers with the microworld's gold scorer, for the eye only. Needs prompts of the microworld."""
    prompts: Count = 256
    """Held-out prompts answered for the gold score: one sampled answer each."""
    greedy: bool = True
    """Whether each is also answered greedily."""
    max_tokens: Count = 48
    """Longest answer that is scored, in tokens."""


class Limits(Section):
    hours: Positive | None = None
    """Stop cleanly before the first shard that would begin after this many hours of this start."""
    tokens: Count | None = None
    """Stop cleanly before the first shard that would begin after this many generated tokens of this start."""
    call_timeout_s: Positive = 21_600
    """Longest call of the engine (one shard) or start of it, in seconds; an engine that takes longer is ended."""
    training_timeout_s: Positive = 86_400
    """Longest training of one iteration, in seconds; a trainer that takes longer is ended."""
    stall_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 900
    """Longest time without a sign of progress, in seconds: a step; in a start, use of a processor. Slow is no fault."""
    worker_memory_gib: Positive | None = None
    """Most memory that the engine, or the trainer, may hold in GiB; none leaves it to the machine."""
    worker_attempts: Count = 3
    """Times that the same shard or step is tried, with fresh workers, before the run gives up with exit 69."""
    engine_while_training: Literal["resident", "sleep", "stop"] = "resident"
    """The engine while the trainer works: in memory, asleep (on a GPU: its memory free, its start saved), or ended."""
    checkpoint_every_s: Positive = 60
    """What the death of a trainer can cost, in seconds of training: it keeps a checkpoint so often."""
    min_free_disk_gib: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    """Stop cleanly, with exit 74, before the first shard that would begin with less free disk."""
    endpoint: Endpoint = Endpoint()
    """How a judge that is asked over the network is asked, and what it may cost."""


class Export(Section):
    mlflow: bool = True
    """Send parameters, metrics and plots to MLflow. A dead server never stops the loop."""
    tracking_uri: str | None = None
    """MLflow's tracking address: none is a SQLite file in selfsame's home. No user and no password may be in it."""
