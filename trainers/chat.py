"""A conversation as token ids, the same for the engine that samples and the trainer that learns. No torch here.

The chat template is the tokenizer's own, but it never sees what was said: it is rendered once per list of roles, with
marks where contents go. So no text can change what the template does, and no text can become a control token: an
answer that spells `<|im_end|>` is read as those characters. For ordinary texts the ids are those of
`tokenizer.apply_chat_template(messages, tokenize=True, add_generation_prompt=True)`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from runs.records import Message

MARK = re.compile("(\v?)\uf8ff([0-9]+)\uf8ff(\v?)")
BYTE = re.compile("<0x[0-9A-F]{2}>")


@dataclass(frozen=True)
class Controls:
    """The tokens that structure a conversation: all added tokens but runs of blanks. `pattern` finds their text."""

    ids: frozenset[int]
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Slot:
    """Where the template puts the content of message `index`, and whether it strips blanks before or after it."""

    index: int
    strip_left: bool
    strip_right: bool

    def fill(self, messages: Sequence[Message]) -> str:
        text = messages[self.index].content
        text = text.lstrip() if self.strip_left else text
        return text.rstrip() if self.strip_right else text


def render(tokenizer: Any, messages: Sequence[Message], opening: str = "") -> list[int]:
    """The ids of `messages`, the generation prompt and `opening`, the text that the assistant's turn begins with.

    The control tokens among them are exactly the template's. Raises ValueError where the template takes no such
    conversation, or where a text cannot be spelt without a control token.
    """
    frame = _frame(tokenizer, tuple(message.role for message in messages))
    parts = [(part.fill(messages), False) if isinstance(part, Slot) else (part, True) for part in frame]
    parts.append((opening, False))
    whole = "".join(text for text, _ in parts)
    ids = _encode(tokenizer, whole)
    controls = _controls(tokenizer)
    found = [id_ for id_ in ids if id_ in controls.ids]
    # Places are compared as well as ids: a text that completes half a token of the template could keep the count.
    if _own_spans(controls, parts) == _spans(controls, whole) and found == _own_ids(tokenizer, frame):
        return ids
    encoded = (_encode(tokenizer, text) if own else _plain(tokenizer, text) for text, own in parts)
    return list(chain.from_iterable(encoded))


def label_ids(tokenizer: Any, messages: Sequence[Message], opening: str, labels: Sequence[str]) -> list[int]:
    """The one token that each label is when it is said next, after `messages` and `opening`.

    Raises ValueError, naming the label, if it is no token or several there, if it changes the tokens before it, or if
    two labels share a token.
    """
    frame = _frame(tokenizer, tuple(message.role for message in messages))
    tail = _tail(tokenizer, frame[-1] if isinstance(frame[-1], str) else "")
    if tail is None:  # no control token after the last content: the whole conversation may matter
        before = render(tokenizer, messages, opening)
        after = [render(tokenizer, messages, opening + label) for label in labels]
        found = [_next_id(before, ids, opening, label) for ids, label in zip(after, labels, strict=True)]
    else:
        found = [_label_after(tokenizer, tail, opening, label) for label in labels]
    for place, (label, id_) in enumerate(zip(labels, found, strict=True)):
        if id_ in found[:place]:
            raise ValueError(f"the label {label!r} is the same token as {labels[found.index(id_)]!r}: {id_}")
    return found


def answer_ids(tokenizer: Any, messages: Sequence[Message], text: str) -> list[int]:
    """The ids of `text` as the whole answer to `messages`, with the token that ends it.

    Raises ValueError like `render`.
    """
    before, after = render(tokenizer, messages), render(tokenizer, messages, text)
    # A tokenizer may join the answer's first characters to the template's last; a policy's first token is its own.
    said = after[len(before) :] if after[: len(before)] == before else _plain(tokenizer, text)
    return [*said, _end_id(tokenizer, tuple(message.role for message in messages))]


@lru_cache(maxsize=256)
def _end_id(tokenizer: Any, roles: tuple[str, ...]) -> int:
    """The token with which the template ends an assistant's turn; the tokenizer's own end where it has none."""
    after = _frame(tokenizer, (*roles, "assistant"), goes_on=False)[-1]
    ends = [id_ for id_ in _encode(tokenizer, str(after)) if id_ in _controls(tokenizer).ids]
    return int(ends[0] if ends else tokenizer.eos_token_id)


@lru_cache(maxsize=1024)
def _label_after(tokenizer: Any, tail: str, opening: str, label: str) -> int:
    if _controls(tokenizer).pattern.search(opening + label):
        raise ValueError(f"the label {label!r} or the opening {opening!r} spells a control token")
    return _next_id(_encode(tokenizer, tail + opening), _encode(tokenizer, tail + opening + label), opening, label)


def _next_id(before: list[int], after: list[int], opening: str, label: str) -> int:
    if after[: len(before)] != before or len(after) != len(before) + 1:
        raise ValueError(
            f"the label {label!r} is not one token after {opening!r}: it turns {before[-4:]} into {after[-8:]}; "
            "choose labels and an opening that the tokenizer keeps apart"
        )
    return after[-1]


@lru_cache(maxsize=256)
def _frame(tokenizer: Any, roles: tuple[str, ...], goes_on: bool = True) -> tuple[str | Slot, ...]:
    """What the template makes of such a conversation: its own texts and the slots of the contents, in order.

    Where it `goes_on`, the last text ends with the generation prompt.
    """
    marked = [{"role": role, "content": f"\v\uf8ff{i}\uf8ff\v"} for i, role in enumerate(roles)]
    try:
        text = tokenizer.apply_chat_template(
            marked,
            tokenize=False,
            add_generation_prompt=goes_on,
            enable_thinking=False,  # else the first token of an answer is not the answer's
            date_string="26 Jul 2024",  # Llama's template would else print today's date
        )
    except Exception as error:  # jinja2.TemplateError, or whatever the template raises itself
        raise ValueError(f"the chat template takes no conversation with the roles {list(roles)}: {error}") from error
    parts: list[str | Slot] = []
    end = 0
    for match in MARK.finditer(text):
        parts += [text[end : match.start()], Slot(int(match[2]), not match[1], not match[3])]
        end = match.end()
    if {part.index for part in parts if isinstance(part, Slot)} != set(range(len(roles))):
        raise ValueError(f"the chat template leaves out a message of a conversation with the roles {list(roles)}")
    return (*parts, text[end:])


@lru_cache(maxsize=8)
def _controls(tokenizer: Any) -> Controls:
    # A tokenizer may list blanks among its added tokens (Gemma does); a text may hold those.
    added = {id_: t.content for id_, t in tokenizer.added_tokens_decoder.items() if t.content.strip(" \t\r\n▁")}
    longest_first = sorted(added.values(), key=len, reverse=True)
    # Strange characters become the unknown token or bytes; no text gains anything by those.
    ids = {id_ for id_, content in added.items() if id_ != tokenizer.unk_token_id and not BYTE.fullmatch(content)}
    return Controls(frozenset(ids), re.compile("|".join(map(re.escape, longest_first)) or r"(?!)"))


@lru_cache(maxsize=256)
def _own_ids(tokenizer: Any, frame: tuple[str | Slot, ...]) -> list[int]:
    own = [id_ for part in frame if isinstance(part, str) for id_ in _encode(tokenizer, part)]
    return [id_ for id_ in own if id_ in _controls(tokenizer).ids]


@lru_cache(maxsize=256)
def _tail(tokenizer: Any, generation_prompt: str) -> str | None:
    """The generation prompt from its last control token on: the tokens after a control token depend on no others."""
    spans = _spans(_controls(tokenizer), generation_prompt)
    return generation_prompt[spans[-1][0] :] if spans else None


def _spans(controls: Controls, text: str) -> list[tuple[int, int]]:
    return [match.span() for match in controls.pattern.finditer(text)]


def _own_spans(controls: Controls, parts: Sequence[tuple[str, bool]]) -> list[tuple[int, int]]:
    """Where the template's own control tokens stand in the joined parts."""
    spans, start = [], 0
    for text, own in parts:
        if own:
            spans += [(start + a, start + b) for a, b in _spans(controls, text)]
        start += len(text)
    return spans


def _encode(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))


def _plain(tokenizer: Any, text: str) -> list[int]:
    """The ids of `text` as mere characters: whatever spells a control token is broken in two."""
    controls = _controls(tokenizer)
    pieces, start = [], 0
    while found := controls.pattern.search(text, start):
        middle = max((found.start() + found.end()) // 2, start + 1)
        pieces.append(text[start:middle])
        start = middle
    ids = [id_ for piece in [*pieces, text[start:]] if piece for id_ in _encode(tokenizer, piece)]
    if controls.ids.isdisjoint(ids):
        return ids
    # A normalizer can spell a control token from other characters; one character alone has nothing to join.
    ids = [id_ for character in text for id_ in _encode(tokenizer, character)]
    if forged := controls.ids.intersection(ids):
        raise ValueError(f"the text {text[:40]!r} cannot be told from the control token {tokenizer.decode(forged)!r}")
    return ids
