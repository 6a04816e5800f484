"""Policies of any iterations and runs, asked the same and judged by the same judge, outside of the runs.

Who learns from its own judge has good reason to please it, so that one has to be named that is the same for all.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from loop import drive
from loop.auditing import turn_of
from loop.base import find_base
from loop.config import Config
from loop.config_capability import Capability
from loop.config_judge import WHO, Judge, Method
from loop.config_operational import Gold
from loop.config_prompts import Prompts
from loop.config_train import Train
from loop.desk import Desk
from loop.load_config import with_overrides
from loop.panel import Bench, bench
from loop.preflight import check, check_judge
from loop.progress import Say
from loop.start_engine import engine_options
from loop.steps.turn import Turn
from runs.errors import UsageError
from runs.lineage import Found, Link, links, resolve
from runs.store import Store

MOVES = ("self", "previous", "own", "proven")
FIXED = "seed, base, endpoint or an iteration such as r1@3"


@dataclass(frozen=True)
class Table:
    """Where policies are asked and judged: a desk, an iteration that says who is the seed, and who judges."""

    desk: Desk
    turn: Turn
    who: Bench


def iterations_of(store: Store, addresses: Sequence[str]) -> list[Found]:
    """The iterations whose policies are looked at. Raises UsageError for parts of one, or another base model."""
    found = [resolve(store, address) for address in addresses]
    for address, one in zip(addresses, found, strict=True):
        if one.step is not None:
            raise UsageError(f"{address} is a step; name an iteration, such as {address.partition('/')[0]}")
        if one.run.inputs["model.base"] != found[0].run.inputs["model.base"]:
            raise UsageError(
                f"{address} is of another base model than {addresses[0]}; one engine serves one base model"
            )
    return found


def seated(store: Store, config: Config, judge: str, method: Method, overrides: Sequence[str] = ()) -> Config:
    """The settings by which policies are asked and judged: a run's own for its model, prompts and engine, with `judge`
    in the judge's seat. Raises UsageError for a judge that moves, and ConfigError as a run would.
    """
    if judge in MOVES:
        raise UsageError(f"--judge {judge} is somebody else in each iteration, and one has to judge all; name {FIXED}")
    own = config.judge
    who: dict[str, Any] = {leaf: getattr(own, leaf) for leaf in WHO.get(judge, ())}
    named = own.principle_ids if method == "pairwise" else ()
    kept = Config(
        seed=config.seed,
        constitution=config.constitution,
        model=config.model,
        prompts=Prompts(source=config.prompts.source),
        judge=Judge(method=method, adapter=judge, principles=None, principle_ids=named, **who),
        # The same engine, so that answers that were given are known.
        train=Train(lora_rank=engine_options(config, find_base(config.model)).max_lora_rank),
        measure=config.measure,
        capability=Capability(prompts=None),
        gold=Gold(enabled=False),
        engine=config.engine,
        limits=config.limits,
    )
    found = with_overrides(kept.model_dump(mode="json"), overrides, "the command line")
    check(found)
    check_judge(found, store)
    return found


@contextmanager
def table(store: Store, at: Found, config: Config, say: Say) -> Iterator[Table]:
    """A table at the run that was found, under the store's lock, until the block ends."""
    with store.lock(), drive.desk_of(store, at.run.name, config, say) as desk:
        turn = turn_of(store, at)
        yield Table(desk, turn, bench(desk, turn, turn.candidate))


def taught_by(store: Store, found: Sequence[Found], who: Bench) -> tuple[str, ...]:
    """Which of these policies were trained on verdicts of somebody who judges now, as addresses."""
    return tuple(
        f"{one.run.name}@{one.iteration.index}"
        for one in found
        if any(_judges_of(store, link) & set(who.members) for link in links(store, one.run)[: one.iteration.index + 1])
    )


def _judges_of(store: Store, link: Link) -> set[str]:
    """Who judged what the iteration was trained on."""
    if "judge" not in link.outputs:
        return set()
    judged = store.output(link.outputs["judge"]).tables.get("judgments", ())
    return set(store.table("judgments", judged)["adapter"].to_pylist())


def beware(judge: str, taught: Sequence[str]) -> str:
    """What is to be known of a judge that policies learnt from; "" where none did."""
    if not taught:
        return ""
    return (
        f" Beware: {', '.join(taught)} learnt from verdicts of {judge} and may have learnt to please it; --judge names "
        "another one."
    )
