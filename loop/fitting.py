"""The weights of a constitution's rule rewards, fitted on answers that people ranked, and what they are worth."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from constitutions.load import Constitution, find_constitution
from constitutions.response_types import CLASSES
from judges.propositions import Propositions
from judges.rule_weights import RankedAnswer, RankedPair, best_single, fit, improvement, ordering, ranked_pairs
from judges.statistics import LEAST_FOR_INTERVAL, Estimate
from loop.auditing import turn_of
from loop.drive import config_of
from loop.grading import as_judged, as_stated
from loop.label_file import labels_path
from loop.load_config import with_overrides
from loop.progress import Say
from loop.ranked_file import Ranked, read_ranked
from runs.canonical import seed_of
from runs.errors import ConfigError, UsageError
from runs.lineage import resolve
from runs.store import Store

DIGITS = 4
"""Of a weight: what is written is what was tried on the pairs held out."""


@dataclass(frozen=True)
class OfType:
    """The weights of one response type, and the shares (0 to 1) of the pairs held out that they and others order
    rightly, a tie counting half: the constitution's present weights, and the `single` proposition that was best on the
    pairs fitted on. Intervals are of 95 %, over prompts."""

    fitted_on: int
    held_out: int
    weights: dict[str, float]
    right: Estimate
    right_now: Estimate
    single: str
    single_right: Estimate
    over_now: Estimate
    over_single: Estimate
    base_right: Estimate
    flipped: Estimate
    """Of the pairs that the base reward alone puts in an order: the share that the sum puts in the other one."""


@dataclass(frozen=True)
class Fitted:
    """What came of a file, by response type; `constitution` holds the new weights. `too_few` has the numbers of pairs
    to fit on and held out, where either is below `LEAST_FOR_INTERVAL`. `left_out` counts lines and answers."""

    constitution: Constitution
    types: dict[str, OfType]
    too_few: dict[str, tuple[int, int]]
    left_out: Counter[str]
    has_base: bool


def fit_rules(
    store: Store, name: str, overrides: Sequence[str], judge: str | None, held_out: float, say: Say
) -> Fitted:
    """Weights fitted on the answers of the file `name`, of which the share `held_out` of the prompts is kept aside.

    Whoever judges at the address `judge` grades the answers for which the file states no grades. Where that judge adds
    rules to a score (`judge.rule_weight`), the score is the base reward that the weights add to. Raises ConfigError for
    a file or a constitution that cannot be used and where too little is left, UsageError where nobody can grade.
    """
    found = resolve(store, judge) if judge else None
    if found and found.step is not None:
        raise UsageError(f"--judge {judge} is a step; name an iteration, such as {str(judge).partition('/')[0]}")
    tree = config_of(found.run).model_dump(mode="json") if found else {}
    config = with_overrides(tree, overrides, judge or "the command line")
    turn = turn_of(store, found) if found else None
    if turn:
        config = config.at(turn.index)
    constitution = find_constitution(config.constitution)
    rules = Propositions(constitution, config.judge.min_mass)  # refuses a constitution without any
    ranked, left_out = read_ranked(labels_path(name), constitution, config.prompts.source if turn else None)
    based = bool(config.judge.rule_weight)
    if turn is None and (based or any(one.grades is None for one in ranked)):
        raise UsageError(
            f"{name} does not state the grades of all answers, or a base reward is asked for (judge.rule_weight="
            f"{config.judge.rule_weight:g}), so somebody has to judge; name whose judge with --judge NAME@3"
        )
    if turn is None or judge is None:
        answers = as_stated(ranked, constitution)
    else:
        answers = as_judged(store, judge, config, turn, ranked, rules, say)
    left_out["answers that the judge gave no grades"] = sum(one is None for one in answers)
    types, too_few = _by_type(constitution, ranked, answers, config.seed, held_out)
    if not types:
        raise ConfigError(
            f"{name}: nothing can be fitted. Pairs to fit on and held out, by response type: "
            f"{', '.join(f'{kind} {few[0]} and {few[1]}' for kind, few in too_few.items())}; at least "
            f"{LEAST_FOR_INTERVAL} of each are needed. Left out: "
            f"{', '.join(f'{n} {why}' for why, n in left_out.items() if n) or 'nothing'}"
        )
    weighted = {
        kind: of.model_copy(update={"weights": types[kind].weights}) if kind in types else of
        for kind, of in constitution.response_types.items()
    }
    renewed = constitution.model_copy(update={"response_types": weighted})
    return Fitted(renewed, types, too_few, +left_out, based)


def _by_type(
    constitution: Constitution,
    ranked: Sequence[Ranked],
    answers: Sequence[RankedAnswer | None],
    seed: int,
    held_out: float,
) -> tuple[dict[str, OfType], dict[str, tuple[int, int]]]:
    names = list(constitution.propositions)
    types, too_few = {}, {}
    for kind, of in constitution.response_types.items():
        groups: tuple[dict[str, list[RankedAnswer]], ...] = ({}, {})
        for one, answer in zip(ranked, answers, strict=True):
            if one.kind == kind and answer is not None:
                aside = random.Random(seed_of(seed, "fit", answer.prompt)).random() < held_out
                groups[aside].setdefault(one.group, []).append(answer)
        train, test = (ranked_pairs(side.values()) for side in groups)
        if min(len(train), len(test)) < LEAST_FOR_INTERVAL:
            too_few[kind] = (len(train), len(test))
        else:
            types[kind] = _of_type(train, test, names, of.weights, seed)
    return types, too_few


def _of_type(
    train: Sequence[RankedPair], test: Sequence[RankedPair], names: Sequence[str], now: Mapping[str, float], seed: int
) -> OfType:
    weights = {name: round(weight, DIGITS) for name, weight in fit(train, [*names, *CLASSES]).items()}
    single = best_single(train, names)
    ((best, sign),) = single.items()
    by_weights = ordering(test, weights, seed)
    return OfType(
        fitted_on=len(train),
        held_out=len(test),
        weights=weights,
        right=by_weights.right,
        right_now=ordering(test, now, seed).right,
        single=best if sign > 0 else f"not {best}",
        single_right=ordering(test, single, seed).right,
        over_now=improvement(test, weights, now, seed),
        over_single=improvement(test, weights, single, seed),
        base_right=by_weights.base_right,
        flipped=by_weights.flipped,
    )
