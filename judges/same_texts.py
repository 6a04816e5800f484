"""Answers that say the same: one text, however often it was sampled."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from runs.records import Response, Revision

Said = TypeVar("Said", bound=Response | Revision)
"""What says an answer."""


def same_texts(responses: Iterable[Said]) -> dict[str, list[Said]]:
    """Each different text -> the responses that say it, in order."""
    said: dict[str, list[Said]] = defaultdict(list)
    for response in responses:
        said[response.text].append(response)
    return said


def standing_for(same: Iterable[Said]) -> Said:
    """The response that stands for others of the same text: one that came to its end before one that was cut off."""
    return min(same, key=lambda own: (own.stop == "length", own.digest))
