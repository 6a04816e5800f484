"""Texts, and whether a new one is too like one of them: by ROUGE-L, as in Self-Instruct (Wang et al., 2212.10560)."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

WORD = re.compile(r"[^\W_]+")
ROUNDING = 1e-9


class Words:
    """Words in small letters, of any script that puts blanks between them; the library's own tokens are a to z only."""

    def tokenize(self, text: str) -> list[str]:
        """The words of `text`, in order."""
        return WORD.findall(text.lower())


class NearDuplicates:
    """A growing pool of texts. `max_rouge_l` (0 to 1) is the highest ROUGE-L F1 that two different texts may have."""

    def __init__(self, max_rouge_l: float) -> None:
        # Imported here: it brings nltk, and only runs whose model writes prompts need it.
        from rouge_score.rouge_scorer import RougeScorer

        self._max = max_rouge_l
        self._words = Words()
        self._scorer = RougeScorer(["rougeL"], tokenizer=self._words)
        self._texts: list[str] = []
        self._lengths: list[int] = []
        self._places: dict[str, list[tuple[int, int]]] = defaultdict(list)  # of a word: text and how often it is there

    def add(self, text: str) -> None:
        """Put `text` into the pool."""
        bag = Counter(self._words.tokenize(text))
        for word, times in bag.items():
            self._places[word].append((len(self._texts), times))
        self._texts.append(text)
        self._lengths.append(bag.total())

    def has_one_like(self, text: str) -> bool:
        """Whether ROUGE-L F1 of `text` and some text of the pool is above `max_rouge_l`; texts without words have 0."""
        return any(True for _ in self.those_like(text))

    def those_like(self, text: str) -> Iterator[int]:
        """The texts of the pool like that, by the order in which they were added."""
        for place in self._near(text):
            if self._scorer.score(self._texts[place], text)["rougeL"].fmeasure > self._max:
                yield place

    def _near(self, text: str) -> list[int]:
        """The texts that can be above the limit, the likeliest first.

        A common subsequence is no longer than the words in common, so F1 is at most 2 * common / (both lengths). That
        spares the library all but a few of the pairs: a table of words by words in Python for each.
        """
        bag = Counter(self._words.tokenize(text))
        common: Counter[int] = Counter()
        for word, times in bag.items():
            for place, there in self._places.get(word, ()):
                common[place] += min(times, there)
        bounds = {place: 2 * n / (bag.total() + self._lengths[place]) for place, n in common.items()}
        near = [place for place, bound in bounds.items() if bound > self._max - ROUNDING]
        return sorted(near, key=lambda place: -bounds[place])
