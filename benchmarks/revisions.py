"""What criticism and revision make of the microworld's answers, pass by pass, with and without the critique.

    python -m benchmarks.revisions            # measures the seeds that have no row yet, then writes the table
    python -m benchmarks.revisions --page     # only the table of docs/revise.md, from the rows

Constitutional AI found that critiques help small models, that the first pass does most, and that helpfulness falls with
each (Bai et al., 2212.08073, section 3.5).
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.cells import command_line, newest, run_cells
from benchmarks.judge_ablations import paired
from benchmarks.league_page import NOT_YET, table, write
from benchmarks.phenomenon import ONE_CORE
from judges.statistics import Estimate
from loop import drive
from loop.iterate import result_of
from loop.load_config import load_config
from loop.pipeline import GENERATE, PROMPTS, REVISE, SEED
from loop.steps.turn import Turn
from microworld.gold import MOST, score
from runs.records import Iteration, Prompt, Response, Revision
from runs.store import Store

PAGE = Path(__file__).parent.parent / "docs" / "revise.md"
SEEDS = (1, 2, 3, 4, 5)
WAYS = {"critique": True, "at_once": False}
PASSES = 4
COLUMNS = {
    "gold": "gold, % of the most",
    "helpful": "helpful gold, %",
    "harmful": "harmful, %",
    "refusing": "over-refusing, %",
    "tokens": "tokens",
}
COMPARED = (
    ("a critique first, against revising at once; one pass", ("critique", 1), ("at_once", 1)),
    ("the same after four passes", ("critique", 4), ("at_once", 4)),
    ("one pass, against the drafts", ("critique", 1), ("critique", 0)),
    ("four passes, against one", ("critique", 4), ("critique", 1)),
)


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """For each way the numbers of the drafts and of what stands after each pass."""
    sizes = ["generate.samples=2", f"revise.passes={PASSES}", "export.mlflow=false"]
    config = load_config("self-rewarding", [f"seed={cell['seed']}", *sizes, *ONE_CORE])
    home = Path(".selfsame") / "benchmarks" / f"revisions-{cell['seed']}"
    shutil.rmtree(home, ignore_errors=True)
    store = Store(home)
    drive.begin(store, "cell", "self-rewarding", config)
    found: dict[str, Any] = {}
    with store.lock(), drive.desk_of(store, "cell", config) as desk:
        _, seed = result_of(desk, SEED, Turn(0, ()))
        policy = str(store.output(seed).values["policy"])
        turn = Turn(1, (Iteration("", 0, config.semantic(), config.seed, {"seed": seed}, policy, ""),))
        for step in (PROMPTS, GENERATE):
            _, got = result_of(desk, step, turn)
            turn = turn.with_output(step.name, got, store.output(got))
        prompts: list[Prompt] = store.all_rows("prompts", turn.done["prompts"])
        drafts: list[Response] = store.all_rows("responses", turn.done["generate"])
        for way, critique in WAYS.items():
            revise = config.revise.model_copy(update={"critique": critique})
            desk.config = config.model_copy(update={"revise": revise})
            _, got = result_of(desk, REVISE, turn)
            found[way] = by_pass(prompts, drafts, store.all_rows("revisions", store.output(got)))
    shutil.rmtree(home)
    return found


def by_pass(
    prompts: Sequence[Prompt], drafts: Sequence[Response], revisions: Sequence[Revision]
) -> list[dict[str, float]]:
    """The numbers of what stands after 0 to PASSES passes."""
    standing: dict[str, Response | Revision] = {draft.digest: draft for draft in drafts}
    asked = {prompt.digest: prompt for prompt in prompts}
    found = [_numbers(asked, list(standing.values()))]
    for nth in range(1, PASSES + 1):
        standing |= {one.draft: one for one in revisions if one.nth == nth and one.unusable is None}
        found.append(_numbers(asked, list(standing.values())))
    return found


def _numbers(asked: dict[str, Prompt], answers: Sequence[Response | Revision]) -> dict[str, float]:
    golds = [(asked[one.prompt].tags["harm"] != "none", score(asked[one.prompt].messages, one.text)) for one in answers]
    return {
        "gold": 100 * fmean(gold.total for _, gold in golds) / MOST,
        "helpful": 100 * fmean(gold.total for red, gold in golds if not red) / MOST,
        "harmful": 100 * fmean(gold.harmful for red, gold in golds if red),
        "refusing": 100 * fmean(gold.over_refusing for red, gold in golds if not red),
        "tokens": fmean(len(one.token_ids) for one in answers),
    }


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The table of means, and the paired differences."""
    if not rows:
        return NOT_YET
    places = [("drafts", "critique", 0)]
    for way, words in (("critique", "criticised and revised"), ("at_once", "revised without critique")):
        places += [(f"{words}, {nth} passes" if nth > 1 else f"{words} once", way, nth) for nth in range(1, PASSES + 1)]
    means = [[words, *(_spread(_values(rows, way, nth, name)) for name in COLUMNS)] for words, way, nth in places]
    said = [
        f"Seeds {', '.join(str(row['cell']['seed']) for row in rows)}: means, in brackets the least and the most. "
        f"{rows[-1]['date']}, {rows[-1]['commit']}.",
        "",
        *table(["", *COLUMNS.values()], means),
    ]
    if len(rows) < 2:
        return said
    differences = [
        [words, *(_signed(paired(_values(rows, *one, name) - _values(rows, *other, name))) for name in COLUMNS)]
        for words, one, other in COMPARED
    ]
    paired_lines = table(["", *COLUMNS.values()], differences)
    return [*said, "", "Paired differences, with Student's interval of 95 % over seeds:", "", *paired_lines]


def _values(rows: Sequence[dict[str, Any]], way: str, nth: int, name: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
    return np.array([row["result"][way][nth][name] for row in rows])


def _spread(values: "np.ndarray[Any, np.dtype[np.float64]]") -> str:
    return f"{values.mean():.1f} ({values.min():.1f} to {values.max():.1f})"


def _signed(gain: Estimate) -> str:
    return f"{gain.value:+.1f} ({gain.low:+.1f} to {gain.high:+.1f})"


def main() -> None:
    parser = command_line(__doc__, "docs/revise.md")
    chosen = parser.parse_args()
    if not chosen.page:
        run_cells("revisions", [{"seed": seed} for seed in SEEDS], measure, chosen.fresh)
    write("revisions", lines(newest("revisions")), PAGE)


if __name__ == "__main__":
    main()
