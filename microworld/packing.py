"""Demonstrations as rows of tokens: several to a row, each seeing only itself, with the reply's tokens as targets."""

import random
from collections.abc import Iterator
from typing import NamedTuple

import torch
from transformers import PreTrainedTokenizerFast

from microworld.demonstrations import Demonstration, Shares, draw_demonstration

POOL = 400  # demonstrations that are packed together: more of them leave less of the rows empty
IGNORED = -100


class Batch(NamedTuple):
    """`tokens_B_T`, their positions within their own demonstration, the demonstration's number in the row (0 is
    padding), and what each should predict (`IGNORED` outside replies)."""

    tokens_B_T: torch.Tensor
    positions_B_T: torch.Tensor
    segments_B_T: torch.Tensor
    targets_B_T: torch.Tensor


def encode(demonstrations: list[Demonstration], tokenizer: PreTrainedTokenizerFast) -> list[tuple[list[int], int]]:
    """The tokens of each conversation, end token included, and how many of them, at the end, are the reply's."""
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": m.role, "content": m.content} for m in d.messages], tokenize=False, add_generation_prompt=True
        )
        for d in demonstrations
    ]
    contexts = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    replies = tokenizer([d.reply + tokenizer.eos_token for d in demonstrations], add_special_tokens=False)["input_ids"]
    return [(context + reply, len(reply)) for context, reply in zip(contexts, replies, strict=True)]


def pack(conversations: list[tuple[list[int], int]], length: int) -> list[list[tuple[list[int], int]]]:
    """Rows of conversations that together fill at most `length` tokens: longest first, each where it fits tightest.

    A conversation longer than a row is left out.
    """
    rows: list[list[tuple[list[int], int]]] = []
    left: list[int] = []
    for conversation in sorted(conversations, key=lambda c: -len(c[0])):
        size = len(conversation[0])
        if size > length:
            continue
        best = min((i for i, free in enumerate(left) if free >= size), key=left.__getitem__, default=None)
        if best is None:
            rows.append([])
            left.append(length)
            best = len(rows) - 1
        rows[best].append(conversation)
        left[best] -= size
    return rows


def batches(
    shares: Shares, label_noise: float, tokenizer: PreTrainedTokenizerFast, rows: int, length: int, seed: int
) -> Iterator[Batch]:
    """Endless batches of `rows` rows of `length` tokens. Equal arguments give equal batches."""
    rng = random.Random(seed)
    waiting: list[list[tuple[list[int], int]]] = []
    while True:
        while len(waiting) < rows:
            drawn = [draw_demonstration(shares, label_noise, rng) for _ in range(POOL)]
            fresh = pack(encode(drawn, tokenizer), length)
            rng.shuffle(fresh)
            waiting += fresh
        yield _collate(waiting[:rows], length)
        del waiting[:rows]


def _collate(rows: list[list[tuple[list[int], int]]], length: int) -> Batch:
    tokens, positions, segments = (torch.zeros(len(rows), length, dtype=torch.long) for _ in range(3))
    targets = torch.full((len(rows), length), IGNORED)
    for r, row in enumerate(rows):
        start = 0
        for n, (ids, reply) in enumerate(row, start=1):
            end = start + len(ids)
            tokens[r, start:end] = torch.tensor(ids)
            positions[r, start:end] = torch.arange(len(ids))
            segments[r, start:end] = n
            targets[r, end - reply - 1 : end - 1] = torch.tensor(ids[-reply:])
            start = end
    return Batch(tokens, positions, segments, targets)


def attention_mask(segments_B_T: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """(B, 1, T, T), added to the attention scores: 0 towards oneself and one's own past, very low elsewhere."""
    length = segments_B_T.shape[1]
    own = segments_B_T[:, :, None] == segments_B_T[:, None, :]
    seen = own & torch.ones(length, length, dtype=torch.bool).tril()
    return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
