"""What a step gave: the shards of its tables, and small values beside them."""

from dataclasses import dataclass, field
from typing import Any

from runs.records import Record


@dataclass(frozen=True)
class Output(Record):
    """The result of one step. It is stored as an object whose digest is the step's output digest.

    `tables` map a noun to the digests of its shards, in order; `values` are plain JSON. Four values mean something to
    everybody: `metrics` (name -> number or None), `adapter` (the adapter that the step made), `models` (the preference
    models) and `decision`.
    """

    step: str
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float | None]:
        """The numbers of this step, by name."""
        metrics: dict[str, float | None] = self.values.get("metrics", {})
        return metrics

    @property
    def adapter(self) -> str | None:
        """The digest of the adapter that this step trained, or adopted to start from; None for neither."""
        made: str | None = self.values.get("adapter") or self.values.get("policy")
        return None if made == self.values.get("base") else made

    @property
    def models(self) -> dict[str, str]:
        """The digests of the preference models that the step trained, or that it found trained already, by kind."""
        return dict(self.values.get("models", {}))

    @property
    def adapters(self) -> tuple[str, ...]:
        """All adapters that it names: a policy's, or preference models'."""
        return (*([self.adapter] if self.adapter else []), *self.models.values())
