"""How often each sequential test says yes where it should not: `python -m benchmarks.sequential`.

Each test is simulated under its null 10,000 times, and the guards as a whole are held over healthy series (K5). One row
a cell in `results/sequential.jsonl`; a cell is bad where it says yes more often than it promises, beyond three standard
errors of the simulation.
"""

import argparse
import math
from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cells import refuse_bad, run_cells
from benchmarks.synthetic_series import COURSES, healthy, truth
from loop.config_guards import Guards
from loop.guards.betting import log_capital
from loop.guards.charts import Charted, cusum, ewma
from loop.guards.replay import replay
from loop.guards.spending import at_look

RUNS, AT_ONCE = 10_000, 250
ALPHAS = (0.05, 0.01, 0.001)
Draw = Callable[[np.random.Generator, tuple[int, ...], float], NDArray[np.float64]]


def two_points(rng: np.random.Generator, shape: tuple[int, ...], mean: float) -> NDArray[np.float64]:
    """0 or 1."""
    return (rng.random(shape) < mean).astype(float)


def ties(rng: np.random.Generator, shape: tuple[int, ...], mean: float) -> NDArray[np.float64]:
    """Differences of answers that are right or wrong, one in five of which changed: mostly the mean itself."""
    step = min(mean, 1 - mean)
    return mean + step * np.where(rng.random(shape) < 0.2, rng.choice([-1.0, 1.0], shape), 0.0)


def skewed(rng: np.random.Generator, shape: tuple[int, ...], mean: float) -> NDArray[np.float64]:
    """Mostly a little above the mean, and now and then far below."""
    return rng.beta(8 * mean, 8 * (1 - mean), shape)


def turning(rng: np.random.Generator, shape: tuple[int, ...], mean: float) -> NDArray[np.float64]:
    """As wide as chance has it, after what came before: not independent, and each with the same mean given the past."""
    step = min(mean, 1 - mean)
    widths = np.where(np.cumsum(rng.integers(0, 2, shape), axis=-1) % 2, 1.0, 0.1)
    return mean + step * widths * rng.choice([-1.0, 1.0], shape)


DRAWS: dict[str, Draw] = {one.__name__: one for one in (two_points, ties, skewed, turning)}
CHARTS: dict[str, tuple[Callable[[list[float]], Charted], float]] = {
    "cusum one-sided": (lambda z: cusum(z, "up"), 737),
    "cusum two-sided": (lambda z: cusum(z, "both"), 369),
    "ewma two-sided": (lambda z: ewma(z, "both"), 355),
}
CELLS: list[dict[str, Any]] = [
    *({"test": "betting", "values": name, "bound": bound, "n": 500} for name, bound in product(DRAWS, (0.5, 0.45))),
    {"test": "betting over references", "references": 5, "n": 500},
    {"test": "spending", "looks": 20, "n": 200},
    *({"test": "chart", "chart": name} for name in CHARTS),
    *({"test": "guards", "gain": gain, "iterations": 200, "seeds": 20, "items": 512} for gain in (0.0, 0.15)),
    {"test": "guards", "course": "plateaus", "gain": 0.25, "iterations": 200, "seeds": 20, "items": 512},
    {"test": "guards", "course": "wanders", "gain": 0.03, "iterations": 200, "seeds": 20, "items": 512},
]


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The rate of wrong alarms, beside what is promised."""
    rng = np.random.default_rng(8)
    match cell["test"]:
        case "betting":
            draw = DRAWS[cell["values"]]
            return _rates(
                lambda: log_capital(draw(rng, (AT_ONCE, cell["n"]), cell["bound"]), cell["bound"], "at least")
            )
        case "betting over references":
            return _rates(lambda: _over_references(rng, cell["references"], cell["n"]))
        case "spending":
            return _spent(rng, cell["looks"], cell["n"])
        case "chart":
            return _run_length(rng, *CHARTS[cell["chart"]])
    return _healthy(cell)


def _rates(capital: Callable[[], NDArray[np.float64]]) -> dict[str, Any]:
    reached = np.concatenate([capital().max(axis=-1) for _ in range(RUNS // AT_ONCE)])
    rates = {alpha: float((reached >= math.log(1 / alpha)).mean()) for alpha in ALPHAS}
    return {
        "runs": RUNS,
        "rates": {str(alpha): rate for alpha, rate in rates.items()},
        "bad": [f"{rate} at {alpha}" for alpha, rate in rates.items() if rate > alpha + _three_errors(alpha)],
    }


def _three_errors(rate: float) -> float:
    return 3 * math.sqrt(rate * (1 - rate) / RUNS)


def _over_references(rng: np.random.Generator, references: int, n: int) -> NDArray[np.float64]:
    """Five policies as good as the one of now, which answer the same prompts: the capital of all bets together."""
    chance_N = rng.random((AT_ONCE, 1, n))
    before_R_N = (rng.random((AT_ONCE, references, n)) < chance_N).astype(float)
    after_N = (rng.random((AT_ONCE, 1, n)) < chance_N).astype(float)
    each_R_N = log_capital((1 + after_N - before_R_N) / 2, 0.5, "at least")
    return np.logaddexp.reduce(each_R_N, axis=1) - math.log(references)


def _spent(rng: np.random.Generator, looks: int, n: int) -> dict[str, Any]:
    """Runs whose policy stays as good, looked at again and again against the same answers of the seed's."""
    budget, alarms = 0.05, 0
    for _ in range(RUNS // AT_ONCE):
        chance_N = rng.random((AT_ONCE, n))
        seed_N = (rng.random((AT_ONCE, n)) < chance_N).astype(float)
        ever = np.zeros(AT_ONCE, dtype=bool)
        for look in range(1, looks + 1):
            now_N = (rng.random((AT_ONCE, n)) < chance_N).astype(float)
            reached = log_capital((1 + now_N - seed_N) / 2, 0.5, "at least").max(axis=-1)
            ever |= reached >= math.log(1 / at_look(budget, look))
        alarms += int(ever.sum())
    rate = alarms / RUNS
    return {
        "runs": RUNS,
        "budget": budget,
        "rate": rate,
        "bad": [str(rate)] if rate > budget + _three_errors(budget) else [],
    }


def _run_length(rng: np.random.Generator, chart: Callable[[list[float]], Charted], promised: float) -> dict[str, Any]:
    """The mean number of quiet steps to an alarm, from 2,000 streams of normal values."""
    lengths = []
    for _ in range(2000):
        steps, found = 0, None
        z = rng.standard_normal(1000)
        while found is None:  # a stream without an alarm is continued, and read again from its beginning
            found = chart(list(z)).alarm
            steps = len(z)
            z = np.concatenate([z, rng.standard_normal(steps)])
        lengths.append(found + 1)
    mean, error = float(np.mean(lengths)), float(np.std(lengths) / math.sqrt(len(lengths)))
    bad = [f"{mean:.0f} steps, {promised:g} are promised"] if mean < promised - 3 * error - 0.01 * promised else []
    return {
        "runs": len(lengths),
        "mean_steps": round(mean, 1),
        "error": round(error, 1),
        "promised": promised,
        "bad": bad,
    }


def _healthy(cell: dict[str, Any]) -> dict[str, Any]:
    """The guards at their defaults over healthy series: what they concluded, and how often they were wrong.

    A test is wrong that says of a policy which is no worse than the one it names that it is: in so many runs on
    evidence, which the budget of false alarms bounds, and in so many iterations in doubt, which `guards.doubt` bounds.
    """
    guards, course, size = Guards(), cell.get("course", COURSES[0]), (cell["iterations"], cell["items"], cell["gain"])
    verdicts, best_moved, braked, wrong_runs, wrong_doubts = Counter[str](), 0, 0, 0, 0
    for seed in range(cell["seeds"]):
        better, best, wrong = truth(course, seed, cell["iterations"], cell["gain"]), 0, False
        for index, concluded in enumerate(replay(guards, healthy(seed, *size, course))):
            verdicts[concluded.verdict] += 1
            braked += concluded.standing.braked > 0
            best_moved += concluded.standing.best.index != best
            best = concluded.standing.best.index
            said = [one for one in concluded.failed if "p" in one.beside]
            untrue = [one for one in said if better[index] >= better[int(one.beside.get("worst", best))]]
            wrong |= any((one.observed or 0.0) >= (one.limit or 0.0) for one in untrue)
            wrong_doubts += bool(untrue)
        wrong_runs += wrong
    iterations, runs = cell["iterations"] * cell["seeds"], cell["seeds"]
    allowed = {"runs": (wrong_runs, runs, guards.false_alarm), "iterations": (wrong_doubts, iterations, guards.doubt)}
    return {
        "iterations": iterations,
        "verdicts": dict(verdicts),
        "best_moved": best_moved,
        "braked": braked,
        "wrong_on_evidence_runs": wrong_runs,
        "wrong_in_doubt": wrong_doubts,
        "bad": [
            f"{wrong} of {of} {what} wrong, {rate:g} are allowed"
            for what, (wrong, of, rate) in allowed.items()
            if wrong / of > rate + 3 * math.sqrt(rate * (1 - rate) / of)
        ],
    }


def main() -> None:
    """Measure what has no row yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="measure all of it anew")
    run_cells("sequential", CELLS, measure, parser.parse_args().fresh)
    refuse_bad("sequential", CELLS)


if __name__ == "__main__":
    main()
