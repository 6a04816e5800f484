"""New prompts after the example of others: what a model is asked, and which of its replies become prompts.

Self-Instruct (Wang et al., 2212.10560) in the form of Self-Rewarding Language Models (2401.10020): a few
demonstrations, one reply, and filters for validity, length and likeness. A new prompt is one line, as the
demonstrations are shown.
"""

import json
import unicodedata
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

from constitutions.fill import fill
from constitutions.load import Constitution
from loop.config_prompts import Prompts
from loop.near_duplicates import NearDuplicates
from loop.sources import plain
from runs.errors import ConfigError
from runs.records import Message, Prompt, Response

SOURCE = "self-made"
"""The `source` of every prompt that a model of the loop wrote."""
RED_TEAM = "red-team"
"""The `source` of those that were written to be failed."""
NOT_DECODED = "\ufffd"  # stands where bytes were no text


class Drop(StrEnum):
    """Why a reply does not become a prompt, in the order in which it is asked."""

    UNFINISHED = "unfinished"  # cut off at the limit of tokens
    INVALID = "invalid"  # nothing, several lines, a control token's text, or bytes that are no text
    LENGTH = "length"  # too few words, or too many
    SEEN = "seen"  # in the pool already, word for word: so is a copied demonstration
    HELD_BACK = "held_back"  # not for training: held out, labelled by people, or too like what is measured
    ROUGE = "rouge"  # too like one of the pool


def demonstrations(drawn: Sequence[Prompt], settings: Prompts) -> list[Prompt]:
    """Those of the drawn prompts that can be shown: of one turn, and as long as a new prompt may be.

    Raises ConfigError where they are fewer than `prompts.examples`.
    """
    fitting = showable(drawn, settings)
    if len(fitting) < settings.examples:
        raise ConfigError(
            f"prompts.examples={settings.examples}: of {len(drawn)} prompts of prompts.source={settings.source} only "
            f"{len(fitting)} are of one turn and of {settings.min_words} to {settings.max_words} words; show fewer "
            "(prompts.examples), allow longer ones (prompts.max_words), or set prompts.self_made_frac=0"
        )
    return fitting


def showable(drawn: Sequence[Prompt], settings: Prompts) -> list[Prompt]:
    """Those of the drawn prompts that are of one turn, and as long as a new prompt may be."""
    return [
        prompt
        for prompt in drawn
        if len(prompt.messages) == 1 and has_length(prompt.messages[0].content, settings.min_words, settings.max_words)
    ]


def question(constitution: Constitution, examples: Sequence[Prompt]) -> Prompt:
    """What asks for one more prompt: the constitution's `new_prompt`, with the examples one a line."""
    lines = "\n".join(" ".join(example.messages[0].content.split()) for example in examples)
    return Prompt((Message("user", fill(constitution.question("new_prompt"), examples=lines)),), "self-instruct")


def has_length(text: str, min_words: int, max_words: int) -> bool:
    """Whether `text` has as many words (what stands between blanks) as it should."""
    return min_words <= len(text.split()) <= max_words


def control_tokens(folder: Path) -> frozenset[str]:
    """The texts that the tokenizer in `folder` reads as something else than words, such as the marks of a turn.

    Raises ConfigError where there is no `tokenizer.json` that can be read.
    """
    try:
        added = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")).get("added_tokens", [])
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"prompts.self_made_frac: the marks that a new prompt may not hold stand in {folder}/tokenizer.json, which "
            f"cannot be read ({error}); save the model's tokenizer with transformers, or set prompts.self_made_frac=0"
        ) from error
    return frozenset(token["content"] for token in added if token["content"].strip())


class Sieve:
    """Decides which replies become prompts. What it lets through joins the pool that later ones are held against.

    `pool` are the prompts that a new one may not repeat; `held_back` says whether a request in these words, whatever
    its capitals and blanks, is not for training; nor is one that is too like one of the `measured` prompts.
    """

    def __init__(
        self,
        settings: Prompts,
        pool: Sequence[Prompt],
        control: frozenset[str],
        held_back: Callable[[str], bool],
        measured: Sequence[Prompt] = (),
    ) -> None:
        self._settings = settings
        self._control = control
        self._held_back = held_back
        self._seen: set[str] = set()
        self._alike = NearDuplicates(settings.max_rouge_l)
        for prompt in pool:
            self._add(_asked(prompt))
        self._like_measured = NearDuplicates(settings.max_rouge_l)
        for prompt in measured:
            self._like_measured.add(_asked(prompt))

    def sift(self, response: Response) -> str | Drop:
        """The text of the new prompt that a reply holds, its blanks made single; or why there is none."""
        text = " ".join(response.text.split())
        if drop := self._fault(response, text):
            return drop
        self._add(text)
        return text

    def _fault(self, response: Response, text: str) -> Drop | None:
        if response.stop != "end":
            return Drop.UNFINISHED
        if not self._is_valid(response.text.strip()):
            return Drop.INVALID
        if not has_length(text, self._settings.min_words, self._settings.max_words):
            return Drop.LENGTH
        if plain(text) in self._seen:
            return Drop.SEEN
        if self._held_back(text) or self._like_measured.has_one_like(text):
            return Drop.HELD_BACK
        return Drop.ROUGE if self._alike.has_one_like(text) else None

    def _is_valid(self, text: str) -> bool:
        if len(text.splitlines()) != 1 or NOT_DECODED in text:
            return False
        if any(token in text for token in self._control):
            return False
        return not any(unicodedata.category(letter) == "Cc" and not letter.isspace() for letter in text)

    def _add(self, text: str) -> None:
        self._seen.add(plain(text))
        self._alike.add(text)


def _asked(prompt: Prompt) -> str:
    return " ".join(message.content for message in prompt.messages if message.role == "user")
