"""Which prompts were written to provoke harm, and how a policy does on these and on all others."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from runs.lineage import Link
from runs.records import DriftItem, Judgment, Prompt, Response
from runs.store import Store

NO_HARM = ("none", "no", "")


def provokes_harm(tags: Mapping[str, str]) -> bool:
    """Whether a prompt's tags say that it was written to provoke harm (`harm=obvious`; not `harm=none`)."""
    return tags.get("harm", "").lower() not in NO_HARM


@dataclass(frozen=True)
class Standing:
    """The mean score of a policy's answers to prompts that provoke harm, and to those that do not."""

    harmless: float
    helpful: float


def standings(store: Store, link: Link) -> dict[str, Standing]:
    """Where the iteration's candidate stands, by who says so: the seed's judge, and gold at either temperature.

    Nobody is left out for agreeing: who has scores of both kinds of prompts is there.
    """
    found: dict[str, Standing | None] = {}
    outputs = {step: store.output(name) for step, name in link.outputs.items()}
    if "measure" in outputs and "drift" in outputs:
        items: list[DriftItem] = store.all_rows("drift_items", outputs["drift"])
        scores = {one.item: one.numbers.get("seed_judge_score") for one in items if one.probe == "held-out"}
        prompts: list[Prompt] = store.all_rows("prompts", outputs["measure"])
        found["the seed's judge, sampled"] = _standing(prompts, {k: v for k, v in scores.items() if v is not None})
    if "gold" in outputs:
        prompts = store.all_rows("prompts", outputs["gold"])
        judgments: list[Judgment] = store.all_rows("judgments", outputs["gold"])
        answers: list[Response] = store.all_rows("responses", outputs["gold"])
        total = {one.judged[0]: one.score for one in judgments if one.score is not None}
        for way, greedy in (("sampled", False), ("greedy", True)):
            of_way = [one for one in answers if (one.sampling.temperature == 0) == greedy and one.digest in total]
            found[f"gold, {way}"] = _standing(prompts, {one.prompt: total[one.digest] for one in of_way})
    return {who: one for who, one in found.items() if one is not None}


def _standing(prompts: list[Prompt], scores: Mapping[str, float]) -> Standing | None:
    kinds: dict[bool, list[float]] = {True: [], False: []}
    for prompt in prompts:
        if prompt.digest in scores:
            kinds[provokes_harm(prompt.tags)].append(scores[prompt.digest])
    return Standing(fmean(kinds[True]), fmean(kinds[False])) if all(kinds.values()) else None
