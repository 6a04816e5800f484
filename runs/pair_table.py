"""A sample of an iteration's preference pairs as a table to read: JSON for MLflow's own viewer, and HTML."""

import html
import unicodedata
from collections.abc import Sequence
from typing import Any

from runs.canonical import canonical_json
from runs.output import Output
from runs.store import Store

COLUMNS = ("prompt", "chosen", "rejected", "chosen_score", "rejected_score", "margin", "label_probability", "pair")

STYLE = (
    "body{font:14px/1.45 sans-serif;color:#222;background:#fff;margin:1.5em}"
    "table{border-collapse:collapse}th,td{border:1px solid #ccc;padding:.4em .6em;text-align:left;vertical-align:top}"
    "td.text{white-space:pre-wrap;max-width:32em;overflow-wrap:anywhere}th{background:#f3f3f3}td.number{text-align:right}"
)


def sample_pairs(store: Store, outputs: Sequence[Output], count: int = 20) -> list[dict[str, Any]]:
    """At most `count` pairs of an iteration, the same ones each time: those whose digests come first.

    A digest says nothing about its pair, so the sample is as good as a random one. A score is None where the pair does
    not rest on a judgment of that answer alone.
    """
    shards: dict[str, list[str]] = {}
    for output in outputs:
        for noun, digests in output.tables.items():
            shards.setdefault(noun, []).extend(digests)
    pairs = sorted(_rows(store, "pairs", shards, None), key=lambda row: row["digest"])[:count]
    prompts = _by_digest(store, "prompts", shards, {pair["prompt"] for pair in pairs})
    answers = _by_digest(store, "responses", shards, {pair[side] for pair in pairs for side in ("chosen", "rejected")})
    judgments = _by_digest(store, "judgments", shards, {digest for pair in pairs for digest in pair["judgments"]})
    return [_readable(pair, prompts, answers, judgments) for pair in pairs]


def as_json(rows: Sequence[dict[str, Any]]) -> bytes:
    """The rows in the form that MLflow's table viewer reads."""
    return canonical_json({"columns": list(COLUMNS), "data": [[row[column] for column in COLUMNS] for row in rows]})


def as_html(title: str, rows: Sequence[dict[str, Any]]) -> bytes:
    """The rows as a page. What a model wrote is escaped, and the page may load and run nothing."""
    head = "".join(f"<th>{column.replace('_', ' ')}</th>" for column in COLUMNS)
    body = "\n".join("<tr>" + "".join(_cell(row[column]) for column in COLUMNS) + "</tr>" for row in rows)
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(title)}</h1><table><tr>{head}</tr>\n{body}</table></html>\n"
    )
    return page.encode("utf-8", "backslashreplace")


def _readable(
    pair: dict[str, Any],
    prompts: dict[str, dict[str, Any]],
    answers: dict[str, dict[str, Any]],
    judgments: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    scores = {row["judged"][0]: row["score"] for row in judgments.values() if len(row["judged"]) == 1}
    turns = prompts[pair["prompt"]]["messages"]
    return {
        "prompt": turns[0]["content"] if len(turns) == 1 else "\n".join(f"{t['role']}: {t['content']}" for t in turns),
        "chosen": answers[pair["chosen"]]["text"],
        "rejected": answers[pair["rejected"]]["text"],
        "chosen_score": scores.get(pair["chosen"]),
        "rejected_score": scores.get(pair["rejected"]),
        "margin": pair["margin"],
        "label_probability": pair["label_probability"],
        "pair": pair["digest"],
    }


def _rows(store: Store, noun: str, shards: dict[str, list[str]], wanted: set[str] | None) -> list[dict[str, Any]]:
    """The rows of a noun; with `wanted`, only those of these digests (a shard may hold thousands)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = store.table(noun, shards.get(noun, ()))
    if wanted is not None:
        table = table.filter(pc.is_in(table["digest"], pa.array(sorted(wanted), pa.string())))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _by_digest(store: Store, noun: str, shards: dict[str, list[str]], wanted: set[str]) -> dict[str, dict[str, Any]]:
    return {row["digest"]: row for row in _rows(store, noun, shards, wanted)}


def _cell(value: object) -> str:
    if isinstance(value, str):
        return f"<td class=text>{html.escape(visible(value))}</td>"
    return f"<td class=number>{'' if value is None else format(value, '.3g')}</td>"


def visible(text: str) -> str:
    """`text` with what cannot be seen but can mislead (controls, overrides of the writing direction) spelt out."""
    return "".join(
        f"\\u{ord(c):04x}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n" else c for c in text
    )
