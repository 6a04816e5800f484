"""The files of Constitutional AI (Bai et al., 2212.08073), by what is in them: principles and few-shot examples.

    {"harmful0": {"prompt": ["CritiqueRequest: ...Critique:"], "edit_request": "RevisionRequest: ...Revision:"}}
    ["Please choose the response that ... Options:"]                                          principles to compare by
    ["Human: ... Assistant: ... CritiqueRequest: ... Critique: ... RevisionRequest: ... Revision: ..."]
    [{"prompt": "Human: ... Assistant:", "corrects": [...], "incorrects": [...]}]

The labels around a text are the paper's way to ask. A constitution has questions of its own.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from constitutions.fill import request_text
from constitutions.importing.draft import Draft, drafted
from constitutions.load import ComparedExemplar, RevisedExemplar
from constitutions.principle import Principle
from runs.errors import ConfigError
from runs.records import Message

LABEL = re.compile(r"(?:^|\n\n)(Human|Assistant|CritiqueRequest|Critique|RevisionRequest|Revision):")
ROLES = {"Human": "user", "Assistant": "assistant"}
OPTIONS = re.compile(r"\s*Options:\s*$")


class Requests(TypedDict):
    """How one principle asks for a critique, and for a revision."""

    prompt: list[str]
    edit_request: str


class Chosen(TypedDict):
    """A question with an answer that is preferred and one that is not."""

    prompt: str
    corrects: list[str]
    incorrects: list[str]


def read_json(file: str, text: str) -> Draft:
    """The draft of one of the paper's files, or of any JSON list of principles. Raises ConfigError for other JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: it ends in .json and is none: {error}") from error
    if requests := _as(dict[str, Requests], value):
        return Draft(tuple(_critique(file, name, one) for name, one in requests.items()))
    if chosen := _as(list[Chosen], value):
        return Draft(compared=tuple(_compared(file, nth, one) for nth, one in enumerate(chosen, 1)))
    if texts := _as(list[str], value):
        if all("CritiqueRequest:" in one for one in texts):
            return Draft(revised=tuple(_revised(file, nth, one) for nth, one in enumerate(texts, 1)))
        return Draft(tuple(_comparison(file, nth, one) for nth, one in enumerate(texts)))
    raise ConfigError(
        f"{file}: neither requests for critiques and revisions, nor a list of principles, nor few-shot examples as in "
        "the files of Constitutional AI"
    )


def _as(kind: Any, value: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return None


def _critique(file: str, name: str, requests: Requests) -> Principle:
    asked = "".join(requests["prompt"]) + requests["edit_request"]
    said = dict(_labelled(asked))
    place = f"item {name}"
    if not said.get("CritiqueRequest") or not said.get("RevisionRequest"):
        raise ConfigError(f"{file}: {place}: no text after `CritiqueRequest:`, or none after `RevisionRequest:`")
    return drafted(
        file, place, name.lower(), said["CritiqueRequest"], revision=said["RevisionRequest"], use=("critique",)
    )


def _comparison(file: str, nth: int, text: str) -> Principle:
    return drafted(file, f"item {nth}", f"compare{nth}", OPTIONS.sub("", text), use=("comparison",))


def _compared(file: str, nth: int, one: Chosen) -> ComparedExemplar:
    if not one["corrects"] or not one["incorrects"]:
        raise ConfigError(f"{file}: item {nth}: it has no correct or no incorrect answer")
    request, _ = _conversation(f"{file}: item {nth}", one["prompt"])
    return ComparedExemplar(request=request, better=one["corrects"][0], worse=one["incorrects"][0])


def _revised(file: str, nth: int, text: str) -> RevisedExemplar:
    place = f"{file}: item {nth}"
    talk, _, asked = text.partition("\n\nCritiqueRequest:")
    request, response = _conversation(place, talk)
    said = dict(reversed(list(_labelled(f"\n\nCritiqueRequest:{asked}"))))
    if lacking := [one for one in ("CritiqueRequest", "Critique", "RevisionRequest", "Revision") if not said.get(one)]:
        raise ConfigError(f"{place}: no text after `{lacking[0]}:`")
    return RevisedExemplar(
        request=request,
        response=response,
        critique_request=said["CritiqueRequest"],
        critique=said["Critique"],
        revision_request=said["RevisionRequest"],
        revision=said["Revision"],
    )


def _conversation(place: str, text: str) -> tuple[str, str]:
    """What was asked, as a judge is shown it, and the last answer ("" where it is still to come)."""
    turns = [Message(ROLES[label], said) for label, said in _labelled(text) if label in ROLES]
    if len(turns) < 2 or turns[-1].role != "assistant":
        raise ConfigError(f"{place}: not `Human:` and then `Assistant:`")
    return request_text(turns[:-1]), turns[-1].content


def _labelled(text: str) -> Iterator[tuple[str, str]]:
    """Each label with the text after it, up to the next one."""
    _, *parts = LABEL.split(text)
    for label, said in zip(parts[::2], parts[1::2], strict=True):
        yield label, said.strip()
