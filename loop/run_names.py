"""Readable names for runs that were not given one."""

import random
from collections.abc import Collection

ADJECTIVES = (
    "amber", "brisk", "calm", "clear", "eager", "early", "fair", "gentle", "keen", "late", "lively", "mild", "north",
    "plain", "quiet", "rapid", "silver", "steady", "sunny", "warm",
)  # fmt: skip
NOUNS = (
    "badger", "beech", "brook", "cedar", "comet", "falcon", "finch", "harbor", "heron", "lark", "maple", "meadow",
    "otter", "pebble", "raven", "river", "sparrow", "stone", "willow", "wren",
)  # fmt: skip


def fresh_name(taken: Collection[str]) -> str:
    """A name like `calm-heron-17` that is not in `taken`. Names decide nothing, so real randomness may."""
    while True:
        name = f"{random.choice(ADJECTIVES)}-{random.choice(NOUNS)}-{random.randrange(100)}"
        if name not in taken:
            return name
