"""Every judge on the same pairs, and judges of several sizes on the answers of models of several sizes.

    python -m benchmarks.league            # a row for each cell that has none yet, then the tables of docs/judges.md
    python -m benchmarks.league --page     # only the tables, from the rows

A cell is a way to judge, a seed, the model whose answers are judged, and the model that judges: `m1`, or a folder in
`build/`. Those are made by, for example, `python -P -m microworld.pretrain size-S --out build/size-S --threads 1
--scale 0.25`. Engines run without prefix cache, so that no judge saves what another one asked before it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.cells import command_line, run_cells
from benchmarks.judging import desk_with
from benchmarks.league_items import PROMPTS, Answered, digest_of, sample
from benchmarks.league_judges import WAYS, judge_of
from benchmarks.league_judging import best_rank, chance, consistency, costed
from benchmarks.league_page import write_page
from loop.desk import Desk
from loop.load_config import load_config

SEEDS = (1, 2, 3, 4, 5)
SIZES = ("size-S", "size-M", "size-L", "m1")
SWEPT = ("both", "expected")
PANEL = ("m1", "size-M")
MODELS = Path("build")
SMALL_CACHE = "engine.kv_cache_gib=0.5"  # four engines at a time in a small machine


def cells() -> list[dict[str, Any]]:
    """The league, seed by seed; then the panel, and every size of judge on the answers of every size."""
    alone = [
        {"judge": name, "seed": seed, "policy": "m1", "by": "m1"} for seed in SEEDS for name in WAYS if name != "panel"
    ]
    panel = [{"judge": "panel", "seed": seed, "policy": "m1", "by": "+".join(PANEL)} for seed in SEEDS]
    sizes = [
        {"judge": name, "seed": seed, "policy": policy, "by": by}
        for by in SIZES
        for policy in SIZES
        for name in SWEPT
        for seed in SEEDS
    ]
    return alone + panel + [cell for cell in sizes if cell not in alone]


def folder_of(model: str) -> str:
    """What `model.base` is for the model of that name."""
    return f"microworld:{model}" if model == "m1" else str(MODELS / model)


class Desks(ExitStack):
    """A desk for each model, opened when it is first needed, and the answers that each has sampled."""

    def __init__(self, open_desk: Callable[[str], Any]) -> None:
        """`open_desk` makes the context of a desk from a model's name."""
        super().__init__()
        self._open_desk = open_desk
        self._open: dict[str, Desk] = {}
        self._sampled: dict[tuple[str, int], list[Answered]] = {}

    def desk(self, model: str) -> Desk:
        """The desk of that model."""
        if model not in self._open:
            self._open[model] = self.enter_context(self._open_desk(model))
        return self._open[model]

    def items(self, policy: str, seed: int, n: int = PROMPTS) -> list[Answered]:
        """What the model answers to the seed's prompts."""
        if (policy, seed) not in self._sampled:
            self._sampled[policy, seed] = sample(self.desk(policy), seed, n)
        return self._sampled[policy, seed]

    def measure(self, cell: dict[str, Any], n: int = PROMPTS) -> dict[str, Any]:
        """How the cell's judges decide on the pairs of the first `n` prompts, and what that takes."""
        items = self.items(cell["policy"], cell["seed"], n)
        members = cell["by"].split("+")
        judges = [self.desk(model) for model in members]
        way = WAYS[cell["judge"]]
        for desk in judges:
            desk.config = load_config("self-rewarding", [f"model.base={desk.config.model.base}", *way.settings])
            desk.engine(desk.base.digest).alive()  # its start is no part of what a verdict costs
        built = judge_of(way, judges[0].config.judge, judges[0].constitution)
        pairs = [item for item in items if item.better is not None]
        cost, judgments = costed(judges, built, pairs, cell["seed"])
        chances = iter([chance(of_pair) for of_pair in judgments])
        return {
            "items": digest_of(items),
            "pairs": len(pairs),
            "letters": "".join(item.letter(next(chances) if item.better else None) for item in items),
            "gold_mean": round(fmean(gold for item in items for gold in item.golds), 4),
            **consistency(judges[0], built, pairs, judgments, cell["seed"]),
            **best_rank(pairs, judgments, built.method),
            **cost,
            "models": {model: self.desk(model).base.digest for model in dict.fromkeys([cell["policy"], *members])},
        }


@contextmanager
def vllm_desk(model: str) -> Iterator[Desk]:
    """The working place of a run with that model, on vLLM without prefix cache."""
    with desk_with(False, (f"model.base={folder_of(model)}", SMALL_CACHE)) as desk:
        yield desk


def main() -> None:
    """Measure what has no row yet, and write the page."""
    parser = command_line(__doc__, "docs/judges.md")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="only these")
    parser.add_argument("--only", choices=("m1", "sizes"), help="only what `m1` judges alone of its own, or the rest")
    chosen = parser.parse_args()
    wanted = [cell for cell in cells() if cell["seed"] in chosen.seeds]
    if chosen.only:
        wanted = [cell for cell in wanted if (cell["policy"] == cell["by"] == "m1") == (chosen.only == "m1")]
    if not chosen.page:
        missing = {model for model in SIZES if model != "m1" and not (MODELS / model).is_dir()}
        if missing:
            print(
                f"left out, not in {MODELS}/: {', '.join(sorted(missing))}; --help says how they are made", flush=True
            )
        wanted = [cell for cell in wanted if not missing & {cell["policy"], *cell["by"].split("+")}]
        with Desks(vllm_desk) as desks:
            run_cells("league", wanted, desks.measure, chosen.fresh)
    write_page()


if __name__ == "__main__":
    main()
