"""All that guards see of an iteration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loop.guards.finding import Metrics


@dataclass(frozen=True)
class Seen:
    """The numbers of one iteration: never gold.

    `items` are streams of numbers from 0 to 1, by stream and item: the same held-out items in each iteration. `curve`
    is the training, step by step. `rows` say where a metric, a stream or all of a step lie, as `3/measure DIGEST`.
    """

    index: int
    metrics: Metrics
    items: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    curve: Sequence[Mapping[str, float | None]] = ()
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What items are like, by the name of a tag and by item."""
    rows: Mapping[str, str] = field(default_factory=dict)
    measured: bool = True
    """Whether the candidate was measured: if not, a metric that is not there is not missing."""
    counts: tuple[str, ...] = ()
    """The metrics that say how many rows there are to be trained on."""
    finite: frozenset[str] = frozenset()
    """The metrics that must be numbers whatever else is asked of them."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """What kind of number a metric or a stream is, where that is known."""
    yardsticks: Mapping[str, str] = field(default_factory=dict)
    """By what each kind was measured; a kind that settings do without is not there. None where nobody says."""

    def step_of(self, metric: str) -> str:
        """The step that gave a metric; "" where nobody says."""
        return self.rows[metric].partition(" ")[0].partition("/")[2] if metric in self.rows else ""

    def took(self, step: str) -> bool:
        """Whether the iteration took that step, as far as anybody says: with other settings it need not."""
        return not step or not self.rows or step in self.rows

    def has(self, name: str) -> bool:
        """Whether there is a metric of this name, be it no number, or a stream."""
        return name in self.metrics or name in self.items

    def numbers(self, name: str) -> list[float]:
        """Those of the stream, or the metric as the only one; none for what is not there."""
        value = self.metrics.get(name)
        return [*self.items.get(name, {}).values(), *([] if value is None else [value])]

    def is_like(self, other: "Seen", name: str) -> bool:
        """Whether both measure it by the same yardstick, or both do without, as far as anybody says."""
        kind = self.kinds.get(name) or other.kinds.get(name)
        if not (kind and self.yardsticks and other.yardsticks):
            return True
        return self.yardsticks.get(kind) == other.yardsticks.get(kind)

    def addresses(self, what: str) -> tuple[str, ...]:
        """Where the numbers of a metric or a stream lie; nothing where nobody says."""
        return (self.rows[what],) if what in self.rows else ()
