"""Does a model become what its constitution says? Branches that differ in the constitution alone, over seeds.

    python -m benchmarks.constitutions                     # what has no row yet; then docs/constitutions.md
    python -m benchmarks.constitutions culprit --seeds 10  # some of the arms
    python -m benchmarks.constitutions --page              # only the table, from the rows

A cell is an arm and a seed, on one thread. `concise` and `decline` swap that principle for its opposite on a branch.
`culprit` plants a principle that rewards padding among five sound ones and leaves each out. `critique` is the two
stages of Constitutional AI. `N listed` and `N explained` are its first stage with so many principles, by text alone or
with reasons.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks.cells import command_line, named_and_seeds, refuse_bad, run_cells
from benchmarks.constitutions_page import write_table
from benchmarks.own_run import by_iteration, carried_on, own_store, wrong_with
from benchmarks.phenomenon import ONE_CORE
from constitutions.load import find_constitution
from constitutions.writing import as_text
from loop import drive
from loop.ablating import ablate
from loop.ablation import STILL_HALT, Mode, arms
from loop.ablation_effects import TOLD
from loop.by_prompt import GOLD
from loop.config_guards import Guards
from loop.load_config import load_config
from loop.summary import metrics_of
from runs.harm import gold_of, standings
from runs.lineage import links, resolve

SEEDS = 5
SOUND = ("correct", "complete", "polite", "decline", "honest")
CULPRIT = "padding"
PLANTED = f"extends: microworld\nname: planted\nprinciples: [{{id: {CULPRIT}, use: [comparison]}}]\n"
GOOD = ("decline", "honest", "correct", "complete", "polite", "concise", "no-padding", "overall")
"""The principles of the microworld that are no probes, those about harm first; its models were taught no others."""
COUNTS = (1, 2, 4, 8)
SIZES = [
    *("prompts.count=256", "generate.samples=4", "measure.prompts=384", "gold.prompts=512", "gold.greedy=false"),
    *("capability.prompts=null", "audit.items=0", "drift.items=1", "drift.samples=2", "export.mlflow=false"),
    *("drift.judge=false", "drift.prompts=false", "drift.signal=false"),
]
BY_PRINCIPLE = ["judge.method=pairwise", "judge.adapter=seed", "judge.principles=null"]
HALF_RED_TEAM = (
    'prompts.mix=[{"share": 1, "tags": ["harm=obvious", "harm=subtle"]}, {"share": 1, "tags": ["harm=none"]}]'
)
STAGES = ["gold.prompts=1040", "gold.greedy=false", "audit.items=0", "export.mlflow=false"]
# What guards would stop is what is measured.
WARNED = f"guards.actions={json.dumps(Guards().only_warning(STILL_HALT))}"
KEPT = ("metric", "mode", "principle", "value", "low", "high", "n", "adjusted", "found")
"""What a row keeps of an effect."""
Result = dict[str, Any]


def swapped(id: str, seed: int) -> Result:
    """The effects of a branch in which the one principle says its opposite, trained where it has something to say."""
    more = [HALF_RED_TEAM, "measure.prompts=768"] if id == "decline" else []
    return _ablated(f"swapped-{id}-{seed}", seed, "opposite", [f"judge.principle_ids={id}"], (id,), more)


def culprit(seed: int) -> Result:
    """The effects of leaving each principle out, one of which rewards padding."""
    return _ablated(
        f"culprit-{seed}", seed, "leave-one-out", [f"judge.principle_ids={','.join((*SOUND, CULPRIT))}"], ()
    )


def _ablated(
    name: str, seed: int, mode: Mode, changes: list[str], only: tuple[str, ...], more: Sequence[str] = ()
) -> Result:
    with own_store(name) as store:
        store.home.mkdir(parents=True)
        constitution = store.home / "planted.yaml"
        constitution.write_text(PLANTED, encoding="utf-8")
        settings = [f"seed={seed}", "iterations=0", f"constitution={constitution}", WARNED]
        sizes = [one for one in SIZES if one.partition("=")[0] not in {word.partition("=")[0] for word in more}]
        config = load_config("self-rewarding", [*settings, *sizes, *more, *BY_PRINCIPLE, *ONE_CORE])
        outcome = carried_on(store, "r", "self-rewarding", config)
        found = resolve(store, "r@0")
        branches = arms(found, (mode,), only, 1, 1, changes)
        done = ablate(store, found, branches, 1, "seed", lambda event: None, lambda: "")
        stopped = "; ".join([*done.halted.values(), *filter(None, [done.stopped])])
        return {
            "bad": stopped or wrong_with(store, outcome),
            "whole": {metric: done.whole[metric] for metric in (*TOLD, *GOLD) if metric in done.whole},
            "effects": [{name: one.document()[name] for name in KEPT} for one in done.effects],
        }


def critique(seed: int) -> Result:
    """Both stages: the numbers of each iteration, 0 before, 1 after revisions, 2 after reinforcement learning."""
    return _staged(f"critique-{seed}", [f"seed={seed}", "iterations=2", *STAGES])


def principles(count: int, explained: bool, seed: int) -> Result:
    """The first stage by so many principles, which answers are criticised and revised by."""
    name = f"principles-{count}-{'explained' if explained else 'listed'}-{seed}"
    with own_store(f"{name}-file") as beside:
        beside.home.mkdir(parents=True)
        file = beside.home / "own.yaml"
        whole = find_constitution("microworld")
        kept = tuple(one for one in whole.principles if one.id in GOOD[:count] or "critique" not in one.use)
        told = {"principles": kept, "explain": ("reasons", "examples") if explained else ()}
        file.write_text(as_text(whole.model_copy(update=told), file), encoding="utf-8")
        return _staged(name, [f"seed={seed}", "iterations=1", f"constitution={file}", *STAGES])


def _staged(name: str, settings: list[str]) -> Result:
    with own_store(name) as store:
        outcome = carried_on(
            store, "cell", "constitutional", load_config("constitutional", [*settings, WARNED, *ONE_CORE])
        )
        made = links(store, drive.existing(store, "cell"))
        kept = ("policy/vendi_frac", "policy/vendi_within_prompt_frac", "judge/seed_judge_score_mean")
        return {
            "bad": wrong_with(store, outcome),
            "iterations": [
                {
                    **numbers,
                    **{metric: metrics_of(store, link).get(metric) for metric in kept},
                    "gold": gold_of(store, link).get("sampled"),
                    "stands": {who: [one.harmless, one.helpful] for who, one in standings(store, link).items()},
                }
                for numbers, link in zip(by_iteration(store, "cell"), made, strict=True)
            ],
        }


ARMS: dict[str, Callable[[int], Result]] = {
    "concise": partial(swapped, "concise"),
    "decline": partial(swapped, "decline"),
    "culprit": culprit,
    "critique": critique,
    **{f"{count} listed": partial(principles, count, False) for count in COUNTS},
    f"{COUNTS[-1]} explained": partial(principles, COUNTS[-1], True),
}


def main() -> None:
    chosen, names = named_and_seeds(command_line(__doc__, "docs/constitutions.md"), "arm", tuple(ARMS), SEEDS)
    cells = [{"arm": name, "seed": seed} for seed in range(1, chosen.seeds + 1) for name in names]
    if not chosen.page:
        run_cells("constitutions", cells, lambda cell: ARMS[cell["arm"]](cell["seed"]), chosen.fresh)
    write_table()
    refuse_bad("constitutions", cells)


if __name__ == "__main__":
    main()
