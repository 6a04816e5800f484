"""The words that the microworld's own texts use: what its tokenizer is built from."""

import random

from transformers import PreTrainedTokenizerFast

from microworld.demonstrations import ANSWERS_AND_VERDICTS, draw_demonstration
from microworld.tokenizer import build_tokenizer

DRAWS = 5_000  # as many words come up as in 20,000


def microworld_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer whose words are those of 5,000 demonstrations: always the same one."""
    rng = random.Random(0)
    drawn = (draw_demonstration(ANSWERS_AND_VERDICTS, 0.0, rng) for _ in range(DRAWS))
    return build_tokenizer(text for d in drawn for text in (*(m.content for m in d.messages), d.reply))
