"""What the guards see of an iteration, read off the outputs of its steps."""

from collections.abc import Mapping
from dataclasses import replace

from judges.verifier import Verifier
from loop.desk import Desk
from loop.guards.decision import Standing
from loop.guards.seen import Seen
from loop.steps.train import USED
from loop.steps.turn import Turn
from runs.output import Output
from runs.records import DriftItem

MUST_BE_FINITE = ("preference", "train", "measure")
"""The steps whose every metric must be a number."""
NEVER = ("gold", "decide")
"""Steps of which no guard may see anything."""


def now_and_before(desk: Desk, turn: Turn, standing: Standing | None) -> tuple[Seen, dict[str, Seen], list[Seen]]:
    """This iteration as far as it is, those that it is held against, and the last ones promoted.

    Items are read only once there are new ones.
    """
    measured = "measure" in turn.done
    now = seen_of(desk, turn)
    if standing is None:
        return now, {}, []
    known: dict[int, Seen] = {}
    for kept in (*standing.references().values(), *standing.recent):
        if kept.index not in known:
            done = {step: desk.store.output(got) for step, got in kept.outputs.items()}
            known[kept.index] = _seen(desk, kept.index, kept.outputs, done, measured)
    of = {whose: known[kept.index] for whose, kept in standing.references().items()}
    return now, of, [known[kept.index] for kept in standing.recent]


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
    curve = done["train"].values.get("curve", ()) if "train" in done else ()
    return Seen(index, metrics, items, curve, tags, rows, "measure" in done)


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
