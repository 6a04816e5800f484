"""What a preference model learns from: the judge's pairs, people's labels, or each where it is wanted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from constitutions.principle import in_scope
from loop.desk import Desk
from loop.label_file import LabelledPair, labels_path, read_labels
from loop.sources import prompt_source
from loop.steps.past import earlier
from loop.steps.train_rows import PAIRS, Row, held_out_prompts, listed, pair_rows
from loop.steps.turn import Turn
from loop.strict_lines import free_to_learn
from runs.canonical import digest, digest_file
from runs.records import PreferencePair

COMPARISONS = pa.schema([*PAIRS, ("chosen", pa.string()), ("rejected", pa.string()), ("margin", pa.float64())])
MADE_OF = ("prompts", "generate", "pair")
"""The steps of an iteration that its pairs are made of."""


@dataclass(frozen=True)
class Learnt:
    """The rows for one model as its spec wants them, and how many of them whose preferences they are."""

    rows: pa.Table
    sources: dict[str, int]


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The digests of all that the rows are made of."""
    settings = desk.config.preference
    made_of: dict[str, str] = {}
    if settings.wants_labels:
        made_of["labels"] = digest_file(labels_path(str(settings.labels)))
        made_of["source"] = prompt_source(desk.config.prompts.source).digest  # it says what is held back
    if settings.wants_pairs:
        made_of |= {step: turn.outputs[step] for step in MADE_OF}
        if settings.pooled:
            made_of["pool"] = digest([[one.outputs[step] for step in MADE_OF] for one in earlier(desk, turn, MADE_OF)])
    return made_of


def learnt(desk: Desk, turn: Turn) -> tuple[dict[str, Learnt], dict[str, int]]:
    """The rows of each model, by its kind, and how many pairs were left out, by the reason.

    A prompt is held out in every iteration or in none, by its own lot. Where both sources are wanted, people's
    labels of risky prompts are left out, and the judge's of all others. Labels about prompts that the prompt source
    holds back for measuring are always left out.
    """
    settings = desk.config.preference
    left_out = {"held_back": 0, "other_source": 0}
    found: dict[str, list[tuple[str, Row]]] = {kind: [] for kind in settings.kinds}

    def add(by: str, rows: Sequence[Row]) -> None:
        for row in rows:
            risky = bool(settings.safety_tags) and in_scope(settings.safety_tags, row[0].tags)
            if settings.source == "hybrid" and risky != (by == "judge"):
                left_out["other_source"] += 1
            else:
                kind = settings.kinds[0] if risky or len(settings.kinds) == 1 else settings.kinds[1]
                found[kind].append((by, row))

    if settings.wants_pairs:
        turns = [one.outputs for one in earlier(desk, turn, MADE_OF)] if settings.pooled else []
        for outputs in (*turns, turn.outputs):
            add("judge", pair_rows(desk, outputs, lambda pair: {"margin": settings.margin * _judged(pair)}))
    if settings.wants_labels:
        labels = read_labels(labels_path(str(settings.labels)))
        free = free_to_learn(labels, desk.config.prompts.source)
        left_out["held_back"] = len(labels) - len(free)
        add("people", [_label(one, settings.margin) for one in free])
    held_out = held_out_prompts(
        {row[0].digest for rows in found.values() for _, row in rows}, settings.held_out_frac, desk.config.seed
    )
    return {kind: _learnt(rows, held_out) for kind, rows in found.items()}, left_out


def _learnt(rows: Sequence[tuple[str, Row]], held_out: set[str]) -> Learnt:
    by = [by for by, _ in rows]
    table = pa.Table.from_pylist(listed([row for _, row in rows], held_out), schema=COMPARISONS)
    return Learnt(table, {source: by.count(source) for source in sorted(set(by))})


def _judged(pair: PreferencePair) -> float:
    """How much better the judge found the chosen answer, 0 to 1: near 0 where the scores are near each other."""
    return math.tanh(pair.margin / 2)


def _label(one: LabelledPair, margin: float) -> Row:
    """A person's label as a row; the surer it is, the more of `margin` it asks for."""
    return one.prompt, {
        "chosen": one.chosen,
        "rejected": one.rejected,
        "label_probability": one.label_probability,
        "weight": one.weight,
        "margin": margin * abs(2 * one.label_probability - 1),
    }
