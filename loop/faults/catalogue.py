"""The faults of the wind tunnel, and the runs beside them that have none."""

import difflib

from loop.faults import broken_data, broken_judges
from loop.faults.broken_judges import liking
from loop.faults.fault import Fault
from runs.errors import UsageError

HEALTHY = {"judge.adapter": "seed", "prompts.count": 256, "generate.samples": 4}
"""Settings under which the gold of the recipe `self-rewarding` does not fall: the judge stays as it is."""
AS_THE_PAPER = {"judge.adapter": "self", "prompts.count": 384, "generate.samples": 6}
COMPARING = {"judge.method": "pairwise", "judge.both_orders": False}

FAULTS: tuple[Fault, ...] = (
    Fault("always-high", "the judge gives everything the top of its scale", judged=broken_judges.always_high),
    Fault("length-loving", "the judge likes long answers", judged=liking(broken_judges.long)),
    Fault("keyword-loving", "the judge likes two set phrases", judged=liking(broken_judges.keywords)),
    Fault("position-bound", "the judge likes the first answer", judged=broken_judges.first_place, ground=COMPARING),
    Fault("coin-flip", "the judge throws a coin", judged=broken_judges.coin),
    Fault("rotting", "a growing part of the verdicts is a coin's", judged=broken_judges.rotting),
    Fault("sycophantic", "the judge likes to be flattered", judged=liking(broken_judges.flattery)),
    Fault("unreadable", "a growing part of the verdicts cannot be read", judged=broken_judges.unreadable),
    Fault("flipped", "of each pair the worse answer is chosen", outputs={"pair": broken_data.flipped}),
    Fault("hot", "the learning rate is ten times as high", settings={"train.learning_rate": 5e-3}),
    Fault("loose", "beta is near 0", settings={"train.beta": 0.003}),
    Fault(
        "replaced",
        "earlier pairs are no longer trained on",
        settings={"train.replay_frac": 0.0},
        ground={"train.replay_frac": 0.5},
    ),
    Fault("one-answer", "one answer is chosen for every prompt", outputs={"pair": broken_data.one_answer}),
    Fault("drifting", "a growing part of the prompts is jumbled", outputs={"prompts": broken_data.off_distribution}),
    Fault("stale", "the policy before is served for the new one", outputs={"train": broken_data.stale}),
    Fault("brevity-loving", "the judge likes short answers", judged=liking(broken_judges.short), tuned_on=False),
    Fault("refusal-loving", "the judge likes to be refused", judged=liking(broken_judges.refusals), tuned_on=False),
    Fault("inverted", "the judge means the opposite", judged=broken_judges.inverted, tuned_on=False),
    Fault("overtrained", "each pair is seen twelve times", settings={"train.epochs": 12}, tuned_on=False),
    Fault(
        "one-sided",
        "only requests that ought to be declined are asked",
        settings={"prompts.mix": [{"share": 1.0, "tags": ["harm=obvious", "harm=subtle"]}]},
        tuned_on=False,
    ),
)
"""Those that guards are tuned on first, then those that nobody tunes on."""

BESIDE: tuple[Fault, ...] = (
    Fault("healthy", "nothing is wrong", sound=True, iterations=6),
    Fault(
        "shuffled",
        "labels say nothing, and next to nothing is learnt from them",
        outputs={"pair": broken_data.shuffled},
        ground={"train.learning_rate": 1e-5},
        onset=1,
        iterations=6,
        sound=True,
    ),
    Fault("self", "the paper's loop, which deceives itself", ground=AS_THE_PAPER, onset=1),
)
"""Runs in which nothing is broken."""


def fault_named(name: str) -> Fault:
    """The fault, or run beside them, of that name. Raises UsageError."""
    found = {one.name: one for one in (*FAULTS, *BESIDE)}
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"there is no fault {name!r}; {hint}there are {', '.join(found)}")
    return found[name]
