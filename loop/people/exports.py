"""Labels on their way out: as anchors that a judge is held against, or as pairs to train on, each with its source."""

from collections.abc import Sequence
from typing import Any

from loop.people.consensus import Labelled, chance_of_a, verdict


def anchor_rows(pairs: Sequence[Labelled]) -> list[dict[str, Any]]:
    """The pairs as `measure.anchors` reads them: one row a pair, with what most people said first.

    Blind: a judge held against answers that people gave after its own reasons would be held against itself.
    """
    return [
        {
            "messages": _messages(pair),
            "a": pair.question.a,
            "b": pair.question.b,
            "label": verdict(pair.blind.values()),
            "tags": dict(pair.question.tags),
            "source": pair.source,
            **_authors(pair),
            **_origin(pair),
        }
        for pair in pairs
    ]


def training_rows(pairs: Sequence[Labelled]) -> list[dict[str, Any]]:
    """The pairs that people decided in the end, as conversations with a chosen and a rejected answer: TRL's form.

    `label_probability` is the share of the people who prefer `chosen`, a tie being half of one; all weigh the same.
    """
    rows = []
    for pair in pairs:
        chance = chance_of_a(pair.final.values())
        if chance == 0.5:
            continue
        a, b = pair.question.a, pair.question.b
        chosen, rejected = (a, b) if chance > 0.5 else (b, a)
        rows.append(
            {
                "prompt": _messages(pair),
                "chosen": [{"role": "assistant", "content": chosen}],
                "rejected": [{"role": "assistant", "content": rejected}],
                "label_probability": max(chance, 1 - chance),
                "weight": 1.0,
                "label_source": pair.source,
                "tags": dict(pair.question.tags),
                **_origin(pair),
            }
        )
    return rows


def _messages(pair: Labelled) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in pair.question.messages]


def _authors(pair: Labelled) -> dict[str, str]:
    a_by, b_by = pair.question.a_by, pair.question.b_by
    return {"a_by": a_by, "b_by": b_by} if a_by and b_by else {}  # labels from before they were kept name none


def _origin(pair: Labelled) -> dict[str, Any]:
    return {"address": pair.address, "reasons_seen": bool(pair.informed)}
