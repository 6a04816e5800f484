"""Choosing and starting the engine that a configuration asks for."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from loop.base import Base
from loop.config import Config
from loop.config_operational import Limits
from loop.engine.options import EngineOptions
from loop.engine.protocol import Engine
from loop.workers.allowance import Allowance
from runs.store import Store
from trainers.stub_faults import VARIABLE


def start_engine(
    store: Store,
    config: Config,
    base: Base,
    on_moved: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda text: None,
) -> Engine:
    """The engine of `base`, which is starting.

    The stub serves in our own process, unless a test wants it to do wrong: then in a child, as vLLM does. `on_moved` is
    called for each sign of progress that a child sends; `say` is told when a child starts and when it is ready.
    """
    if config.engine.kind == "stub" and VARIABLE not in os.environ:
        from loop.engine.stub import StubEngine

        return StubEngine(base.digest)
    from loop.engine.child_engine import ChildEngine

    module = {"vllm": "loop.engine.vllm_child", "stub": "loop.engine.stub_child"}[config.engine.kind]
    options = engine_options(config, base)
    limits = config.limits
    within = limits.call_timeout_s
    return ChildEngine(module, options, base.digest, store.logs, allowance(limits), within, on_moved, say)


def allowance(limits: Limits) -> Allowance:
    """What a worker of the run may take."""
    return Allowance(limits.stall_s, limits.worker_memory_gib)


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
        can_sleep=config.limits.engine_while_training == "sleep",
    )


def _highest_rank(config: Config) -> int:
    trained = [variant.train for variant in config.variants()]
    highest = max(train.stack_rank if train.start == "stack" else train.lora_rank for train in trained)
    if config.model.adapter is None:
        return highest
    shape = json.loads((Path(config.model.adapter) / "adapter_config.json").read_text(encoding="utf-8"))
    return max(highest, int(shape["r"]))
