"""vLLM's LoRA operators for the CPU, with tokens grouped by adapter. A plugin of vLLM (`vllm.general_plugins`).

The stock operators (vLLM 0.32, vllm/lora/ops/torch_ops/lora_ops.py) copy A and B once per *token* and contract the
copies with einsum: 2,304 one-token judgments with an adapter take ten times as long as without. They also read index
-1, a token without an adapter, as the last slot's adapter where a batch mixes both (1.8 nats a token off in our test).

Here the tokens of one adapter, nearly always the whole batch, are one plain matrix product. Delete this file, its
entry point and its test once vLLM's own CPU operators pass that test within the ratio that `make bench` asks for.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Rows = Any  # a slice or a tensor of row numbers: both index a tensor's rows


def register() -> None:
    """Make vLLM's CPU engine of this process use the operators below. On another platform nothing changes.

    vLLM calls this at start in each process of its own; calling it again does no harm.
    """
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU

    PunicaWrapperCPU.add_lora_linear = add_lora_linear


def add_lora_linear(
    self: Any,
    y: "Tensor",
    x: "Tensor",
    lora_a_stacked: "tuple[Tensor, ...]",
    lora_b_stacked: "tuple[Tensor, ...]",
    scale: float,
    output_slices: tuple[int, ...],
    *,
    buffer: "tuple[Tensor, ...] | None" = None,
    **kwargs: Any,
) -> None:
    """Add each token's `x A^T B^T scale` to `y` in place, for each slice of a merged projection (q, k, v or gate, up).

    `x` is (tokens, in), `y` (tokens, out); A is (slots, 1, rank, in), B (slots, 1, slice of out, rank). The product
    with A is kept in float32, as in vLLM's own operators.
    """
    if self.no_lora:
        return
    x, y = x.view(-1, x.shape[-1]), y.view(-1, y.shape[-1])
    starts, lengths, slots, *_ = self.prefill_metadata
    for slot, rows in _groups(starts.tolist(), lengths, slots):
        _add(y, x, rows, [(a[slot, 0], b[slot, 0]) for a, b in zip(lora_a_stacked, lora_b_stacked, strict=True)], scale)


def _groups(starts: list[int], lengths: "Tensor", slots: "Tensor") -> Iterator[tuple[int, Rows]]:
    """Each adapter's slot and the rows of its tokens, from vLLM's runs of tokens with one adapter."""
    if len(starts) == 1:
        yield int(slots[0]), slice(0, int(lengths[0]))
        return
    slot_of_token = slots.repeat_interleave(lengths)
    for slot in slots.unique().tolist():
        if slot >= 0:  # -1 is no adapter
            yield slot, (slot_of_token == slot).nonzero().squeeze(1)


def _add(y: "Tensor", x: "Tensor", rows: Rows, weights: "list[tuple[Tensor, Tensor]]", scale: float) -> None:
    chosen = x[rows].float()
    start = 0
    for a, b in weights:
        low = (chosen @ a.float().T).mul_(scale).to(y.dtype)
        part = y[:, start : start + len(b)]
        if isinstance(rows, slice):
            part[rows].addmm_(low, b.to(y.dtype).T)
        else:
            part.index_add_(0, rows, low @ b.to(y.dtype).T)
        start += len(b)
