"""How many tokens a text has, by a model's own tokenizer."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from loop.base import find_base, find_judge_base
from loop.config import Config

CHARACTERS_A_TOKEN = 4.0
"""Of English text, where the tokenizer is not at hand."""
Tokens = Callable[[str], float]


@lru_cache(maxsize=8)
def counter(folder: Path | None) -> Tokens:
    """How many tokens a text has: by the model's own tokenizer, or by the characters where there is none to be read."""
    if folder is None or not (folder / "tokenizer.json").is_file():
        return lambda text: len(text) / CHARACTERS_A_TOKEN
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception:  # the library has no error of its own; whoever serves the model refuses it with a sentence
        return counter(None)
    return lambda text: float(len(tokenizer.encode(text, add_special_tokens=False).ids))


def judge_tokens(config: Config) -> Tokens:
    """How many tokens a text has for the model that judges in a run. Raises ConfigError for one that is not there."""
    if config.judge.max_principle_tokens is None:  # nobody counts
        return counter(None)
    return counter((find_judge_base(config) or find_base(config.model)).folder)
