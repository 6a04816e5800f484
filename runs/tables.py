"""Records as rows: one Arrow schema a noun, and shards of them as Parquet with the same bytes each time.

Each row carries its record's digest, so that any row can be checked and joined by anybody who can read Parquet.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from runs.canonical import canonical_json
from runs.errors import CorruptError
from runs.records import (
    Decision,
    DriftItem,
    Judgment,
    Measurement,
    Message,
    PreferencePair,
    Prompt,
    Reading,
    Record,
    Reply,
    Response,
    Revision,
    Sampling,
    Unscored,
    Unusable,
)

if TYPE_CHECKING:
    import pyarrow as pa

KINDS: dict[str, type[Record]] = {
    "prompts": Prompt,
    "responses": Response,
    "revisions": Revision,
    "judgments": Judgment,
    "pairs": PreferencePair,
    "measurements": Measurement,
    "readings": Reading,
    "drift_items": DriftItem,
    "decisions": Decision,
}
"""The record of each noun that has a table."""

# What a column holds: text, a whole number, a float, or several of them; `?` where a row may have none. Numbers and
# evidence are of any shape, so they are canonical JSON, which keeps 3 and 3.0 apart.
COLUMNS: dict[str, dict[str, str]] = {
    "prompts": {"messages": "messages", "source": "text", "split": "text", "tags": "tags"},
    "responses": {
        "prompt": "text",
        "adapter": "text",
        "by": "text",
        "sampling": "sampling",
        "seed": "int",
        "text": "text",
        "token_ids": "ints",
        "logprobs": "floats",
        "stop": "text",
    },
    "revisions": {
        "prompt": "text",
        "draft": "text",
        "before": "text",
        "nth": "int",
        "principle": "text",
        "critique": "text",
        "critique_stop": "text?",
        "adapter": "text",
        "by": "text",
        "sampling": "sampling",
        "seed": "int",
        "text": "text",
        "token_ids": "ints",
        "stop": "text",
        "unusable": "unusable",
        "accepted": "bool?",
    },
    "judgments": {
        "target": "text",
        "judged": "texts",
        "adapter": "text",
        "by": "text",
        "method": "text",
        "constitution": "text",
        "principles": "texts",
        "replies": "replies",
        "score": "float?",
        "unscored": "unscored",
        "probability": "float?",
        "seed": "int",
    },
    "pairs": {
        "prompt": "text",
        "chosen": "text",
        "rejected": "text",
        "label_probability": "float",
        "weight": "float",
        "margin": "float",
        "label_source": "text",
        "judgments": "texts",
    },
    "measurements": {"adapter": "text", "reference": "text", "probes": "text", "numbers": "json", "tag": "text"},
    "readings": {"read": "text", "adapter": "text", "logprobs": "floats"},
    "drift_items": {"adapter": "text", "probe": "text", "item": "text", "numbers": "json"},
    "decisions": {"verdict": "text", "policy": "text", "reason": "text", "evidence": "json", "config_changes": "json"},
}


@cache
def schema(noun: str) -> "pa.Schema":
    """The columns of a noun's rows; `digest` is the first."""
    import pyarrow as pa

    text, floats = pa.string(), pa.list_(pa.float64())
    types = {
        "text": text,
        "text?": text,
        "bool?": pa.bool_(),
        "texts": pa.list_(text),
        "int": pa.int64(),
        "ints": pa.list_(pa.int32()),
        "float": pa.float64(),
        "float?": pa.float64(),
        "floats": floats,
        "unscored": text,
        "unusable": text,
        "tags": pa.map_(text, text),
        "json": text,
        "messages": pa.list_(pa.struct([("role", text), ("content", text)])),
        "replies": pa.list_(pa.struct([("principle", text), ("order", text), ("text", text), ("score", pa.float64())])),
        "sampling": pa.struct([("temperature", pa.float64()), ("top_p", pa.float64()), ("max_tokens", pa.int64())]),
    }
    fields = [pa.field("digest", text, nullable=False)]
    for name, kind in COLUMNS[noun].items():
        fields.append(pa.field(name, types[kind], nullable=kind.endswith("?") or kind in ("unscored", "unusable")))
    return pa.schema(fields)


def to_parquet(noun: str, records: Sequence[Record]) -> bytes:
    """A shard: the Parquet bytes of `records`, in order; the same records give the same bytes.

    Raises TypeError for a record of another noun, and for a whole number or NaN where the record declares a float.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = KINDS[noun]
    for record in records:
        if type(record) is not kind:
            raise TypeError(f"{noun} hold {kind.__name__} records, not {type(record).__name__}")
    columns: dict[str, list[Any]] = {"digest": [record.digest for record in records]}
    for name, what in COLUMNS[noun].items():
        values = [getattr(record, name) for record in records]
        try:
            columns[name] = [_PACK[what](value) for value in values] if what in _PACK else values
        except TypeError as error:
            raise TypeError(f"{kind.__name__}.{name}: {error}") from error
    wanted = schema(noun)
    _never_mind_pandas()
    table = pa.table([pa.array(columns[field.name], field.type) for field in wanted], schema=wanted)
    sink = pa.BufferOutputStream()
    # Everything that could vary is said; what is left is the version of pyarrow, which Parquet notes in its footer.
    pq.write_table(
        table, sink, version="2.6", compression="zstd", compression_level=3, data_page_version="1.0",
        use_dictionary=True, write_statistics=False, row_group_size=1 << 20, store_schema=True,
    )  # fmt: skip
    return sink.getvalue().to_pybytes()


@cache
def _never_mind_pandas() -> None:
    """Have pyarrow not import pandas before its first array, only to ask whether that is made of a series of pandas'.

    It took a third of a second of every start that writes (pyarrow 25.0.1, 2026-11-22). What does ask pyarrow for
    pandas later still gets it.
    """
    import pyarrow as pa

    if "pandas" in sys.modules:
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        pa.array([])
    except (ImportError, AttributeError):
        pass
    finally:
        del sys.modules["pandas"]


def read_table(noun: str, data: bytes, place: str) -> "pa.Table":
    """A shard as an Arrow table. Raises CorruptError, naming `place`, unless it is a shard of `noun`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise CorruptError(f"{place} is not readable as Parquet ({error}). Run `selfsame verify`") from error
    if not table.schema.equals(schema(noun)):
        raise CorruptError(f"{place} has not the columns of {noun}: {table.schema.names}. Run `selfsame verify`")
    return table


def from_table(noun: str, table: "pa.Table") -> list[Record]:
    """The records that the rows of `table` were made from, in order."""
    columns = []
    for name, what in COLUMNS[noun].items():
        values = table[name].to_pylist()
        columns.append([_UNPACK[what](value) for value in values] if what in _UNPACK else values)
    return [KINDS[noun](*row) for row in zip(*columns, strict=True)]


def _float(number: float) -> float:
    # NaN has no canonical form, and a whole number would come back as a float, under another digest.
    if not isinstance(number, float) or not math.isfinite(number):
        raise TypeError(f"{number!r} is not a finite float")
    return number


def _float_or_none(number: float | None) -> float | None:
    return None if number is None else _float(number)


_PACK: dict[str, Callable[[Any], Any]] = {
    "float": _float,
    "float?": _float_or_none,
    "floats": lambda numbers: [_float(number) for number in numbers],
    "replies": lambda replies: [{**vars(reply), "score": _float_or_none(reply.score)} for reply in replies],
    "tags": lambda tags: sorted(tags.items()),
    "json": lambda value: canonical_json(value).decode(),
    "messages": lambda messages: [{"role": m.role, "content": m.content} for m in messages],
    "sampling": lambda s: {"temperature": _float(s.temperature), "top_p": _float(s.top_p), "max_tokens": s.max_tokens},
}


def _from_json(text: str) -> Any:
    value = json.loads(text)
    return tuple(value) if isinstance(value, list) else value


_UNPACK: dict[str, Callable[[Any], Any]] = {
    "texts": tuple,
    "ints": tuple,
    "floats": tuple,
    "replies": lambda replies: tuple(Reply(**reply) for reply in replies),
    "tags": dict,
    "json": _from_json,
    "unscored": lambda reason: None if reason is None else Unscored(reason),
    "unusable": lambda reason: None if reason is None else Unusable(reason),
    "messages": lambda messages: tuple(Message(m["role"], m["content"]) for m in messages),
    "sampling": lambda s: Sampling(s["temperature"], s["top_p"], s["max_tokens"]),
}
