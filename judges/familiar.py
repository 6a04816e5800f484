"""A judge that stays with what it is known to judge well."""

from collections.abc import Sequence
from dataclasses import dataclass

from judges.dialogue import Item, Judge, Question, Round, Verdict
from runs.records import Message, Unscored


@dataclass(frozen=True)
class Familiar:
    """Another judge, which is not asked about answers to the prompts in `far`: these are UNFAMILIAR."""

    judge: Judge
    far: frozenset[tuple[Message, ...]]

    @property
    def method(self) -> str:
        """That of the other judge."""
        return self.judge.method

    @property
    def compares(self) -> int:
        """As many as the other judge."""
        return self.judge.compares

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        """What the other judge asks; nothing of a far prompt."""
        return () if item.messages in self.far else self.judge.ask(item, rounds)

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The other judge's verdict; of a far prompt none."""
        return Verdict(Unscored.UNFAMILIAR, None, ()) if item.messages in self.far else self.judge.read(item, rounds)
