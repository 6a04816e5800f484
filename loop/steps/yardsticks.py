"""By what an iteration's numbers are measured: those of two iterations are alike where it was the same.

A branch or a phase may judge by another constitution or in another way, ask other prompts, and turn what is measured on
or off. What then changes its meaning is the numbers of some kinds, and of the others not.
"""

from collections.abc import Mapping
from typing import Any

from judges.preference import PreferenceModel
from judges.verifier import Verifier
from loop.anchors import anchors_digest
from loop.desk import Desk
from loop.sources import prompt_source
from loop.steps.capability import prompts_path
from loop.steps.drift_judge import seed_bench
from loop.steps.turn import Turn
from runs.canonical import digest, digest_file

SIGNAL, AUDIT = "signal", "audit"
NOW_AND_THEN = (SIGNAL, AUDIT)
"""The kinds that an iteration may be without with no settings changed: the seed trains nothing, audits may be rare."""
OF_STEPS = {AUDIT: AUDIT, "capability": "capability", "prove": "verdicts"}
GROUP = "drift."
"""What the kinds begin with that are of a group of the step `drift`."""


def kind_of(step: str, name: str, groups: Mapping[str, str]) -> str:
    """What kind of number a step's metric or stream is; `groups` names those of the groups of `drift`, "" for none."""
    if step == "drift":
        return groups.get(name, "")
    if step == "measure":
        return "verdicts" if name.startswith("judge/") else "answers"
    return OF_STEPS.get(step, SIGNAL)


def yardsticks(desk: Desk, turn: Turn) -> dict[str, str]:
    """A digest for each kind that settings ask for: of all that decides its numbers besides the policy.

    Who judges counts as who judged at iteration 0: a judge that learns is one judge. What a brake changes decides no
    number here: neither the learning rate, nor `pair.labels`, nor answers of the seed's that nobody configured.
    """
    config = desk.config
    answers = digest(
        [
            prompt_source(config.prompts.source).digest, config.seed, config.measure.prompts, config.measure.max_tokens,
        ]
    )  # fmt: skip
    labelled = [anchors_digest(config.measure.anchors), config.measure.anchor_count]
    verdicts = digest([answers, _judge(desk, turn), desk.constitution.digest, labelled])
    pairs = config.pair.model_dump(mode="json", exclude={"labels", *config.pair.idle()}, exclude_defaults=True)
    # In the settings of the run, which no brake has changed.
    answered = desk.whole.at(turn.index).generate.model_dump(mode="json", exclude={"samples"}, exclude_defaults=True)
    paired = pairs | {f"generate.{leaf}": value for leaf, value in answered.items()}
    drift = config.drift
    of_groups = {
        "judge": verdicts,
        "policy": digest([answers, drift.items, drift.samples]),
        "prompts": verdicts,
        "signal": digest([verdicts, drift.items]),
    }
    return {
        "answers": answers,
        "verdicts": verdicts,
        **({SIGNAL: digest([verdicts, paired, config.generate.samples])} if turn.index else {}),
        **({AUDIT: digest([verdicts, config.audit.items])} if AUDIT not in config.unasked(turn.index) else {}),
        **({"capability": _capability(desk)} if config.capability.prompts else {}),
        **{GROUP + name: found for name, found in of_groups.items() if drift.items and getattr(drift, name)},
    }


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What is measured otherwise now, from now on, or no more, as a clause of a decision's reason; "" for nothing.

    Nothing is said where nobody knows what it was before.
    """
    if not before:
        return ""
    settings_say = {*before, *now} - {*NOW_AND_THEN}
    said = {
        "measured otherwise than before, and held against what it is from here on": [
            kind for kind in now if kind in before and now[kind] != before[kind]
        ],
        "measured from here on": [kind for kind in now if kind not in before and kind in settings_say],
        "measured no more, and not asked for": [kind for kind in before if kind not in now and kind in settings_say],
    }
    return "; ".join(f"{', '.join(kinds)}: {what}" for what, kinds in said.items() if kinds)


def _judge(desk: Desk, turn: Turn) -> list[Any]:
    settings = desk.config.judge
    if settings.method == PreferenceModel.method:  # its models are none of the policies, and learn as one does
        return [settings.way(), settings.adapter]
    return [settings.way(), seed_bench(desk, turn).digest]


def _capability(desk: Desk) -> str:
    settings = desk.config.capability
    assert settings.prompts is not None
    way = settings.model_dump(mode="json", exclude={"prompts"})
    return digest([way, digest_file(prompts_path(settings.prompts)), Verifier.version])
