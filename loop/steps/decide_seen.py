"""What the guards see of an iteration, read off the outputs of its steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from judges.verifier import Verifier
from loop.desk import Desk
from loop.guards.decision import Standing
from loop.guards.seen import Seen
from loop.steps.train import USED
from loop.steps.turn import Turn
from loop.steps.yardsticks import kind_of
from runs.lineage import JUDGE_TRAINING
from runs.output import Output
from runs.records import DriftItem

MUST_BE_FINITE = (JUDGE_TRAINING, "preference", "train", "measure")
"""The steps whose every metric must be a number, and which are not taken once a guard has failed."""
NEVER = ("gold", "decide")
"""Steps of which no guard may see anything."""


@dataclass(frozen=True)
class Before:
    """What an iteration is held against: by whose numbers they are, the last ones promoted, and those since which
    something is measured otherwise."""

    of: dict[str, Seen] = field(default_factory=dict)
    recent: Sequence[Seen] = ()
    anew: Sequence[Seen] = ()


def seen_before(desk: Desk, turn: Turn, standing: Standing | None) -> Before:
    """Nothing for the seed. Items are read only once there are new ones."""
    if standing is None:
        return Before()
    known: dict[int, Seen] = {}
    for kept in (*standing.references().values(), *standing.recent, *standing.anew):
        if kept.index not in known:
            done = {step: desk.store.output(got) for step, got in kept.outputs.items()}
            seen = _seen(desk, kept.index, kept.outputs, done, "measure" in turn.done)
            known[kept.index] = replace(seen, yardsticks=kept.yardsticks)
    return Before(
        {whose: known[kept.index] for whose, kept in standing.references().items()},
        [known[kept.index] for kept in standing.recent],
        [known[kept.index] for kept in standing.anew],
    )


def seen_of(desk: Desk, turn: Turn) -> Seen:
    """What the guards see of the turn as far as it is."""
    return replace(
        _seen(desk, turn.index, turn.outputs, turn.done, "measure" in turn.done),
        counts=_counts(desk, turn),
        finite=frozenset(name for step in MUST_BE_FINITE if step in turn.done for name in turn.done[step].metrics),
    )


def _counts(desk: Desk, turn: Turn) -> tuple[str, ...]:
    """The metrics that count what there is to train on, and what was trained on, as far as the iteration is."""
    pairs = (
        ("signal/pairs",)
        if desk.config.train.source == "pairs" and ("judge" in turn.done or "pair" in turn.done)
        else ()
    )
    return (*pairs, *([USED[desk.config.train.method]] if "train" in turn.done else []))


def _seen(desk: Desk, index: int, outputs: Mapping[str, str], done: Mapping[str, Output], with_items: bool) -> Seen:
    metrics: dict[str, float | None] = {}
    rows: dict[str, str] = {}
    items: dict[str, dict[str, float]] = {}
    tags: dict[str, dict[str, str]] = {}
    kinds: dict[str, str] = {}
    for step, output in done.items():
        if step in NEVER:
            continue
        place = f"{index}/{step} {outputs[step]}"
        metrics |= output.metrics
        rows |= dict.fromkeys((*output.metrics, step), place)
        of_step = _streams(desk, output) if with_items else {}
        items |= of_step
        rows |= dict.fromkeys(of_step, place)
        for prompt in desk.store.all_rows("prompts", output) if of_step and "prompts" in output.tables else ():
            for tag, value in prompt.tags.items():
                tags.setdefault(tag, {})[prompt.digest] = value
        of_drift = output.values.get("kinds", {})
        kinds |= {name: kind_of(step, name, of_drift) for name in (*output.metrics, *of_step)}
    curve = done["train"].values.get("curve", ()) if "train" in done else ()
    return Seen(index, metrics, items, curve, tags, rows, "measure" in done, kinds=kinds)


def _streams(desk: Desk, output: Output) -> dict[str, dict[str, float]]:
    """The numbers of single items that a step gave, by `PROBE/NAME` and item, all from 0 to 1.

    Scores on the constitution's scale are laid over it. Those that are neither on it nor from 0 to 1, such as rewards,
    are left out.
    """
    judge, scale, found = desk.config.judge, desk.constitution.scale, dict[str, dict[str, float]]()
    within = judge.compares or judge.method == Verifier.method  # a probability, or right or wrong
    rows: list[DriftItem] = desk.store.all_rows("drift_items", output) if "drift_items" in output.tables else []
    for row in rows:
        for name, value in row.numbers.items():
            if value is None:
                continue
            if name.endswith("_score") and not within:
                if not judge.on_scale:
                    continue
                value = (value - scale.low) / (scale.high - scale.low)
            found.setdefault(f"{row.probe}/{name}", {})[row.item] = value
    return found
