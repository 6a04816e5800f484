"""How far an answer agrees with what the judge itself answers before it sees any: a reward that needs no taste.

A model is often right where its judgment of others is not, and an answer that it gives by itself owes nothing to how a
candidate talks. Where that is mostly wrong, agreeing with it is no merit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import ClassVar

from constitutions.load import Scale
from constitutions.principle import in_scope
from judges.composite import Weighted
from judges.dialogue import Item, Judge, Question, Round, Verdict, Write, texts
from judges.verifier import WORD, plain
from runs.records import Reply, Unscored


@dataclass(frozen=True)
class Agreement:
    """The lowest score for nothing in common with the judge's own answer, the highest for the same words in order.

    The judge is asked what was asked, once for all answers to a prompt. An own answer that is cut off commits to
    nothing: TRUNCATED.
    """

    scale: Scale
    method: ClassVar[str] = "agreement"
    compares: ClassVar[int] = 1

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Write, ...]:
        """The request itself."""
        return () if rounds else (Write(item.messages, of_prompt=True),)

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """How much the two have in common, laid over the scale."""
        (own,) = texts(rounds[0])
        kept = (Reply("", "", own.text, None),)
        if not own.finished:
            return Verdict(Unscored.TRUNCATED, None, kept)
        return Verdict(
            self.scale.low + (self.scale.high - self.scale.low) * in_common(own.text, item.texts[0]), None, kept
        )


@dataclass(frozen=True)
class Amplified:
    """A judge's verdict, and in part (`share`, 0 to 1) how far the answer agrees with the judge's own.

    On prompts with none of the tags in `scope` the verdict is all; an empty scope is every prompt's. Both are on
    `scale`, so that answers to different prompts have scores of one kind. Raises ValueError for a judge that compares.
    """

    judge: Judge
    scale: Scale
    share: float
    scope: tuple[str, ...]
    method: ClassVar[str] = "amplified"
    compares: ClassVar[int] = 1

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        """What the judge asks, and the request itself where agreement counts."""
        return self._heard(item).ask(item, rounds)

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The weighted mean, or the verdict."""
        return self._heard(item).read(item, rounds)

    def _heard(self, item: Item) -> Judge:
        both = Weighted((self.judge, Agreement(self.scale)), (1 - self.share, self.share))
        return both if in_scope(self.scope, item.tags) else self.judge


def in_common(one: str, other: str) -> float:
    """The share of both texts' words that stand in both in the same order, 0 to 1; 1 for two texts without words.

    Twice the words of the longest common run and of those on either side of it, by both texts' words (Ratcliff and
    Metzener, "Pattern matching: the gestalt approach", Dr. Dobb's Journal, July 1988).
    """
    first, second = (WORD.findall(plain(text)) for text in (one, other))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()
