"""What to do where an iteration gave too little to train on, or its training diverged: clauses for a halt's reason."""

from collections.abc import Mapping

from runs.output import Output

NO_PAIR = "signal/no_pair/"
REMEDIES = {
    "too_few_scored": (
        "the judge's verdicts cannot be read (judge.min_mass, judge.method), or it abstains (judge.max_distance)"
    ),
    "same_text": "the answers to a prompt are all alike: raise generate.temperature or generate.samples",
    "only_truncated": "answers are cut off: raise generate.max_tokens",
    "tie": "the judge scores the answers alike: judge in another way (judge.method), or raise generate.samples",
    "below_margin": "lower pair.min_margin, or raise generate.samples",
    "contradicted": "the judge contradicts itself: raise generate.samples, or judge in another way (judge.method)",
    "longer": "raise pair.max_longer_tokens",
}
"""Why a prompt gave no pair, and what changes that."""
TOO_LONG = ("signal/pairs_too_long", "signal/demonstrations_too_long", "signal/prompts_too_long")


def remedies(failed: set[str], done: Mapping[str, Output]) -> list[str]:
    """A clause for each thing that went wrong, with its cause by count and what to set.

    `failed` are the guards that failed, `done` the outputs of the iteration's steps.
    """
    clauses = [f"training: {one.values['diverged']}" for one in done.values() if "diverged" in one.values]
    if "min_pairs" not in failed:
        return clauses
    metrics = {name: value for one in done.values() for name, value in one.metrics.items() if value}
    unpaired = {name.removeprefix(NO_PAIR): count for name, count in metrics.items() if name.startswith(NO_PAIR)}
    if unpaired:
        reason = max(unpaired, key=lambda name: unpaired[name])
        clauses.append(
            f"most often a prompt gave no pair because of: {reason.replace('_', ' ')} "
            f"({unpaired[reason]:g} of {sum(unpaired.values()):g}); {REMEDIES.get(reason, 'name another file')}"
        )
    clauses += [
        f"most often too long: {metrics[name]:g} rows exceed train.max_length_tokens and were left out whole; raise it"
        for name in TOO_LONG
        if name in metrics
    ]
    return [*clauses, "otherwise: ask more prompts (prompts.count), or lower guards.min_pairs"]
