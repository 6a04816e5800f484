"""What the league's judges judge: two answers to each held-out prompt, of which gold says which is better."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Literal

from loop.desk import Desk
from loop.steps.generate import write_answers
from microworld.gold import score
from microworld.grammar import parse
from microworld.solutions import wanted_value
from microworld.splits import prompts
from runs.canonical import digest, seed_of
from runs.records import Prompt, Sampling

PROMPTS = 390
"""Of each seed: the 13 families have 30 each, ten at each of three difficulties."""
ANSWERS = 4
"""To each prompt: the first two are the pair that is judged; a tournament has the others for comparison."""
TEMPERATURE, LONGEST_TOKENS = 1.0, 48
NUMBER = ("count", "compare", "compute", "steps")
"""The families whose right answer ends in one number, so that a verifier can look it up."""
UNDECIDED, NO_PAIR = "-", "."
RIGHT = {"1": 1.0, "0": 0.0, UNDECIDED: 0.5}
"""How right a verdict is, by its letter in a row; there is a letter for each prompt."""


@dataclass(frozen=True)
class Answered:
    """A prompt and the answers sampled to it. Numbers that it asks for stand in its tag `reference`."""

    prompt: Prompt
    texts: tuple[str, ...]

    @cached_property
    def golds(self) -> tuple[float, ...]:
        """How good each answer truly is, 0 to 5."""
        return tuple(score(self.prompt.messages, text).total for text in self.texts)

    @property
    def better(self) -> Literal["a", "b"] | None:
        """Which of the first two is better; None where they are equally good."""
        a, b = self.golds[:2]
        return None if a == b else "a" if a > b else "b"

    def letter(self, chance: float | None) -> str:
        """What a verdict on the pair is worth, where `chance` is the probability (0..1) that the first is better."""
        if self.better is None:
            return NO_PAIR
        if chance is None or chance == 0.5:
            return UNDECIDED
        return "1" if (chance > 0.5) == (self.better == "a") else "0"


@cache
def held_out(seed: int, n: int = PROMPTS) -> tuple[Prompt, ...]:
    """The `n` prompts of a seed, in the order of the letters of its rows."""
    return tuple(map(_with_reference, prompts("held-out", n, seed_of("league", seed))))


def _with_reference(prompt: Prompt) -> Prompt:
    task = parse(prompt.messages)
    if task is None or task.family not in NUMBER:
        return prompt
    return replace(prompt, tags={**prompt.tags, "reference": wanted_value(task)})


def sample(desk: Desk, seed: int, n: int = PROMPTS) -> list[Answered]:
    """The answers of the desk's model without an adapter to the first `n` prompts of the seed."""
    asked = held_out(seed, n)
    wanted = [(prompt, seed_of("league", seed, prompt.digest, k)) for prompt in asked for k in range(ANSWERS)]
    sampling = Sampling(TEMPERATURE, 1.0, LONGEST_TOKENS)
    texts = [written.text for written in write_answers(desk, desk.base.digest, wanted, sampling)]
    return [
        Answered(prompt, tuple(texts[place * ANSWERS : (place + 1) * ANSWERS])) for place, prompt in enumerate(asked)
    ]


def digest_of(items: Sequence[Answered]) -> str:
    """The name of what was judged: rows that bear the same one are of the same items."""
    return digest([[item.prompt.digest, *item.texts] for item in items])
