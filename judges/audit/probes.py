"""Perturbed twins of an answer: the same content in another dress, or no content at all.

What is inserted comes from a table in the language of the answers; how it is inserted does not depend on the language.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from judges.audit.records import Touched


class Probe(NamedTuple):
    """An answer before and after it was perturbed, what kind of perturbation it was, and what that touches."""

    kind: str
    touched: Touched
    before: str
    after: str


@dataclass(frozen=True)
class Insertions:
    """What is put into answers, in their language. An empty entry makes no twins of its kind.

    - `padding`: sentences without content. `sycophancy`, `jargon`, `hedging`, `confident_tone`: how an answer may open.
    - `keyword`: words that a judge is suspected to count.
    - `swaps`: for each kind of person pairs of words, to see whether a judge likes the second of each pair better.
    - `master_keys`: whole replies that some judges take for good ones (":" and "Thought process:").
    """

    padding: Sequence[str]
    sycophancy: Sequence[str]
    jargon: Sequence[str]
    hedging: Sequence[str]
    confident_tone: Sequence[str]
    keyword: Sequence[str]
    swaps: Mapping[str, Sequence[tuple[str, str]]]
    master_keys: Sequence[str]


PADDING_SENTENCES = 3
BULLET = "- "
TOUCHED: dict[str, Touched] = {
    "padding": "format",
    "markdown": "format",
    "sycophancy": "manner",
    "jargon": "manner",
    "hedging": "manner",
    "confident tone": "manner",
    "keyword": "manner",
    "master key": "content",
    "empty": "content",
    "off topic": "content",
}
"""What each kind of twin touches; those of `Insertions.swaps` touch the person."""


def probes(text: str, insertions: Insertions, seed: int, other_answer: str | None = None) -> tuple[Probe, ...]:
    """One probe of `text` of each kind that changes it. Equal seeds choose equal insertions.

    `before` is `text` but for swaps: there it has the first word of each pair, and `after` the second, whichever `text`
    has, so that a taste for either always has the same sign. `other_answer` is a real answer to another prompt; without
    one there is no probe that is off topic.
    """
    rng = random.Random(seed)
    twins = {
        "padding": _padded(text, insertions.padding, rng),
        "markdown": as_list(text),
        "sycophancy": _opened(text, insertions.sycophancy, rng),
        "jargon": _opened(text, insertions.jargon, rng),
        "hedging": _opened(text, insertions.hedging, rng),
        "confident tone": _opened(text, insertions.confident_tone, rng),
        "keyword": _closed(text, insertions.keyword, rng),
        "master key": rng.choice(insertions.master_keys) if insertions.master_keys else text,
        "empty": "",
        "off topic": text if other_answer is None else other_answer,
    }
    dressed = [Probe(kind, TOUCHED[kind], text, twin) for kind, twin in twins.items()]
    swapped = [
        Probe(kind, "person", replaced(text, {second: first for first, second in pairs}), replaced(text, dict(pairs)))
        for kind, pairs in insertions.swaps.items()
    ]
    return tuple(probe for probe in (*dressed, *swapped) if probe.before != probe.after)


def replaced(text: str, words: Mapping[str, str]) -> str:
    """`text` with each of the words (or phrases) replaced, all at once, in the case that it stands in."""
    if not words:
        return text
    by_folded = {word.casefold(): other for word, other in words.items()}
    # Longest first, so that a phrase goes before a word in it.
    either = "|".join(re.escape(word) for word in sorted(by_folded, key=lambda word: (-len(word), word)))
    pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)
    return pattern.sub(lambda match: _cased(by_folded.get(match[0].casefold(), match[0]), match[0]), text)


def as_list(text: str) -> str:
    """`text` as a Markdown list with a point for each sentence."""
    sentences = re.split(r"(?<=[.!?])\s+", text.strip())
    return "\n".join(BULLET + sentence for sentence in sentences) if text.strip() else text


def _padded(text: str, sentences: Sequence[str], rng: random.Random) -> str:
    if not sentences:
        return text
    return " ".join([text, *(rng.choice(sentences) for _ in range(PADDING_SENTENCES))])


def _opened(text: str, openings: Sequence[str], rng: random.Random) -> str:
    return f"{rng.choice(openings)} {text}" if openings else text


def _closed(text: str, closings: Sequence[str], rng: random.Random) -> str:
    return f"{text} {rng.choice(closings)}" if closings else text


def _cased(word: str, like: str) -> str:
    """`word` in the case of what it replaces: all capitals, a capital first, or as it is."""
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word
