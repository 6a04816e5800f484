"""Choosing and starting the engine that a configuration asks for."""

import json
from collections.abc import Callable
from pathlib import Path

from loop.base import Base
from loop.config import Config
from loop.engine.options import EngineOptions
from loop.engine.protocol import Engine
from runs.store import Store


def engine_starter(store: Store, config: Config, base: Base) -> Callable[[], Engine]:
    """A function that starts the engine; nothing is started before it is called."""
    if config.engine.kind == "stub":
        from loop.engine.stub import StubEngine

        return lambda: StubEngine(base.digest)

    def start() -> Engine:
        from loop.engine.vllm_engine import VllmEngine

        return VllmEngine(engine_options(config, base), base.digest, store.logs)

    return start


def engine_options(config: Config, base: Base) -> EngineOptions:
    """The engine's shape, with room for the adapters of this run."""
    return EngineOptions(
        base=base.folder,
        device=config.model.device,
        dtype=config.model.dtype,
        max_model_len=config.engine.max_model_len_tokens,
        max_num_seqs=config.engine.max_num_seqs,
        threads=config.engine.threads,
        max_lora_rank=_highest_rank(config),
        seed=0,
        kv_cache_bytes=int(config.engine.kv_cache_gib * 2**30),
    )


def _highest_rank(config: Config) -> int:
    if config.model.adapter is None:
        return config.train.lora_rank
    shape = json.loads((Path(config.model.adapter) / "adapter_config.json").read_text(encoding="utf-8"))
    return max(config.train.lora_rank, int(shape["r"]))
