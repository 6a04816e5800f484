"""100,000 random texts: no exception, and no verdict that the text does not state."""

import random
import re

from constitutions.load import Scale
from judges.letters import written_letter
from judges.verdict import read
from runs.records import Unscored

TEXTS = 100_000
SCALE = Scale(low=0, high=5)
PIECES = [
    "Score",
    "score:",
    "Score: ",
    "Answer: ",
    "Verdict:",
    "A",
    "B",
    "C",
    "(A)",
    "[[B]]",
    "tie",
    "a",
    "4",
    "6",
    "3.5",
]
PIECES += [
    "/5",
    " out of 5",
    "10",
    "-",
    ".",
    ":",
    "*",
    "**",
    "_",
    "#",
    "> ",
    "nan",
    "why ",
    " ",
    "\t",
    "\r",
    "\u2028",
    "\u0410",
]
LINES = [
    "Score: 4",
    "**Score: 2**",
    "Score: 9",
    "Answer: A",
    "B",
    "> A",
    "- Score: 5",
    "A is better.",
    "Score: none",
    "tie",
]


def draw(rng: random.Random) -> str:
    """A text of some lines: of pieces of verdicts, whole verdicts and characters from all of Unicode."""
    lines = []
    for _ in range(rng.randrange(4)):
        match rng.randrange(3):
            case 0:
                lines.append("".join(rng.choices(PIECES, k=rng.randrange(7))))
            case 1:
                lines.append(rng.choice(LINES))
            case _:
                lines.append("".join(map(chr, rng.choices(range(0x110000), k=rng.randrange(6)))))
    return "\n".join(lines)


def test_any_of_100_000_texts_reads_as_a_reason_or_as_what_it_states() -> None:
    rng, scored, lettered = random.Random(0), 0, 0
    for _ in range(TEXTS):
        text = draw(rng)
        score, letter = read(text, True, SCALE), written_letter(text, True)
        if not isinstance(score, Unscored):
            scored += 1
            assert score in (0, 1, 2, 3, 4, 5), ascii(text)
            assert re.search(rf"score[*_ \t]*:[*_ \t]*-?0*{score:.0f}(?![0-9])", text, re.IGNORECASE), ascii(text)
        if not isinstance(letter, Unscored):
            lettered += 1
            last = [line for line in text.split("\n") if line.strip(" \t\r")][-1]
            assert re.findall("[ABC]", re.sub("(?i:answer)", "", last)) == [letter], ascii(text)
        assert read(text, False, SCALE) is written_letter(text, False) is Unscored.TRUNCATED
    assert min(scored, lettered) > TEXTS / 100  # else this would show nothing
