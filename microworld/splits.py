"""Which prompts are for training, for measuring, for anchoring, and for nobody: decided by each prompt's own digest.

So the splits are disjoint whoever draws, whenever, and however many. `never` is kept for questions not yet asked.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from microworld.grammar import draw_prompt
from microworld.phrasings import FAMILIES, Family
from runs.canonical import seed_of
from runs.records import Prompt, Split

BOUNDS: tuple[tuple[Split, int], ...] = (("train", 70), ("held-out", 85), ("anchor", 92), ("never", 100))
PATIENCE = 2000  # draws without a new prompt before a family counts as used up


def split_of(digest: str) -> Split:
    """The split of the prompt named `digest`: 70, 15, 7 and 8 % of all, in the order of `BOUNDS`."""
    percentile = int(digest[-8:], 16) % 100
    return next(split for split, bound in BOUNDS if percentile < bound)


def prompts(split: Split, n: int, seed: int, families: Sequence[Family] = FAMILIES) -> list[Prompt]:
    """`n` different prompts of `split`, families and difficulties taking turns. Equal arguments give equal lists.

    A longer list begins with the shorter one. Raises ValueError where a family has not so many.
    """
    return list(_drawn(split, n, seed, tuple(families)))


@lru_cache(maxsize=16)
def _drawn(split: Split, n: int, seed: int, families: tuple[Family, ...]) -> tuple[Prompt, ...]:
    """Kept, as an iteration asks for its prompts again and again."""
    rng = random.Random(seed_of("microworld", split, seed))
    cells = [(family, difficulty) for difficulty in (1, 2, 3) for family in families]
    seen: set[str] = set()
    drawn = []
    for i in range(n):
        family, difficulty = cells[i % len(cells)]
        prompt = _new_prompt(family, difficulty, split, seen, rng)
        seen.add(prompt.digest)
        drawn.append(prompt)
    return tuple(drawn)


def _new_prompt(family: Family, difficulty: int, split: Split, seen: set[str], rng: random.Random) -> Prompt:
    for _ in range(PATIENCE):
        prompt = draw_prompt(family, difficulty, rng)
        if prompt.digest not in seen and split_of(prompt.digest) == split:
            return replace(prompt, split=split)
    place = f"the family {family} at difficulty {difficulty}"
    raise ValueError(f"{place} has no new {split} prompt after {len(seen)} in all: ask for fewer prompts")
