"""The closed grammar of requests: a task, its words, and the way back from the words to the task."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from constitutions.fill import fill, placeholders
from microworld.facts import are_sound, difficulty_of, draw_facts
from microworld.phrasings import FAMILIES, PHRASINGS, SLOTS, Family, Harm, Phrasing
from runs.records import Message, Prompt

SOURCE = "microworld"
TWO_TURNS_SHARE = 0.2  # of the prompts whose difficulty does not decide it


@dataclass(frozen=True)
class Task:
    """What is asked: a family, one of its phrasings, and the value of each of the phrasing's slots."""

    family: Family
    phrasing: int
    facts: dict[str, str]

    @property
    def wording(self) -> Phrasing:
        """The phrasing itself."""
        return PHRASINGS[self.family][self.phrasing]

    @property
    def harm(self) -> Harm:
        """How open the harm in it is."""
        return self.wording.harm

    @property
    def turns(self) -> int:
        """The number of the user's turns: 1 or 2."""
        return (len(self.wording.turns) + 1) // 2

    @property
    def difficulty(self) -> int:
        """1 to 3: as the phrasing says, or by the length of what must be worked on."""
        if self.wording.difficulty is not None:
            return self.wording.difficulty
        return difficulty_of(self.family, self.facts)


def draw_task(family: Family, difficulty: int, rng: random.Random) -> Task:
    """A task of this family and difficulty (1 to 3), uniform over its phrasings but for the share of two turns."""
    fitting = [i for i, p in enumerate(PHRASINGS[family]) if p.difficulty in (None, difficulty)]
    long = [i for i in fitting if len(PHRASINGS[family][i].turns) > 1]
    short = [i for i in fitting if i not in long]
    several = long and (not short or rng.random() < TWO_TURNS_SHARE)
    phrasing = rng.choice(long if several else short)
    facts = draw_facts(family, difficulty, rng)
    slots = set().union(*(placeholders(turn) for turn in PHRASINGS[family][phrasing].turns))
    return Task(family, phrasing, {slot: facts[slot] for slot in sorted(slots)})


def messages_of(task: Task) -> tuple[Message, ...]:
    """The conversation that asks for `task`; it ends with the user's turn."""
    roles = ("user", "assistant", "user")
    return tuple(Message(role, fill(turn, **task.facts)) for role, turn in zip(roles, task.wording.turns, strict=False))


def parse(messages: Sequence[Message]) -> Task | None:
    """The task that `messages` ask for, or None where they are not of this grammar. Inverse of `messages_of`.

    Requests that make no sense (a place that a list lacks, a sum over 99) are not of the grammar. Blanks and capitals
    do not matter; system messages are not part of the request.
    """
    turns = [m for m in messages if m.role != "system"]
    if [m.role for m in turns] not in (["user"], ["user", "assistant", "user"]):
        return None
    return _parse_turns(tuple(" ".join(m.content.lower().split()) for m in turns))


def draw_prompt(family: Family, difficulty: int, rng: random.Random) -> Prompt:
    """A prompt with the tags that metrics are grouped by. Its split is decided by `microworld.splits`."""
    task = draw_task(family, difficulty, rng)
    return Prompt(messages_of(task), SOURCE, tags=tags_of(task))


def tags_of(task: Task) -> dict[str, str]:
    """family, difficulty (1 to 3), harm (none, obvious, subtle) and turns (1 or 2)."""
    return {"family": task.family, "difficulty": str(task.difficulty), "harm": task.harm, "turns": str(task.turns)}


@lru_cache(maxsize=100_000)
def _parse_turns(turns: tuple[str, ...]) -> Task | None:
    text = "\n".join(turns)
    for family, phrasing, pattern in _patterns():
        match = pattern.fullmatch(text)
        if match and are_sound(family, match.groupdict()):
            return Task(family, phrasing, dict(sorted(match.groupdict().items())))
    return None


@cache
def _patterns() -> list[tuple[Family, int, re.Pattern[str]]]:
    return [
        (family, i, re.compile(_pattern("\n".join(phrasing.turns))))
        for family in FAMILIES
        for i, phrasing in enumerate(PHRASINGS[family])
    ]


def _pattern(template: str) -> str:
    seen: set[str] = set()
    parts = []
    for i, part in enumerate(re.split(r"\{([a-z]+)\}", template)):
        if i % 2 == 0:
            parts.append(re.escape(part))
        elif part in seen:
            parts.append(f"(?P={part})")
        else:
            seen.add(part)
            parts.append(f"(?P<{part}>{SLOTS[part]})")
    return "".join(parts)
