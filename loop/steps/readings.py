"""How likely a policy finds texts that are there already, kept so that nobody has to ask again."""

from collections.abc import Sequence
from typing import NamedTuple

from loop.desk import Desk
from loop.engine.protocol import Score
from runs.records import Message, Reading

VERSION = 1
"""Of how answers are read: raised with any change after which the same text would be found otherwise."""


class Read(NamedTuple):
    """A text to be read: its name, what it answers, and itself, as token ids or as a text that is a whole answer."""

    name: str
    messages: tuple[Message, ...]
    answer: tuple[int, ...] | str


def reading_shards(desk: Desk, address: str, policy: str, texts: Sequence[Read]) -> tuple[str, ...]:
    """The shards of the policy's reading of each text, recalled wherever it read the same before."""

    def work(part: Sequence[Read]) -> list[Reading]:
        scored = desk.engine(policy).run([Score(one.messages, policy, one.answer) for one in part])
        return [Reading(one.name, policy, found.logprobs) for one, found in zip(part, scored, strict=True)]

    return desk.shards(address, {"read": VERSION, **desk.maker(policy)}, "readings", texts, work)
