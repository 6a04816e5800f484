"""What `selfsame diff` says: which settings differ, where two runs parted, and their metrics side by side.

A difference has an interval where rows allow one: both were measured on the same held-out prompts, so that it is the
mean of the differences prompt by prompt. Own scores are each given by its own judge; whoever judges himself changes
both sides of such a number.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from judges.statistics import mean_difference
from loop.changes import Change, leaf_changes
from loop.panel import decisive
from loop.summary import HEADLINES, metrics_of
from loop.terminal import table
from runs.lineage import Found, Link, first_own, links, made_by
from runs.output import Output
from runs.records import Judgment, Response
from runs.store import Store

BY_ROWS = {
    "measure": ("judge/score_mean", "policy/length_mean_tokens"),
    "gold": ("gold/sampled_mean", "gold/greedy_mean"),
}
"""The metrics that are means over prompts, by the step whose rows they are made of."""


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


@dataclass(frozen=True)
class Comparison:
    """Two addresses with what differs. `shared` is the last iteration that they have in common, as an address."""

    a: str
    b: str
    settings: tuple[Change, ...]
    operational: tuple[Change, ...]
    files: tuple[Change, ...]
    shared: str | None
    metrics: tuple[Compared, ...]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

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
            ]
        )


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
    )


def _settings(found: Found) -> dict[str, Any]:
    """Those that the iteration was made with; for one that a branch shares, those that the branch goes on with."""
    return found.run.config if found.iteration.index < first_own(found.run) else found.iteration.config


def _compare_iterations(store: Store, a: Link, b: Link) -> list[Compared]:
    before, after = metrics_of(store, a), metrics_of(store, b)
    index, rows = a.iteration.index, [_by_prompt(store, side.outputs) for side in (a, b)]
    return [
        _compare(index, metric, before.get(metric), after.get(metric), *(side.get(metric, {}) for side in rows))
        for metric in dict.fromkeys((*before, *after))
    ]


def _compare(
    index: int, metric: str, a: float | None, b: float | None, before: dict[str, float], after: dict[str, float]
) -> Compared:
    if a is None or b is None:
        return Compared(index, metric, a, b, None)
    prompts = [prompt for prompt in before if prompt in after]
    if len(prompts) < 2:
        return Compared(index, metric, a, b, b - a)
    found = mean_difference([before[p] for p in prompts], [after[p] for p in prompts], seed=0)
    return Compared(index, metric, a, b, found.value, found.low, found.high, len(prompts))


def _by_prompt(store: Store, outputs: dict[str, str]) -> dict[str, dict[str, float]]:
    """Metric -> prompt -> its number there, for the metrics that are means over prompts."""
    found: dict[str, dict[str, float]] = {}
    if "measure" in outputs:
        score, length = BY_ROWS["measure"]
        responses, scores = _rows(store, store.output(outputs["measure"]))
        found[score] = {row.prompt: scores[row.digest] for row in responses if row.digest in scores}
        # The policy's own answers stand first; those after them are of the seed policy, to be compared with.
        found[length] = {row.prompt: float(len(row.token_ids)) for row in reversed(responses)}
    if "gold" in outputs:
        responses, scores = _rows(store, store.output(outputs["gold"]))
        for metric, greedy in zip(BY_ROWS["gold"], (False, True), strict=True):
            rows = [row for row in responses if (row.sampling.temperature == 0) == greedy]
            found[metric] = {row.prompt: scores[row.digest] for row in rows if row.digest in scores}
    return found


def _rows(store: Store, output: Output) -> tuple[Sequence[Response], dict[str, float]]:
    """The answers of a step, and the score of each that has one."""
    judgments: list[Judgment] = decisive(store.all_rows("judgments", output))
    scores = {row.judged[0]: row.score for row in judgments if row.score is not None}
    return store.all_rows("responses", output), scores
