"""What answers repeat: themselves, and each other. Boilerplate is what answers to different prompts have in common.

All of these depend on how many texts there are, and distinct-n and compression on how long they are: compare sets of
the same prompts, with as many answers to each. "gram" is a run of words as `judges.text_signs` splits them.
"""

import zlib
from collections import Counter
from collections.abc import Sequence

from judges.text_signs import words

GRAM_WORDS = 4
OPENING_WORDS = 3


def boilerplate_fracs(answers: Sequence[str], least: int = 3) -> list[float]:
    """Of each answer the share (0..1) of its words that stand in grams found in at least `least` of the answers.

    `answers` are to different prompts, one each: what they have in common is not the prompt's. An answer shorter than
    a gram has the share 0.
    """
    said = [words(answer) for answer in answers]
    holders = Counter(gram for own in said for gram in set(_grams(own, GRAM_WORDS)))
    fracs = []
    for own in said:
        covered = {
            start + place
            for start, gram in enumerate(_grams(own, GRAM_WORDS))
            if holders[gram] >= least
            for place in range(GRAM_WORDS)
        }
        fracs.append(len(covered) / len(own) if own else 0.0)
    return fracs


def shared_openings(answers: Sequence[str]) -> list[bool]:
    """Of each answer whether another one begins with the same three words. `answers` are to different prompts."""
    openings = [tuple(words(answer)[:OPENING_WORDS]) for answer in answers]
    holders = Counter(openings)
    return [len(opening) == OPENING_WORDS and holders[opening] > 1 for opening in openings]


def templated(answers: Sequence[str], share: float = 0.05) -> list[bool]:
    """Of each answer whether more than `share` of the others begin, or end, with the same three words as it does.

    `answers` are to different prompts. One that has fewer than three words is no template.
    """
    said = [words(answer) for answer in answers]
    held = Counter(end for own in said for end in _ends(own))
    others = len(answers) - 1
    return [any(held[end] - 1 > share * others for end in _ends(own)) for own in said]


def commonest_frac(answers: Sequence[str]) -> float | None:
    """The share (0..1) of the answers that say the commonest thing, word by word; None where there is none."""
    said = Counter(tuple(words(answer)) for answer in answers)
    return max(said.values()) / len(answers) if answers else None


def self_repetition_frac(answer: str) -> float:
    """The share (0..1) of an answer's grams that it has said before; 0 for one without two grams."""
    grams = _grams(words(answer), GRAM_WORDS)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct_frac(answers: Sequence[str], n: int) -> float | None:
    """distinct-n: the different n-word grams over all of them (Li et al., 1510.03055); None where there is none."""
    grams = [gram for answer in answers for gram in _grams(words(answer), n)]
    return len(set(grams)) / len(grams) if grams else None


def compression_ratio(answers: Sequence[str]) -> float | None:
    """How many times smaller zlib makes the answers, more if alike (Shaib et al., 2403.00553); None if empty."""
    joined = "\n".join(answers).encode()
    return len(joined) / len(zlib.compress(joined, level=9)) if joined else None


def _ends(said: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if len(said) < OPENING_WORDS:
        return ()
    return ("first", tuple(said[:OPENING_WORDS])), ("last", tuple(said[-OPENING_WORDS:]))


def _grams(said: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(said[start : start + n]) for start in range(len(said) - n + 1)]
