"""Whether the audit can be trusted: `python -m benchmarks.audit [CASE ...]` holds it against judges that are known.

Cases are named by how they begin; none means all. Each runs on its own, so that several can run at once.

- planted: each fault, 500 of everything, 20 seeds: how often it is found by its name (which has its sign).
- fair: 2,000 judges without a fault, 500 of everything: how often any is accused, with Clopper and Pearson's interval.
- least: how large a bias must be to be found in nine of ten audits of 500.
- covers: how often each interval holds the truth (which is what the same judge shows at n = 100,000), of 1,000 audits;
  it fails where one of them holds it less often than `LEAST_HELD`.
- beyond: what labels cannot settle. Where longer is better and labels are often wrong, a judge that sees quality better
  than its labels do looks as if it liked length.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import Any

from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from benchmarks.cells import refuse_bad, run_cells
from judges.audit.agreement import label_agreement
from judges.audit.attraction import attraction
from judges.audit.calibration import calibration
from judges.audit.failures import failures
from judges.audit.findings import FALSE_ALARMS, Judged, audit
from judges.audit.known_bias import FAIR, PLANTED, KnownJudge, Pool, simulate
from judges.audit.perturbation import perturbations
from judges.audit.position import position
from judges.audit.principle import principle
from judges.audit.spread import saturation, ties
from judges.audit.stability import repetition, same_verdict, transitivity
from judges.audit.statistic import Statistic

N = 500
N_TRUTH = 100_000
LEAST_HELD = 0.92
"""Of 1,000 intervals of 95 %; chance takes the worst of 40 to 0.93."""
WITHOUT_FAULT = KnownJudge()
WITH_EVERY_FAULT = KnownJudge(
    first=0.4,
    longer=0.5,
    own=0.4,
    likely=0.3,
    heeds=0.8,
    overstates=1.4,
    ceiling=0.3,
    fails=0.05,
    circular=0.1,
    rewards={"padding": 0.2, "names": -0.1},
    fooled=("empty",),
)
SIZES: dict[str, tuple[str, Callable[[Judged], tuple[Statistic, ...]], tuple[float, ...]]] = {
    "first": ("position/first_beyond_half", lambda one: position(one.pairs), (0.1, 0.15, 0.2, 0.25, 0.3)),
    "longer": ("length/coefficient", lambda one: attraction(one.pairs), (0.6, 0.8, 1.0, 1.2)),
    "own": ("self/coefficient", lambda one: attraction(one.pairs), (0.4, 0.5, 0.6, 0.7, 0.9)),
    "likely": ("likelihood/coefficient", lambda one: attraction(one.pairs), (0.6, 0.8, 1.0, 1.2)),
    "overstates": ("calibration/slope", lambda one: calibration(one.pairs), (1.2, 1.4, 1.6, 1.8)),
    "heeds": ("principle/flipped", lambda one: principle(one.opposed), (0.6, 0.5, 0.4, 0.3, 0.2, 0.0)),
    "ceiling": ("spread/at_high", lambda one: saturation(one.scores) if one.scores else (), (0.62, 0.65, 0.68, 0.71)),
    "padding": ("change/padding", lambda one: perturbations(one.twice), (0.1, 0.15, 0.2, 0.25)),
    "fails": ("verdict/failed", lambda one: failures(one.pairs), (0.08, 0.09, 0.1, 0.11, 0.12)),
    "accuracy": ("label/accuracy", lambda one: label_agreement(one.pairs, 0), (0.6, 0.58, 0.56, 0.54, 0.52)),
}


def planted(judge: KnownJudge, finding: str, seeds: Iterable[int]) -> dict[str, Any]:
    """In how many seeds the fault is found, and what else is."""
    found = [{one.name for one in audit(simulate(judge, seed, N)).findings} for seed in seeds]
    beside = Counter(name for names in found for name in names - {finding})
    return {"found": sum(finding in names for names in found), "of": len(found), "beside": dict(sorted(beside.items()))}


def fair(judges: int) -> dict[str, Any]:
    """How many of so many fair judges are accused, in all and by kind, and of what."""
    kinds = list(FAIR.items())
    accused: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for seed in range(judges):
        kind, (judge, pool) = kinds[seed % len(kinds)]
        found = audit(simulate(judge, seed, N, pool)).findings
        accused[kind] += bool(found)
        names.update(one.name for one in found)
    low, high = proportion_confint(accused.total(), judges, method="beta")
    return {
        "judges": judges,
        "accused": accused.total(),
        "share": accused.total() / judges,
        "share_low": low,
        "share_high": high,
        "accused_by_kind": dict(accused),
        "names": dict(names),
    }


def least(setting: str, seeds: int) -> dict[str, Any]:
    """For each size of the bias: what the statistic shows on average, and in which share of the audits it is found.

    Beside no other fault Holm's procedure asks for p at most the false-alarm rate over the number of tests.
    """
    name, statistics_of, sizes = SIZES[setting]
    sound = audit(simulate(WITHOUT_FAULT, 0, N))
    weights = [one.evidence.weight for one in (*sound.statistics, *sound.families) if one.evidence is not None]
    tests = round(sum(weights))  # the families share one
    rows = []
    for size in sizes:
        judge = replace(WITHOUT_FAULT, **({"rewards": {setting: size}} if setting == "padding" else {setting: size}))
        audits = [statistics_of(simulate(judge, seed, N)) for seed in range(seeds)]
        shown = [one for statistics in audits for one in statistics if one.name == name]
        found = fmean(one.evidence is not None and one.evidence.p_value <= FALSE_ALARMS / tests for one in shown)
        rows.append(
            {"size": size, "shown": round(fmean(one.estimate.value or 0.0 for one in shown), 4), "found": found}
        )
    return {
        "statistic": name,
        "tests": tests,
        "sizes": rows,
        "least": next((row["size"] for row in rows if row["found"] >= 0.9), None),
    }


def covers(judge: KnownJudge, audits: int) -> dict[str, Any]:
    """Of each interval: the truth, and how often it holds it."""
    large = simulate(judge, 10**6, N_TRUTH)
    truth = {one.name: one.estimate.value for one in _without_agreement(large)} | _true_agreement(large)
    # It is a mean square, whose unbiased estimate chance takes below 0, where no truth is.
    truth["calibration/reliability"] = max(0.0, truth["calibration/reliability"] or 0.0)
    held: Counter[str] = Counter()
    n: Counter[str] = Counter()
    for seed in range(audits):
        judged = simulate(judge, seed, N)
        for one in (*_without_agreement(judged), *label_agreement(judged.pairs, seed)):
            value, (_, low, high) = truth[one.name], one.estimate
            if value is not None and low is not None and high is not None:
                n[one.name] += 1
                held[one.name] += low <= value <= high
    shares = {name: held[name] / n[name] for name in n}
    bad = [f"{name} holds the truth in {one:.1%} of audits" for name, one in shares.items() if one < LEAST_HELD]
    rows = {name: {"truth": round(truth[name] or 0.0, 4), "held": round(shares[name], 4), "of": n[name]} for name in n}
    return rows | ({"bad": bad} if bad else {})


def beyond(wrong_labels: float, judges: int) -> dict[str, Any]:
    """How often fair judges are accused of liking length where it goes with quality and labels are wrong."""
    pool = Pool(length_with_quality=0.6, wrong_labels=wrong_labels)
    judge = KnownJudge(accuracy=0.9, graded=True)
    found = [one.name for seed in range(judges) for one in audit(simulate(judge, seed, N, pool)).findings]
    return {"judges": judges, "length_bias": found.count("length bias: longer")}


def _without_agreement(judged: Judged) -> tuple[Statistic, ...]:
    assert judged.scores is not None
    return (
        *position(judged.pairs),
        *attraction(judged.pairs),
        *calibration(judged.pairs),
        *failures(judged.pairs),
        ties(judged.pairs),
        *saturation(judged.scores),
        *perturbations(judged.twice),
        *principle(judged.opposed),
        same_verdict(judged.repeated_pairs),
        *repetition(judged.repeated_scores),
        *transitivity(judged.triads),
    )


def _true_agreement(judged: Judged) -> dict[str, float]:
    """Agreement of very many pairs, whose resamples would not fit into memory; there are no ties among them."""
    both = [(p, p.chance) for p in judged.pairs if p.chance is not None]
    labels = [float(p.label == "a") for p, _ in both]
    chances = [chance for _, chance in both]
    right = fmean((chance > 0.5) == bool(label) for chance, label in zip(chances, labels, strict=True))
    a, b = fmean(labels), fmean(chance > 0.5 for chance in chances)
    by_chance = a * b + (1 - a) * (1 - b)
    return {
        "label/accuracy": right,
        "label/accuracy_decided": right,
        "label/kappa": (right - by_chance) / (1 - by_chance),
        "label/kendall_tau_b": float(stats.kendalltau(labels, chances).statistic),
        "label/spearman": float(stats.spearmanr(labels, chances).statistic),
    }


def main() -> None:
    """Measure the cells that have no row yet."""
    works = {
        **{
            f"planted {place}, {finding}": partial(planted, judge, finding, range(20))
            for place, (finding, judge) in enumerate(PLANTED)
        },
        "fair": partial(fair, 2000),
        **{f"least {setting}": partial(least, setting, 50) for setting in SIZES},
        "covers without fault": partial(covers, WITHOUT_FAULT, 1000),
        "covers with every fault": partial(covers, WITH_EVERY_FAULT, 1000),
        **{f"beyond, {wrong:.0%} of labels wrong": partial(beyond, wrong, 100) for wrong in (0.1, 0.2)},
    }
    asked = tuple(sys.argv[1:]) or ("",)
    for begins in asked:
        if not any(name.startswith(begins) for name in works):
            raise SystemExit(f"no case begins with {begins!r}; there are: {'; '.join(works)}")
    cells = [{"case": name, "n": N} for name in works if name.startswith(asked)]
    run_cells("audit", cells, lambda cell: works[cell["case"]](), fresh=False)
    refuse_bad("audit", cells)


if __name__ == "__main__":
    main()
