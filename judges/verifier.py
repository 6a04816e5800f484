"""Answers that can be checked against a reference, without a model: nothing is asked and nothing is executed.

The reference is a tag of the prompt, so it comes from the operator's own prompt file. No recipe, constitution or model
names a verifier or writes a reference.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from judges.dialogue import Item, Question, Round, Verdict
from runs.records import Unscored

Match = Literal["exact", "number", "words"]
REFERENCE = "reference"
"""The prompt's tag that holds what is right."""

BEFORE, AFTER = " \"'`*_([{", " \"'`*_)]}.,;:!?"
"""What may stand around an answer without being part of it: quotes, emphasis, brackets, the end of a sentence."""
# A digit that follows a letter or a point belongs to a name or a version; a hyphen after a word is no minus. A number
# is read whole or not at all: `++` and `?+` give nothing back. What letters follow it is its unit.
NUMBER = re.compile(
    r"(?<![\w.])-?(?:(?:[0-9]{1,3}(?:,[0-9]{3})++(?![0-9])|[0-9]++)(?:\.[0-9]++)?+|\.[0-9]++)(?:e[+-]?[0-9]{1,6})?+"
    r"(?!\.?[0-9])",
    re.ASCII,
)
# A sign, a point and the commas of thousands are part of a number: -5 is not 5, and 3.5 is not 5.3.
WORD = re.compile(r"(?:(?<![\w-])-(?=\d))?\w+(?:(?:['-]|(?<=\d)(?:\.(?=\d)|,(?=\d{3}\b)))\w+)*")


@dataclass(frozen=True)
class Verifier:
    """1 for an answer that matches the prompt's tag called `reference`, else 0. A prompt without one: ABSTAINED.

    Nobody's spelling counts: case, Unicode's variants of a character, the amount of blanks, and what stands around
    the whole.

    - `exact`: the answer says the reference and nothing else.
    - `number`: the last number of the answer is the reference's value ("1,200.50 kg" and "1.2005e3kg" are 1200.5),
      whatever was said before. So of a reference that is a solution with its steps, too. A reference without a number
      is none.
    - `words`: the answer has the words of the reference and no others, in any order, however often. Were others
      allowed, the whole dictionary would be right. A reference without a word is none.
    - `says`: the answer says the reference somewhere, whole, whatever else it says: for measuring, and no reward, since
      whoever says everything is right.
    """

    match: Match | Literal["says"]
    reference: str = REFERENCE
    method: ClassVar[str] = "verifier"
    version: ClassVar[int] = 2
    """Of what is found right: raised with any change after which the same answer may be judged otherwise."""
    compares: ClassVar[int] = 1

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        """Nothing."""
        return ()

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """1, 0 or ABSTAINED."""
        if not self.can_judge(item.tags):
            return Verdict(Unscored.ABSTAINED, None, ())
        said, wanted = _meaning(self.match, item.texts[0]), self._wanted(item.tags)
        right = _says(str(said), str(wanted)) if self.match == "says" else said == wanted
        return Verdict(float(right), None, ())

    def can_judge(self, tags: Mapping[str, str]) -> bool:
        """Whether a prompt with these tags has a reference that an answer can be held against."""
        return self._wanted(tags) not in ("", frozenset())

    def _wanted(self, tags: Mapping[str, str]) -> str | Decimal | frozenset[str]:
        return _meaning(self.match, tags.get(self.reference, ""))


def _says(said: str, wanted: str) -> bool:
    """Whether `wanted` stands in it, and not as a part of a longer word or number."""
    return re.search(rf"(?<![\w.-]){re.escape(wanted)}(?!-?\w|[.,]\d)", said) is not None


def _meaning(match: Match | Literal["says"], text: str) -> str | Decimal | frozenset[str]:
    """What is compared of `text`; something empty where it holds nothing of the kind."""
    said = plain(text)
    if match == "words":
        return frozenset(WORD.findall(said))
    if match in ("exact", "says"):
        return said
    numbers = NUMBER.findall(said)
    return Decimal(numbers[-1].replace(",", "")) if numbers else ""


def plain(text: str) -> str:
    """`text` as it is compared: small, compatible characters (NFKC), single blanks, nothing around it."""
    same = unicodedata.normalize("NFKC", text).replace("\u2212", "-").casefold()
    return " ".join(same.split()).lstrip(BEFORE).rstrip(AFTER)
