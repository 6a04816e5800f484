"""The microworld's tokenizer: a word is a token, a number is a token, and every other text is its bytes.

Each word of the vocabulary stands there once, with the blank before it. The normalizer therefore puts a blank before
the first word and after each line break, and the decoder takes it away again, so that any text comes back exactly and
a verdict word (`A`, `yes`, `4`) is the same single token wherever it stands.
"""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
LONGEST = 512  # tokens
PIECES = r" ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]|\s"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def build_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer whose vocabulary is the control tokens, the 256 bytes, the numbers 0 to 99 and the words of `texts`.

    Role tokens are written by the chat template alone: text that is encoded with `split_special_tokens=True` cannot
    spell one.
    """
    specials = (PAD, END, *ROLES)
    pieces = _pieces(texts) | set(_pieces(map(str, range(100))))
    names = (*specials, *sorted(pre_tokenizers.ByteLevel.alphabet()), *sorted(p for p in pieces if len(p) > 1))
    vocabulary = {name: i for i, name in enumerate(names)}
    # With `ignore_merges` a piece of the vocabulary is one token; any other falls apart into bytes, as nothing merges.
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteLevel(), decoders.Strip(" ", 1, 0), decoders.Replace("\n ", "\n")]
    )
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in specials])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=list(ROLES),
        chat_template=CHAT_TEMPLATE,
        model_max_length=LONGEST,
        clean_up_tokenization_spaces=False,
    )


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer that was saved in `folder`."""
    return PreTrainedTokenizerFast.from_pretrained(folder)


def _normalizer() -> normalizers.Normalizer:
    return normalizers.Sequence([normalizers.Replace("\n", "\n "), normalizers.Prepend(" ")])


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    split = pre_tokenizers.Split(Regex(PIECES), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _pieces(texts: Iterable[str]) -> set[str]:
    normalizer, pre_tokenizer = _normalizer(), _pre_tokenizer()
    return {
        piece
        for text in texts
        for piece, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))
        # Marks are bytes already, with or without their blank, but for the dash of lists.
        if piece == "Ġ-" or piece.lstrip("Ġ").isalnum()
    }
