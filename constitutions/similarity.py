"""How much two texts speak of the same: the cosine of TF-IDF weights over pieces of their words.

Pieces of three to five letters, so that "private" and "privacy" have something in common; without the words that every
principle and every sentence has. scikit-learn is imported where it is used.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

WORD = re.compile(r"[^\W_]+")
OF_THE_FORM = frozenset(
    "ai answer answers assistant better choose model more must please prefer prefers principle response responses"
    " should which worse".split()
)
"""What principles are made of, whatever they say."""
SAME = 0.35
"""From here on two principles speak of the same: of 14 pairs labelled by hand the 7 that do have 0.43 to 0.77, the 7
that do not up to 0.22 (2026-11-22, `tests/constitutions/test_diff.py`). What says the same in other words has less."""


def similarities(of: Sequence[str], to: Sequence[str]) -> list[list[float]]:
    """The similarity (0..1) of each text in `of` to each in `to`. How much a piece weighs is decided by both."""
    if not any(_content(text) for text in (*of, *to)):
        return [[0.0] * len(to) for _ in of]
    vectors = _vectorizer().fit((*of, *to))
    return [[min(1.0, float(x)) for x in row] for row in (vectors.transform(of) @ vectors.transform(to).T).toarray()]


class Relevance:
    """Texts, and how much each has to do with another text that comes later. What pieces weigh is theirs to say."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        known = any(_content(text) for text in texts)
        self._count = len(texts)
        self._vectors = _vectorizer().fit(texts) if known else None
        self._texts = self._vectors.transform(texts) if self._vectors else None

    def to(self, text: str) -> list[float]:
        """The similarity (0..1) of each text to this one, in their order."""
        if self._vectors is None:
            return [0.0] * self._count
        return [float(x) for x in (self._texts @ self._vectors.transform([text]).T).toarray()[:, 0]]


@lru_cache(maxsize=8)
def relevance_of(texts: tuple[str, ...]) -> Relevance:
    """The same, made once for the same texts."""
    return Relevance(texts)


def _vectorizer() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), preprocessor=_content)


def _content(text: str) -> str:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return " ".join(
        word for word in WORD.findall(text.lower()) if word not in ENGLISH_STOP_WORDS and word not in OF_THE_FORM
    )
