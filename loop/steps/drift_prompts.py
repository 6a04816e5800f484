"""Group `prompts` of the drift metrics: whether what the policy is trained on leaves what it is measured on."""

from collections.abc import Sequence
from statistics import fmean, median

import numpy as np

from judges.audit.distance import asked, distances
from loop.desk import Desk
from loop.self_instruct import RED_TEAM, SOURCE
from loop.steps.drift_judge import hit
from loop.steps.drift_seen import Found, Numbers, Seen
from loop.steps.turn import Turn
from runs.records import Prompt


def prompts_drift(desk: Desk, turn: Turn, seen: Seen) -> Found:
    """How far training prompts are from the held-out ones, 0 to 1, and how the judge fares on those that are far.

    A labelled pair is far if its prompt is farther than half of them are; a training prompt, if it is farther than
    that.
    """
    known = [asked(prompt.messages) for prompt in seen.prompts]
    labelled = distances([asked(anchor.messages) for anchor in seen.anchors], known) if seen.anchors else []
    middle = median(labelled) if labelled else None
    metrics: Numbers = {}
    hits = [(far, hit(anchor, seen.verdicts)) for far, anchor in zip(labelled, seen.anchors, strict=True)]
    for name, beyond in (("near", False), ("far", True)):
        of_them = [one for far, one in hits if one is not None and middle is not None and (far > middle) == beyond]
        if of_them:
            metrics[f"judge/anchor_accuracy_{name}_frac"] = fmean(of_them)
    if "prompts" not in turn.done:
        return Found(metrics)
    prompts: list[Prompt] = desk.store.all_rows("prompts", turn.done["prompts"])
    metrics |= _spread("prompts/distance", prompts, known)
    if written := [prompt for prompt in prompts if prompt.source in (SOURCE, RED_TEAM)]:
        metrics |= _spread("prompts/self_made_distance", written, known)
    if middle is not None:
        of_prompts = distances([asked(prompt.messages) for prompt in prompts], known)
        metrics["prompts/far_frac"] = fmean(float(far > middle) for far in of_prompts)
    return Found(metrics)


def _spread(name: str, prompts: Sequence[Prompt], known: Sequence[str]) -> Numbers:
    found = distances([asked(prompt.messages) for prompt in prompts], known)
    return {f"{name}_mean": fmean(found), f"{name}_p90": float(np.quantile(found, 0.9))}
