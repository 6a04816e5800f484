"""What `selfsame diff` says: which settings differ, where two runs parted, and their metrics side by side.

A difference has an interval where rows allow one: both were measured on the same held-out prompts, so that it is the
mean of the differences prompt by prompt. Own scores are each given by its own judge; whoever judges himself changes
both sides of such a number.
"""

from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from loop.by_prompt import by_prompt, moved
from loop.changes import Change, leaf_changes
from loop.edits import Edits, edits
from loop.summary import HEADLINES, metrics_of
from loop.terminal import harmless, table
from runs.lineage import Found, Link, first_own, links, made_by
from runs.store import Store


@dataclass(frozen=True)
class Compared:
    """One metric of one iteration on both sides. The interval is of 95 %, over the `prompts` that both were given."""

    index: int
    metric: str
    a: float | None
    b: float | None
    difference: float | None
    low: float | None = None
    high: float | None = None
    prompts: int | None = None

    def interval(self) -> str:
        """The interval for people."""
        return "-" if self.low is None else f"{self.low:+.3g} to {self.high:+.3g}"

    def moved(self) -> bool:
        """Whether the interval leaves no doubt of the direction."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Comparison:
    """Two addresses with what differs. `shared` is the last iteration that they have in common, as an address.

    `edits` is None where both are judged by one constitution.
    """

    a: str
    b: str
    settings: tuple[Change, ...]
    operational: tuple[Change, ...]
    files: tuple[Change, ...]
    shared: str | None
    metrics: tuple[Compared, ...]
    edits: Edits | None = None

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        found = {**asdict(self), "edits": self.edits and self.edits.document()}
        return found | {"moved": [{"metric": one.metric, "behind": self._behind(one)} for one in self._moved()]}

    def text(self) -> str:
        """As lines for people: the settings, the parting, and the headline metrics of the iterations after it."""
        changes = [(c.leaf, c.old, c.new) for c in (*self.settings, *self.operational, *self.files)]
        order = list(HEADLINES)
        told = sorted((c for c in self.metrics if c.metric in order), key=lambda c: (c.index, order.index(c.metric)))
        columns = ["iteration", "metric", self.a, self.b, "difference", "95 % interval", "prompts"]
        rows = [(c.index, HEADLINES[c.metric], c.a, c.b, c.difference, c.interval(), c.prompts) for c in told]
        return "\n\n".join(
            [
                table(["setting", self.a, self.b], changes) if changes else "Every setting is the same.",
                f"They parted after {self.shared}." if self.shared else "They have no iteration in common.",
                table(columns, rows) if rows else "There is no iteration after that which both have.",
                *self._edits_text(),
            ]
        )

    def _edits_text(self) -> list[str]:
        """Which principles differ, what they said of the pairs on either side, and which metrics moved beside them."""
        if self.edits is None:
            return []
        lines = [
            f"{one.metric} {one.difference:+.3g} ({one.interval()}) at iteration {one.index}: "
            f"{', '.join(self._behind(one)) or 'no principle'}"
            for one in self._moved()
        ]
        compared = sum(one.low is not None and one.index in self.edits.iterations for one in self.metrics)
        these = "these moved, the likeliest edits behind:" if lines else "none moved."
        head = f"Their constitutions differ. Of {compared} metrics over prompts {these}"
        return [self.edits.text(self.a, self.b), "\n".join([head, *map(harmless, lines)])]

    def _moved(self) -> list[Compared]:
        """What moved beside an edit of the constitution, by judges that it did not change."""
        of = self.edits.iterations if self.edits else ()
        return [one for one in self.metrics if one.index in of and one.moved() and not one.metric.startswith("judge/")]

    def _behind(self, one: Compared) -> tuple[str, ...]:
        return self.edits.behind(one.metric, one.difference or 0.0) if self.edits else ()


def compare(store: Store, a: Found, b: Found) -> Comparison:
    """How two runs, or two iterations with all that is behind them, differ."""
    before, after = (links(store, found.run)[: found.iteration.index + 1] for found in (a, b))
    pairs = zip(before, after, strict=False)
    common = len(list(takewhile(lambda pair: pair[0].iteration == pair[1].iteration, pairs)))
    metrics = [
        compared
        for left, right in zip(before[common:], after[common:], strict=False)
        for compared in _compare_iterations(store, left, right)
    ]
    return Comparison(
        a=f"{a.run.name}@{a.iteration.index}",
        b=f"{b.run.name}@{b.iteration.index}",
        settings=tuple(leaf_changes(_settings(a), _settings(b))),
        operational=tuple(leaf_changes(a.run.operational, b.run.operational)),
        files=tuple(leaf_changes(a.run.inputs, b.run.inputs)),
        shared=f"{made_by(a.run, common - 1)}@{common - 1}" if common else None,
        metrics=tuple(metrics),
        edits=edits(store, a.run, b.run, before[common:], after[common:]),
    )


def _settings(found: Found) -> dict[str, Any]:
    """Those that the iteration was made with; for one that a branch shares, those that the branch goes on with."""
    return found.run.config if found.iteration.index < first_own(found.run) else found.iteration.config


def _compare_iterations(store: Store, a: Link, b: Link) -> list[Compared]:
    before, after = metrics_of(store, a), metrics_of(store, b)
    index, rows = a.iteration.index, [by_prompt(store, side.outputs) for side in (a, b)]
    return [
        _compare(index, metric, before.get(metric), after.get(metric), *(side.get(metric, {}) for side in rows))
        for metric in dict.fromkeys((*before, *after))
    ]


def _compare(
    index: int, metric: str, a: float | None, b: float | None, before: dict[str, float], after: dict[str, float]
) -> Compared:
    if a is None or b is None:
        return Compared(index, metric, a, b, None)
    found = moved(before, after)
    return Compared(index, metric, a, b, *(found or (b - a,)))
