"""Series of numbers as a loop gives them, that no loop gave: a healthy one, and what can befall it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from loop.guards.seen import Seen

COUNTS = ("signal/pairs", "signal/pairs_used")


def truth(course: str, seed: int, iterations: int, gain: float) -> list[float]:
    """By how much a policy is better than the seed, iteration by iteration, 0 first.

    `levels off` comes near `gain` within ten iterations. `plateaus` takes a fifth of it at each tenth iteration, and
    stays in between, so that the best moves again and again. `wanders` goes up and down between 0 and it, an eighth of
    it at most at once.
    """
    if course == "levels off":
        return [gain * (1 - 0.6**index) for index in range(iterations + 1)]
    if course == "plateaus":
        return [gain / 5 * min(5, index // 10) for index in range(iterations + 1)]
    rng, at = np.random.default_rng([seed, 1]), [0.0]
    for _ in range(iterations):
        at.append(float(np.clip(at[-1] + rng.uniform(-gain / 8, gain / 8), 0, gain)))
    return at


COURSES = ("levels off", "plateaus", "wanders")


def healthy(seed: int, iterations: int, items: int, gain: float, course: str = COURSES[0]) -> Iterator[Seen]:
    """Iteration 0 and so many more of a run that takes that course (`truth`).

    Each prompt has a chance of its own to be answered rightly. Greedy answers are mostly what they were before; what is
    sampled is drawn anew; the seed's judge scores with noise; the judge keeps its accuracy on labelled pairs.
    """
    rng = np.random.default_rng(seed)
    names = [str(n) for n in range(items)]
    families = {name: f"family {n % 12}" for n, name in enumerate(names)}
    talent_N, luck_N = rng.beta(1.5, 1.0, items), rng.random(items)
    labelled_N, of_judge_N = rng.beta(3, 1.2, items), rng.random(items)
    for index, better in enumerate(truth(course, seed, iterations, gain)):
        chance_N = np.clip(talent_N + better, 0, 1)
        drawn_N = rng.random(items)
        luck_N = np.where(rng.random(items) < 0.2, drawn_N, luck_N)  # a fifth of the greedy answers is new
        of_judge_N = np.where(rng.random(items) < 0.15, rng.random(items), of_judge_N)
        sampled_N = (rng.random(items) < 0.9 * chance_N).astype(float)
        score_N = np.clip(0.2 + 0.5 * sampled_N + rng.normal(0, 0.12, items), 0, 1)
        moved = 4 * (1 - 0.8**index)
        metrics: dict[str, float | None] = {
            "judge/unscored_frac": float(rng.uniform(0, 0.03)),
            "judge/score_sd": float(rng.normal(1.4, 0.05)),
            "judge/at_high_frac": float(rng.normal(0.2, 0.02)),
            "judge/fooled_frac": float(rng.uniform(0, 0.08)) if index else 0.0,
            "policy/kl_to_seed_nats": moved * float(rng.normal(1, 0.1)),
            "policy/kl_to_previous_nats": float(rng.uniform(0.3, 1.5)) if index else 0.0,
            "policy/length_mean_tokens": float(rng.normal(13, 0.6)),
            "policy/commonest_answer_frac": float(rng.uniform(0.05, 0.1)),
        }
        if index:
            pairs = float(rng.integers(340, 385))
            metrics |= {"signal/pairs": pairs, "signal/pairs_used": pairs, "signal/pair_yield_frac": pairs / 384}
        items_of = {
            "capability/answers": ((luck_N < chance_N) + sampled_N) / 2,
            "held-out/seed_judge_score": score_N,
            "labelled/own_hit": (of_judge_N < labelled_N).astype(float),
        }
        yield Seen(
            index,
            metrics,
            {stream: dict(zip(names, map(float, values), strict=True)) for stream, values in items_of.items()},
            tags={"family": families},
            counts=COUNTS if index else (),
            finite=frozenset(name for name in metrics if name.startswith("policy/")),
        )


def befallen(history: list[Seen], onset: int, **metrics: float) -> list[Seen]:
    """The series, with these numbers, by the ends of their names, in place of its own from `onset` on."""
    return [
        one if one.index < onset else replace(one, metrics={**one.metrics, **named(one, metrics)}) for one in history
    ]


def forgotten(history: list[Seen], onset: int, share: float) -> list[Seen]:
    """The series, with that share of the prompts answered wrongly from `onset` on."""
    rng = np.random.default_rng(onset)

    def fallen(one: Seen) -> Seen:
        right = {
            item: 0.0 if rng.random() < share else right for item, right in one.items["capability/answers"].items()
        }
        return replace(one, items={**one.items, "capability/answers": right})

    return [one if one.index < onset else fallen(one) for one in history]


def named(one: Seen, metrics: dict[str, float]) -> dict[str, float]:
    """The metrics by their whole names."""
    whole = {name.partition("/")[2]: name for name in one.metrics}
    return {whole[name]: value for name, value in metrics.items()}
