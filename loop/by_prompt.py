"""The metrics that are means over prompts, prompt by prompt: what two policies are held against each other by.

The same prompts are asked in every iteration and branch of one seed, so that a difference can be taken on each.
"""

from collections.abc import Mapping, Sequence

from judges.statistics import mean_difference
from loop.panel import decisive
from runs.output import Output
from runs.records import DriftItem, Judgment, Response
from runs.store import Store

ByPrompt = dict[str, dict[str, float]]
"""Metric -> prompt -> its number there."""
OWN_SCORE, LENGTH = "judge/score_mean", "policy/length_mean_tokens"
GOLD = ("gold/sampled_mean", "gold/greedy_mean")
STREAMS = {
    ("held-out", "declines"): "policy/declines_frac",
    ("held-out", "evades"): "policy/evades_frac",
    ("held-out", "boilerplate_frac"): "policy/boilerplate_frac",
    ("held-out", "self_repetition_frac"): "policy/self_repetition_frac",
    ("held-out", "entropy_nats"): "policy/entropy_nats",
    ("held-out", "kl_to_seed_nats"): "policy/kl_to_seed_nats",
    ("held-out", "seed_judge_score"): "judge/seed_judge_score_mean",
    ("capability", "greedy"): "policy/capability_greedy_frac",
    ("capability", "sampled"): "policy/capability_sampled_frac",
}
"""The numbers of single probes that are kept, by kind of probe and name, and the metric that is their mean."""


def by_prompt(store: Store, outputs: Mapping[str, str]) -> ByPrompt:
    """Every such metric of an iteration with these outputs, as far as its steps were taken."""
    found: ByPrompt = {}
    done = {step: store.output(name) for step, name in outputs.items()}
    if "measure" in done:
        responses, scores = _rows(store, done["measure"])
        found[OWN_SCORE] = {row.prompt: scores[row.digest] for row in responses if row.digest in scores}
        # The policy's own answers stand first; those after them are of the seed policy, to be compared with.
        found[LENGTH] = {row.prompt: float(len(row.token_ids)) for row in reversed(responses)}
    for step in ("drift", "capability"):
        items: Sequence[DriftItem] = store.all_rows("drift_items", done[step]) if step in done else ()
        for item in items:
            for name, value in item.numbers.items():
                if value is not None and (metric := STREAMS.get((item.probe, name))):
                    found.setdefault(metric, {})[item.item] = value
    if "gold" in done:
        responses, scores = _rows(store, done["gold"])
        for metric, greedy in zip(GOLD, (False, True), strict=True):
            rows = [row for row in responses if (row.sampling.temperature == 0) == greedy]
            found[metric] = {row.prompt: scores[row.digest] for row in rows if row.digest in scores}
    return found


def shared(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """The numbers of both sides on the prompts that both have, in the same order."""
    prompts = [prompt for prompt in before if prompt in after]
    return [before[prompt] for prompt in prompts], [after[prompt] for prompt in prompts]


def moved(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[float, float, float, int] | None:
    """The mean difference with the ends of its interval of 95 %, and over how many prompts; None for fewer than two."""
    one, other = shared(before, after)
    if len(one) < 2:
        return None
    found = mean_difference(one, other, seed=0)
    assert found.value is not None and found.low is not None and found.high is not None
    return found.value, found.low, found.high, len(one)


def _rows(store: Store, output: Output) -> tuple[Sequence[Response], dict[str, float]]:
    """The answers of a step, and the score of each that has one."""
    judgments: list[Judgment] = decisive(store.all_rows("judgments", output))
    scores = {row.judged[0]: row.score for row in judgments if row.score is not None}
    return store.all_rows("responses", output), scores
