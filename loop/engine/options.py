"""How an engine is set up. Everything here can change the bits of an answer, but for `can_sleep`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RANK_TIERS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # the capacities that vLLM 0.32 has (vllm/config/lora.py)


@dataclass(frozen=True)
class EngineOptions:
    """One vLLM engine on one device.

    `base` is a folder with a model in safetensors. `threads` are the child's compute threads; they share the cores
    that the parent may use. `max_lora_rank` is the highest rank that can be served. `kv_cache_bytes` is the memory for
    keys and values, on either device. `max_adapters` is how many stay loaded; the one unused for longest goes first.
    `can_sleep` makes vLLM allocate so that it can give its memory back for a while; only on a GPU. `prefix_caching`
    computes what several prompts of a call begin with only once.
    """

    base: Path
    device: Literal["cpu", "cuda"]
    dtype: Literal["float32", "bfloat16"]
    max_model_len: int
    max_num_seqs: int
    threads: int
    max_lora_rank: int
    seed: int
    kv_cache_bytes: int
    max_adapters: int = 8
    can_sleep: bool = False
    prefix_caching: bool = True

    def __post_init__(self) -> None:
        if self.max_lora_rank > RANK_TIERS[-1]:
            raise ValueError(f"LoRA rank {self.max_lora_rank}; vLLM serves at most {RANK_TIERS[-1]}")

    @property
    def max_num_batched_tokens(self) -> int:
        """Tokens that one step computes: at least one whole prompt."""
        return max(4096, self.max_model_len)

    @property
    def tolerance_nats(self) -> float:
        """How far a token's log-probability may be from the trainer's own (float32: 5e-7 was measured)."""
        return 1e-3 if self.dtype == "float32" else 5e-2

    @property
    def rank_tier(self) -> int:
        """The smallest capacity of vLLM's that holds `max_lora_rank`."""
        return next(tier for tier in RANK_TIERS if tier >= self.max_lora_rank)
