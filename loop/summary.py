"""What a run did, from the store alone: a table by iteration, what moved in words, and what to type next."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from judges.verifier import Verifier
from loop.terminal import table
from loop.word import halted_by
from runs.lineage import Link, decision_of, first_link, last_index, links, made_by
from runs.records import Run
from runs.store import Store

HEADLINES = {
    "judge/score_mean": "own score",
    "judge/anchor_accuracy": "agrees with people",
    "judge/proven_index": "judged by",
    "policy/kl_to_seed_nats": "KL to seed",
    "policy/length_mean_tokens": "tokens",
    "signal/pairs": "pairs",
    "gold/sampled_mean": "gold sampled",
    "gold/greedy_mean": "gold greedy",
}
"""The metrics that a table shows, where a run has them, and what its columns are called."""
VERIFIED = {"judge/score_mean": "right answers"}
"""What columns are called where a verifier judged: its score is nobody's opinion."""


SHOWN = 50
"""How many iterations are shown to people where they do not say how many."""


@dataclass(frozen=True)
class Closed:
    """One closed iteration: who made it (an ancestor, if it is shared), its decision, and every metric of its steps.

    `verified` says that its answers were compared with references, and that no model judged them.
    """

    made_by: str
    index: int
    digest: str
    policy: str
    verdict: str
    reason: str
    metrics: dict[str, float | None]
    halted_by: tuple[str, ...] = ()
    verified: bool = False

    def shown(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def history(store: Store, run: Run, since: int = 0) -> list[Closed]:
    """The closed iterations of `run` from number `since` on, oldest first."""
    return [_closed(store, run, link) for link in links(store, run, since)]


def newest(store: Store, run: Run, most: int) -> list[Closed]:
    """The last `most` of the closed iterations, oldest first."""
    return history(store, run, last_index(store, run) - most + 1)


def seed_and(store: Store, run: Run, last: list[Closed]) -> list[Closed]:
    """Iteration 0 before the last ones, where it is not among them: what a run is compared with."""
    return [_closed(store, run, first_link(store, run)), *last] if last and last[0].index else last


def metrics_of(store: Store, link: Link) -> dict[str, float | None]:
    """Every metric of the iteration's steps, gold's too."""
    metrics: dict[str, float | None] = {}
    for name in link.outputs.values():
        metrics |= store.output(name).metrics
    return metrics


def headlines(closed: Sequence[Closed]) -> dict[str, str]:
    """HEADLINES as they are called for these iterations."""
    return HEADLINES | (VERIFIED if closed and all(one.verified for one in closed) else {})


def history_table(closed: list[Closed]) -> str:
    """One line an iteration, with the headline metrics that any of them has, and its maker where there are several."""
    names = [name for name in HEADLINES if any(name in one.metrics for one in closed)]
    columns = ["iteration", *(headlines(closed)[name] for name in names), "decision"]
    rows: list[list[Any]] = [[one.index, *(one.metrics.get(name) for name in names), one.verdict] for one in closed]
    if len({one.made_by for one in closed}) > 1:
        columns.append("made by")
        rows = [[*row, one.made_by] for row, one in zip(rows, closed, strict=True)]
    return table(columns, rows)


def what_is_left_out(name: str, shown: list[Closed]) -> str:
    """A line that says so where iterations are not shown that are older than those that are; else ""."""
    if not shown or not shown[0].index:
        return ""
    return f"{shown[0].index} older ones: selfsame log {name} --newest {shown[-1].index + 1}\n"


def in_words(closed: list[Closed]) -> list[str]:
    """What improved and what moved between the seed and the last iteration that was measured."""
    measured = [one for one in closed if any(name in one.metrics for name in SENTENCES)]
    if len(measured) < 2:
        return ["There is nothing to compare yet: no iteration after the seed was measured."]
    first, last = measured[0].metrics, measured[-1].metrics
    verified = all(one.verified for one in measured)
    sentences = SENTENCES | (RIGHT if verified else {})
    moves = {name: Move.of(name, first, last) for name in HEADLINES if _both(name, first, last)}
    said = [f"{sentences[name]} {move.says()}." for name, move in moves.items() if name in sentences]
    if (kl := last.get("policy/kl_to_seed_nats")) is not None:
        # Estimated from samples, so that a policy that hardly moved may have less than none.
        moved = f"has moved {kl:.3g} nats an answer away from" if kl > 0 else "has not moved measurably from"
        said.append(f"The policy {moved} the seed.")
    own = None if verified else moves.get("judge/score_mean")
    fell = [
        SENTENCES[name].lower()
        for name in ("judge/anchor_accuracy", "gold/sampled_mean", "gold/greedy_mean")
        if name in moves and moves[name].direction < 0
    ]
    if own is not None and own.direction > 0 and fell:
        said.append(f"Beware: it thinks better of itself while {' and '.join(fell)} fell. The loop is fooling itself.")
    return said


SENTENCES = {
    "gold/sampled_mean": "The true quality of its sampled answers (gold, 0 to 5)",
    "gold/greedy_mean": "The true quality of its greedy answers (gold, 0 to 5)",
    "judge/score_mean": "Its own score of its answers",
    "judge/anchor_accuracy": "Its agreement with people's labels",
    "policy/length_mean_tokens": "The length of its answers in tokens",
}
RIGHT = {"judge/score_mean": "The share of its answers that the verifier finds right"}


@dataclass(frozen=True)
class Move:
    """How a number went from one iteration to another; `noise` is twice the standard error of the difference."""

    before: float
    after: float
    noise: float | None

    @staticmethod
    def of(name: str, first: dict[str, float | None], last: dict[str, float | None]) -> "Move":
        """The move of one metric, with its noise where the run states any."""
        before, after = first[name], last[name]
        assert before is not None and after is not None
        errors = [_standard_error(name, metrics) for metrics in (first, last)]
        known = [error for error in errors if error is not None]
        return Move(before, after, 2 * sum(e * e for e in known) ** 0.5 if len(known) == 2 else None)

    @property
    def direction(self) -> int:
        """1 up, -1 down, 0 within the noise."""
        change = self.after - self.before
        if abs(change) <= (self.noise or 0.0):
            return 0
        return 1 if change > 0 else -1

    def says(self) -> str:
        """The move in words and numbers."""
        numbers = f"from {self.before:.3g} to {self.after:.3g}"
        if self.after == self.before:
            return f"stayed at {self.after:.3g}"
        if self.direction == 0:
            return f"went {numbers}, which is within its noise"
        share = f" ({(self.after - self.before) / abs(self.before):+.0%})" if self.before else ""
        return f"{'rose' if self.direction > 0 else 'fell'} {numbers}{share}"


def next_commands(run: Run, closed: list[Closed]) -> list[str]:
    """What a person may want to type now."""
    if not closed:
        return [f"selfsame resume {run.name}"]
    last = closed[-1].index
    commands = [f"selfsame log {run.name}", f"selfsame show {run.name}@{last}"]
    audited = [one.index for one in closed if any(name.startswith("audit/") for name in one.metrics)]
    commands += [f"selfsame audit {run.name}@{index}" for index in audited[-1:]]
    commands.append("selfsame mlflow")
    if closed[-1].verdict == "halt":
        past = " ".join(f"--override {guard}" for guard in closed[-1].halted_by)
        # Going past a halt takes an iteration.
        longer = f" iterations={last + 1}" if last >= run.operational["iterations"] else ""
        commands.append(f"selfsame resume {run.name} {past} --because TEXT{longer}")
        if last:
            commands.append(f"selfsame branch {run.name}@{last - 1} NAME KEY=VALUE")
        else:
            # The answers are recalled: only what the changed settings touch is done again.
            commands.append(f"selfsame run {run.recipe} constitution=FILE judge.KEY=VALUE")
    elif closed:
        more = run.operational["iterations"] + 3 if last >= run.operational["iterations"] else None
        commands.append(f"selfsame resume {run.name}" + (f" iterations={more}" if more else ""))
    return commands


def _closed(store: Store, run: Run, link: Link) -> Closed:
    one = link.iteration
    decision = decision_of(store, one)
    return Closed(
        made_by(run, one.index),
        one.index,
        one.digest,
        one.policy,
        decision["verdict"],
        decision["reason"],
        metrics_of(store, link),
        tuple(halted_by(decision)) if decision["verdict"] == "halt" else (),
        one.config.get("judge", {}).get("method") == Verifier.method,
    )


def _both(name: str, first: dict[str, float | None], last: dict[str, float | None]) -> bool:
    return first.get(name) is not None and last.get(name) is not None


def _standard_error(name: str, metrics: dict[str, float | None]) -> float | None:
    """The standard error of a mean, stated beside it; else a quarter of the width of the metric's 95 % interval."""
    stated = metrics.get(name.replace("_mean", "_se")) if "_mean" in name else None
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    if stated is None and low is not None and high is not None:
        return (high - low) / 4
    return stated
