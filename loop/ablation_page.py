"""What an ablation found, and what it would take, as lines for people."""

from collections.abc import Sequence
from itertools import groupby

from loop.ablating import Ablated
from loop.ablation import Arm
from loop.ablation_effects import PREFERRED, SCORED, Effect
from loop.by_prompt import GOLD
from loop.forecast import Forecast
from loop.terminal import table

IN_WORDS = {"leave-one-out": "without", "none": "no principles", "opposite": "opposite of"}


def text(found: Ablated) -> str:
    """What was found on each metric, the largest effect first; what could not be told from chance is counted."""
    seeds = len({arm.seed for arm in found.arms})
    over, its = ("the same held-out prompts", "") if seeds == 1 else (f"{seeds} seeds", " of its own seed")
    lines = [
        f"{found.address}, measured at iteration {found.index}: each branch less {found.arms[0].name}{its}, over "
        f"{over}, with Student's interval of 95 %; p by Holm over the branches of a metric."
    ]
    if seeds == 1:
        lines.append("Of one training: how far two trainings are apart by chance is not in it (--seeds 3 would say).")
    by_metric = {metric: list(of) for metric, of in groupby(found.effects, key=lambda one: one.metric)}
    for metric, of_metric in by_metric.items():
        if shown := [one for one in of_metric if one.found or metric in GOLD]:
            lines += ["", f"{_called(metric, found)}:", _of_metric(shown)]
    if quiet := [(_called(metric, found), _seeable(of)) for metric, of in by_metric.items() if _hides(metric, of)]:
        lines += ["", table(["other effects are no larger than chance on", "would have been seen"], quiet)]
        lines.append("An effect of that size would have been found in 4 of 5 such trials.")
    for name, why in found.halted.items():
        lines += ["", f"{name} measured nothing there: {why}"]
    if not found.effects:
        lines += ["", "There is nothing to compare yet."]
    lines += [
        "",
        f"Stopped before the end: {found.stopped}. The same command goes on." if found.stopped else _next(found),
    ]
    return "\n".join(lines)


def _of_metric(shown: Sequence[Effect]) -> str:
    rows = [
        (_which(one), f"{one.value:+.3g}", _interval(one), one.adjusted, one.n)
        for one in sorted(shown, key=lambda one: -abs(one.value))
    ]
    return table(["branch", "effect", "95 % interval", "p", "n"], rows)


def _hides(metric: str, of_metric: Sequence[Effect]) -> bool:
    return metric not in GOLD and not all(one.found for one in of_metric)


def _seeable(of_metric: Sequence[Effect]) -> float | None:
    return max((one.seeable for one in of_metric if one.seeable is not None), default=None)


def _called(metric: str, found: Ablated) -> str:
    if metric == PREFERRED:
        return f"how much more often than not {found.judge} prefers its answers"
    if metric == SCORED:
        return f"the score that {found.judge} gives its answers as a whole"
    value = found.whole.get(metric)
    stands = f" ({value:.4g} with all principles)" if value is not None else ""
    return f"{metric}{stands}{', for the eye' if metric in GOLD else ''}"


def _which(one: Effect) -> str:
    return f"{IN_WORDS[one.mode]} {one.principle}".rstrip()


def _interval(one: Effect) -> str:
    return "-" if one.seeable is None else f"{one.low:+.3g} to {one.high:+.3g}"


def _next(found: Ablated) -> str:
    other = next((arm.name for arm in found.arms if arm.mode != "whole"), "")
    return f"Next: selfsame diff {found.arms[0].name} {other}"


def cost_text(address: str, arms: Sequence[Arm], before: Sequence[Forecast]) -> str:
    """What all branches would take."""
    rows = [
        (arm.name, f"{IN_WORDS.get(arm.mode, 'all principles')} {arm.principle}".rstrip(), _first(one), one.seconds)
        for arm, one in zip(arms, before, strict=True)
    ]
    whole = sum(one.seconds for one in before)
    unknown = any(step.seconds is None for one in before for step in one.steps if not step.done)
    least = "at least " if unknown else ""
    return (
        f"{table(['branch', f'of {address}', 'begins with', 'seconds'], rows)}\n"
        f"To do: {least}{whole:.0f} s by the times of the run. Scoring and comparing the branches' answers "
        "comes on top: the run has no times of that. Nothing was written."
    )


def _first(one: Forecast) -> str:
    return next((f"{step.index}/{step.step}" for step in one.steps if not step.done), "nothing to do")
