"""How far a prompt is from the prompts that a judge is known to judge well, by the words they share.

Hashed n-grams need no model, no vocabulary and no language, and never change: a distance means the same in each
iteration.
"""

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from runs.records import Message

BUCKETS = 4096
N_GRAMS = (1, 2)
WORD = re.compile(r"\w+")


def asked(messages: Sequence[Message]) -> str:
    """All that a conversation says: the text whose distance is a prompt's."""
    return "\n".join(message.content for message in messages)


def distances(texts: Sequence[str], known: Sequence[str]) -> list[float]:
    """For each text 1 less its greatest cosine (0..1) to a known one, of counts of hashed words and pairs of words.

    A text without a word is as far as can be. Raises ValueError where nothing is known.
    """
    if not known:
        raise ValueError("no distance to no prompts: name those that the judge is known to judge well")
    cosines_N_K = vectors(texts) @ vectors(known).T
    return [float(distance) for distance in np.clip(1 - cosines_N_K.max(axis=1), 0, 1)]


def nearest_others(texts: Sequence[str]) -> list[float]:
    """For each of two or more texts its distance, as above, from the nearest of the others."""
    vectors_N_B = vectors(texts)
    cosines_N_N = vectors_N_B @ vectors_N_B.T
    np.fill_diagonal(cosines_N_N, 0)
    return [float(distance) for distance in np.clip(1 - cosines_N_N.max(axis=1), 0, 1)]


def vectors(texts: Sequence[str]) -> NDArray[np.float64]:
    """Unit vectors (N, BUCKETS) of the texts' counts of hashed words and pairs of words; 0 for one without a word."""
    counts_N_B = np.zeros((len(texts), BUCKETS))
    for row_B, text in zip(counts_N_B, texts, strict=True):
        words = WORD.findall(text.casefold())
        for size in N_GRAMS:
            for start in range(len(words) - size + 1):
                row_B[crc32(" ".join(words[start : start + size]).encode()) % BUCKETS] += 1
    norms_N = np.linalg.norm(counts_N_B, axis=1, keepdims=True)
    return np.divide(counts_N_B, norms_N, out=counts_N_B, where=norms_N > 0)
