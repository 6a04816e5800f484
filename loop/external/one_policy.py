"""Serving one policy outside a run: a model as it is, or the policy of an iteration. The store is only read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from loop.base import Base, find_base
from loop.config import Config
from loop.desk import stored_probe
from loop.drive import config_of
from loop.engine.protocol import Engine
from loop.load_config import with_overrides
from loop.preflight import check_model, check_vllm
from loop.start_engine import start_engine
from runs.errors import UsageError
from runs.lineage import JUDGE_TRAINING, judge_made, resolve
from runs.store import Store


@dataclass(frozen=True)
class Policy:
    """Weights and how to serve them. `name` is what the person called them, `digest` what the engine does."""

    name: str
    config: Config
    base: Base
    digest: str


def find_policy(store: Store, model: str | None, address: str | None, overrides: Sequence[str]) -> Policy:
    """The policy of `address` (an iteration's, or the judge's own of `r1@3/train_judge`), or the model of that name.

    `overrides` set the model and the engine. Raises UsageError for both at once or an address that is no iteration's,
    and ConfigError for settings that do not hold.
    """
    if address is not None and model is not None:
        raise UsageError(f"--adapter {address} names its run's model itself; leave --model {model} out")
    tree = {"model": {"base": model or "microworld:m1"}}
    digest = None
    if address is not None:
        found = resolve(store, address)
        if found.step not in (None, JUDGE_TRAINING):
            raise UsageError(f"--adapter {address} is a step; name an iteration, such as {address.partition('/')[0]}")
        tree, digest = config_of(found.run).model_dump(mode="json"), found.iteration.policy
        if found.step:
            digest = judge_made(store, found.iteration.outputs)
    config = with_overrides(tree, overrides, "the command line")
    if address is None and config.model.adapter is not None:
        raise UsageError(
            f"model.adapter={config.model.adapter} is for runs; begin one with it, then name its iteration 0 here "
            "(--adapter NAME@0)"
        )
    check_model(config)
    if config.engine.kind == "vllm":
        check_vllm(config.model.device)
    base = find_base(config.model)
    if digest is not None and digest != base.digest and store.adapter(digest).base != base.digest:
        raise UsageError(f"--adapter {address} was trained on another model than {config.model.base}")
    return Policy(address or config.model.base, config, base, digest or base.digest)


@contextmanager
def serving(store: Store, policy: Policy) -> Iterator[Engine]:
    """An engine with the policy loaded and proven, which ends with the block."""
    engine = start_engine(store, policy.config, policy.base)
    try:
        if policy.digest != policy.base.digest:
            engine.load(policy.digest, store.adapter_folder(policy.digest), stored_probe(store, policy.digest))
        yield engine
    finally:
        engine.close()
