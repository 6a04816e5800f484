"""Requests and replies as JSON, on either end of the line to an engine's process."""

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from loop.engine.protocol import Choose, Chosen, Score, Scored, Write, Written
from runs.records import Message, Sampling

Request = Write | Choose | Score
Reply = Written | Chosen | Scored
KINDS: dict[str, type[Request]] = {kind.__name__: kind for kind in (Write, Choose, Score)}


def spell(said: Sequence[Request] | Sequence[Reply]) -> list[dict[str, Any]]:
    """Requests or replies as JSON's types."""
    return [asdict(one) for one in said]


def read_requests(kind: str, spelt: Sequence[dict[str, Any]]) -> list[Any]:
    """The requests of one kind, from their JSON. What we send ourselves is not doubted."""
    return [KINDS[kind](**_fields(request)) for request in spelt]


def _fields(spelt: dict[str, Any]) -> dict[str, Any]:
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in spelt.items()}
    fields["messages"] = tuple(Message(**message) for message in spelt["messages"])
    if "sampling" in spelt:
        fields["sampling"] = Sampling(**spelt["sampling"])
    return fields


def read_replies(requests: Sequence[Request], spelt: Any) -> list[Reply]:
    """One reply to each request, in their order. Raises ValueError for anything else, with what is wrong where."""
    if not isinstance(spelt, list) or len(spelt) != len(requests):
        came = f"{len(spelt)} replies" if isinstance(spelt, list) else type(spelt).__name__
        raise ValueError(f"{len(requests)} replies were asked for, and {came} came")
    replies = []
    for place, (request, reply) in enumerate(zip(requests, spelt, strict=True)):
        try:
            replies.append(_read(request, reply))
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"reply {place} is none to a {type(request).__name__}: {error!r}") from error
    return replies


def _read(request: Request, spelt: dict[str, Any]) -> Reply:
    match request:
        case Write():
            ids = tuple(spelt["token_ids"])
            if spelt["stop"] not in ("end", "length") or not isinstance(spelt["text"], str) or not _are_ids(ids):
                raise ValueError("no text, token ids or stop reason")
            return Written(spelt["text"], ids, _logprobs(spelt, len(ids)), spelt["stop"])
        case Choose():
            return Chosen(_logprobs(spelt, len(request.labels)))
        case Score():
            # How many tokens a text is, only the engine knows; an end is one.
            tokens = max(1, len(spelt["logprobs"])) if isinstance(request.answer, str) else len(request.answer)
            return Scored(_logprobs(spelt, tokens))


def _are_ids(ids: tuple[Any, ...]) -> bool:
    return all(type(id_) is int for id_ in ids)


def _logprobs(spelt: dict[str, Any], count: int) -> tuple[float, ...]:
    logprobs = tuple(spelt["logprobs"])
    if len(logprobs) != count or not all(isfinite(value) for value in logprobs):
        raise ValueError(f"not {count} finite log-probabilities")
    return logprobs
