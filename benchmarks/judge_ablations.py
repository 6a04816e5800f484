"""What each trick of a pairwise judge adds in the microworld: both orders, reasons, several principles, soft labels.

    python -m benchmarks.judge_ablations            # trains what has no row yet, then writes the tables
    python -m benchmarks.judge_ablations --page     # only the tables of docs/judges.md, from the rows

The first three are read off the league's rows, on the same pairs. Labels show in what is trained on them: a run of two
iterations each with hard and with soft labels, from the same seed, guards out of the way.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from benchmarks.cells import command_line, rows, run_cells
from benchmarks.league_judges import OVERALL, PAIRWISE
from benchmarks.league_page import NOT_YET, Row, by_seed, of_judge, over, percent, table, write
from benchmarks.phenomenon import ONE_CORE, UNGUARDED
from judges.several_tests import holm
from judges.statistics import LEVEL, Estimate
from loop import drive, iterate
from loop.load_config import load_config
from loop.summary import history
from runs.store import Store

SEEDS = (1, 2, 3, 4, 5)
LABELS = ("hard", "soft")
ITERATIONS = 2
SIZES = ["prompts.count=256", "generate.samples=4", "gold.prompts=1040", "audit.items=0"]
SERIES = {
    "sampled": "gold/sampled_mean",
    "greedy": "gold/greedy_mean",
    "moved_nats": "policy/kl_to_seed_nats",
    "anchors": "judge/anchor_accuracy",
}
COMPARED = (
    ("both orders, against one", "both", "bare"),
    ("both orders that must agree, against averaged ones", "consistent", "both"),
    ("reasons first, against none", "reasoned", "both"),
    ("three reasons, against one", "reasoned3", "reasoned"),
    ("all principles with a vote each, against `overall`", "ensemble", "both"),
    ("all principles with a vote each, against one drawn", "ensemble", "drawn"),
    ("all principles in one question, against a vote each", "together", "ensemble"),
)
"""What is said of it, a way to judge, and the way that it is held against."""


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The series of one run, iteration 0 first."""
    judge = [PAIRWISE, OVERALL, f"pair.labels={cell['labels']}"]
    run_of = [f"iterations={ITERATIONS}", f"seed={cell['seed']}", "export.mlflow=false"]
    config = load_config("self-rewarding", [*run_of, *judge, *SIZES, *ONE_CORE, *UNGUARDED])
    home = Path(".selfsame") / "benchmarks" / f"labels-{cell['labels']}-{cell['seed']}"
    shutil.rmtree(home, ignore_errors=True)
    store = Store(home)
    run = drive.begin(store, "cell", "self-rewarding", config)
    with store.lock(), drive.desk_of(store, "cell", config) as desk:
        outcome = iterate.carry_on(desk, run, lambda: None)
    closed = history(store, drive.existing(store, "cell"))
    shutil.rmtree(home)
    series = {name: [iteration.metrics.get(metric) for iteration in closed] for name, metric in SERIES.items()}
    return {"outcome": outcome.kind, "reason": outcome.reason, **series}


class Gain(NamedTuple):
    """What one thing adds to another, with its p-value, and the columns of its line that stand around it."""

    before: list[str]
    shown: str
    above: str
    of: Estimate
    p: float


def judged(found: Sequence[Row]) -> list[Gain]:
    """Each comparison of two ways to judge the same pairs."""
    gains = []
    for words, name, other in COMPARED:
        own, baseline = of_judge(found, name), of_judge(found, other)
        if own and baseline:
            gain, ahead = over(own, baseline), by_seed(own, baseline)
            above = sum(one > 0 for one in ahead)
            gains.append(Gain([words], percent(gain, "+"), f"{above} of {len(ahead)}", gain, normal_p(gain)))
    return gains


def trained(found: Sequence[Row]) -> list[Gain]:
    """Gold after the last iteration with either kind of labels, and the paired difference."""
    last = {
        (row["cell"]["labels"], row["cell"]["seed"]): row["result"]
        for row in found
        if len(row["result"]["sampled"]) == ITERATIONS + 1
    }
    seeds = [seed for seed in SEEDS if all((labels, seed) in last for labels in LABELS)]
    if len(seeds) < 2:
        return []
    gains = []
    for name, words in (("sampled", "sampled answers"), ("greedy", "greedy answers")):
        before = np.array([last["hard", seed][name][0] for seed in seeds])
        hard, soft = (np.array([last[labels, seed][name][-1] for seed in seeds]) for labels in LABELS)
        gain = paired(soft - hard)
        means = [f"{values.mean():.2f} ({values.min():.2f} to {values.max():.2f})" for values in (before, hard, soft)]
        above = f"{int((soft > hard).sum())} of {len(seeds)}"
        interval = f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"
        p = float(stats.ttest_rel(soft, hard).pvalue)
        gains.append(Gain([words, *means], interval, above, gain, p))
    return gains


def paired(differences_S: "np.ndarray[Any, np.dtype[np.float64]]") -> Estimate:
    """The mean over seeds, with Student's interval."""
    mean, n = float(differences_S.mean()), len(differences_S)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * differences_S.std(ddof=1) / n**0.5)
    return Estimate(mean, mean - half, mean + half)


def normal_p(gain: Estimate) -> float:
    """The two-sided p of no gain, from an interval that is taken for a normal one."""
    if gain.value is None or gain.low is None or gain.high is None:
        return 1.0
    error = (gain.high - gain.low) / (2 * float(stats.norm.ppf((1 + LEVEL) / 2)))
    return float(2 * stats.norm.sf(abs(gain.value) / error)) if error else float(gain.value == 0)


def _line(gain: Gain, adjusted: float) -> list[str]:
    """The columns of a comparison; what it shows is what is shown beside all the others of the page."""
    value = gain.of.value or 0.0
    so = "not shown" if adjusted > 1 - LEVEL else "helps" if value > 0 else "hurts"
    return [*gain.before, gain.shown, gain.above, f"{adjusted:.3f}" if adjusted >= 0.001 else "< 0.001", so]


def tables() -> dict[str, list[str]]:
    """The tables that the rows make, by mark."""
    by_pairs, by_training = judged(rows("league")), trained(rows("judge_ablations"))
    adjusted = holm([gain.p for gain in [*by_pairs, *by_training]])
    lines = [_line(*one) for one in zip([*by_pairs, *by_training], adjusted, strict=True)]
    ablations = lines[: len(by_pairs)]
    labels = lines[len(by_pairs) :]
    heading = ["compared", "more pairs right, points", "seeds above 0", "p by Holm", "so"]
    of_labels = ["", "before", "hard labels", "soft labels", "soft less hard", "seeds above 0", "p by Holm", "so"]
    said = [
        f"Gold, 0 to 5, after {ITERATIONS} iterations: means over seeds, in brackets the least and the most; of the "
        "difference Student's interval of 95 % over seeds.",
        "",
    ]
    return {
        "ablations": table(heading, ablations) if ablations else NOT_YET,
        "labels": [*said, *table(of_labels, labels)] if labels else NOT_YET,
    }


def main() -> None:
    parser = command_line(__doc__, "docs/judges.md")
    chosen = parser.parse_args()
    cells = [{"labels": labels, "seed": seed} for seed in SEEDS for labels in LABELS]
    if not chosen.page:
        run_cells("judge_ablations", cells, measure, chosen.fresh)
    for mark, lines in tables().items():
        write(mark, lines)


if __name__ == "__main__":
    main()
