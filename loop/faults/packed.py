"""What guards see of a run, as a row small enough to keep: names once, numbers rounded, streams as short texts."""

import base64
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from loop.guards.seen import Seen

DIGITS = 4
"""Significant digits that are kept."""
STREAMS = (
    "capability/answers",
    "capability/greedy",
    "capability/sampled",
    "held-out/own_score",
    "held-out/seed_judge_score",
    "labelled/own_hit",
)
"""The streams that are kept."""
TAGS = {"family": "capability/answers"}
"""The tags that are kept, each with the stream of whose items it is."""
CURVES = ("loss", "grad_norm", "rewards/margins", "rewards/accuracies")
"""The columns of the training curve that are kept."""
STEPS = 254
"""Parts of the way from 0 to 1 that a stream's numbers are rounded to: 0, a half and 1 stay exact."""
NONE = 255
NOT_KEPT = ("_low", "_high", "_se", "_n")
"""What ends the name of a number that only says how sure another one is."""

Row = dict[str, Any]


def packed(history: Sequence[Seen]) -> Row:
    """All iterations of a run as JSON values. Items are kept by their place, in the order of their names."""
    names = sorted({name for seen in history for name in seen.metrics if not name.endswith(NOT_KEPT)})
    items = {
        stream: sorted({item for seen in history for item in seen.items.get(stream, {})})
        for stream in STREAMS
        if any(stream in seen.items for seen in history)
    }
    tags = {tag: of_it for seen in history for tag, of_it in seen.tags.items() if tag in TAGS}
    return {
        "metrics": names,
        "items": {stream: len(of_it) for stream, of_it in items.items()},
        "tags": {tag: _tags(of_it, items.get(TAGS[tag], ())) for tag, of_it in tags.items()},
        "iterations": [_packed(seen, names, items) for seen in history],
    }


def unpacked(row: Row) -> list[Seen]:
    """What guards see of each iteration of `packed`."""
    return [_unpacked(index, one, row) for index, one in enumerate(row["iterations"])]


def _packed(seen: Seen, names: Sequence[str], items: Mapping[str, Sequence[str]]) -> Row:
    numbers = [_rounded(seen.metrics.get(name)) for name in names]
    while numbers and numbers[-1] is None:
        numbers.pop()
    absent = [place for place, name in enumerate(names) if name not in seen.metrics]
    curve = {name: [_rounded(step.get(name), 3) for step in seen.curve] for name in CURVES if _has(seen, name)}
    row: Row = {
        "metrics": numbers,
        "absent": absent,
        "items": {stream: _text(seen.items[stream], of_it) for stream, of_it in items.items() if stream in seen.items},
        "counts": list(seen.counts),
        "no_number": sorted(name for name in seen.finite if _rounded(seen.metrics.get(name)) is None),
    }
    return row | ({"curve": curve} if curve else {}) | ({} if seen.measured else {"measured": False})


def _unpacked(index: int, one: Row, row: Row) -> Seen:
    absent = set(one["absent"])
    numbers = [*one["metrics"], *[None] * (len(row["metrics"]) - len(one["metrics"]))]
    columns = one.get("curve", {})
    steps = max(map(len, columns.values()), default=0)
    return Seen(
        index,
        {
            name: value
            for place, (name, value) in enumerate(zip(row["metrics"], numbers, strict=True))
            if place not in absent
        },
        {stream: _items(text) for stream, text in one["items"].items()},
        [{name: values[step] for name, values in columns.items()} for step in range(steps)],
        {tag: _items_tags(kept) for tag, kept in row["tags"].items()},
        measured=one.get("measured", True),
        counts=tuple(one["counts"]),
        finite=frozenset(one["no_number"]),
    )


def _tags(values: Mapping[str, str], items: Sequence[str]) -> Row:
    names = sorted(set(values.values()))
    places = bytes(names.index(values[item]) if item in values else NONE for item in items)
    return {"values": names, "items": base64.b85encode(zlib.compress(places, 9)).decode()}


def _items_tags(kept: Row) -> dict[str, str]:
    places = zlib.decompress(base64.b85decode(kept["items"]))
    return {str(nth): kept["values"][place] for nth, place in enumerate(places) if place != NONE}


def _has(seen: Seen, column: str) -> bool:
    return bool(seen.curve) and column in seen.curve[0]


def _rounded(value: float | None, digits: int = DIGITS) -> float | None:
    return float(f"{value:.{digits}g}") if value is not None and math.isfinite(value) else None


def _text(numbers: Mapping[str, float], items: Sequence[str]) -> str:
    given = [numbers.get(item) for item in items]
    places = bytes(NONE if value is None else round(min(1.0, max(0.0, value)) * STEPS) for value in given)
    return base64.b85encode(zlib.compress(places, 9)).decode()


def _items(text: str) -> dict[str, float]:
    places = zlib.decompress(base64.b85decode(text))
    return {str(place): value / STEPS for place, value in enumerate(places) if value != NONE}
