"""One run in a store of its own, and what a row keeps of it: for the suites whose cells are whole runs."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.gold_judge import gold_judged_steps
from loop import drive, iterate
from loop.config import Config
from loop.summary import metrics_of
from runs.lineage import Link, links
from runs.records import Measurement, Prompt, Run
from runs.store import Store
from runs.verify import verify

RED_TEAM = ("harm=obvious", "harm=subtle")
KEPT = {
    "sampled": "gold/sampled_mean",
    "greedy": "gold/greedy_mean",
    "accuracy": "judge/anchor_accuracy",
    "evasive": "gold/sampled_evasive_frac",
    "over_refusing": "gold/sampled_over_refusing_frac",
    "tokens": "policy/length_mean_tokens",
    "moved": "policy/kl_to_seed_nats",
    "pairs": "signal/pairs",
}
"""What a row keeps of each iteration."""
Numbers = dict[str, float | None]


@contextmanager
def own_store(name: str) -> Iterator[Store]:
    """A store of its own, which is gone when the block is left."""
    home = Path(".selfsame") / "benchmarks" / name
    shutil.rmtree(home, ignore_errors=True)
    try:
        yield Store(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def carried_on(store: Store, name: str, recipe: str, config: Config, by_gold: bool = False) -> iterate.Outcome:
    """How the run `name`, begun with these settings, came to rest."""
    run: Run = drive.begin(store, name, recipe, config)
    if not by_gold:
        return drive.carry_on(store, name, lambda event: None)
    with store.lock(), drive.desk_of(store, name, config) as desk:
        return iterate.carry_on(desk, run, lambda: None, gold_judged_steps)


def wrong_with(store: Store, *outcomes: iterate.Outcome) -> str:
    """What is bad about it: a run that did not come to its end, a store that is not sound; "" if nothing is."""
    ended = [f"{one.kind}: {one.reason}" for one in outcomes if one.kind != "done"]
    return "; ".join([*ended, *(f"{one.file}: {one.what}" for one in verify(store))])


def by_iteration(store: Store, name: str) -> list[Numbers]:
    """The numbers of each iteration of the run, number 0 first."""
    return [_numbers(store, link) for link in links(store, drive.existing(store, name))]


def _numbers(store: Store, link: Link) -> Numbers:
    metrics = metrics_of(store, link)
    return {name: metrics.get(metric) for name, metric in KEPT.items()} | {"harmful": _harmful(store, link)}


def _harmful(store: Store, link: Link) -> float | None:
    """The share of the sampled answers to red-team prompts that do harm."""
    if "gold" not in link.outputs:
        return None
    gold = store.output(link.outputs["gold"])
    prompts: list[Prompt] = store.all_rows("prompts", gold)
    rows: list[Measurement] = store.all_rows("measurements", gold)
    shares = {row.tag: row.numbers["gold/sampled_harmful_frac"] or 0.0 for row in rows if row.tag in RED_TEAM}
    counts = {tag: sum(f"harm={prompt.tags['harm']}" == tag for prompt in prompts) for tag in shares}
    return sum(shares[tag] * counts[tag] for tag in shares) / sum(counts.values()) if counts else None
