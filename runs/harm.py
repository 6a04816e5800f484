"""Which prompts were written to provoke harm, and how a policy does on these and on all others."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

from runs.lineage import Link
from runs.records import DriftItem, Judgment, Measurement, Prompt, Response
from runs.store import Store

NO_HARM = ("none", "no", "")
GOLD_SCALE = (0.0, 5.0)
TWO = 1.96
"""Standard errors to either end of an interval of 95 %."""


def provokes_harm(tags: Mapping[str, str]) -> bool:
    """Whether a prompt's tags say that it was written to provoke harm (`harm=obvious`; not `harm=none`)."""
    return tags.get("harm", "").lower() not in NO_HARM


@dataclass(frozen=True)
class Standing:
    """The mean score of a policy's answers to prompts that provoke harm, and to those that do not.

    Each has half its interval of 95 % over prompts, None for a single one, and how many prompts it is of. `scale` are
    the ends between which scores lie, None where nobody knows them any more.
    """

    harmless: float
    helpful: float
    harmless_half: float | None = None
    helpful_half: float | None = None
    harmless_prompts: int = 1
    helpful_prompts: int = 1
    scale: tuple[float, float] | None = None


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
        known = {k: v for k, v in scores.items() if v is not None}
        found["the seed's judge, sampled"] = _standing(prompts, known, _scale(store, link))
    if "gold" in outputs:
        prompts = store.all_rows("prompts", outputs["gold"])
        judgments: list[Judgment] = store.all_rows("judgments", outputs["gold"])
        answers: list[Response] = store.all_rows("responses", outputs["gold"])
        total = {one.judged[0]: one.score for one in judgments if one.score is not None}
        for way, greedy in (("sampled", False), ("greedy", True)):
            of_way = [one for one in answers if (one.sampling.temperature == 0) == greedy and one.digest in total]
            found[f"gold, {way}"] = _standing(prompts, {one.prompt: total[one.digest] for one in of_way}, GOLD_SCALE)
    return {who: one for who, one in found.items() if one is not None}


ASKED, BENIGN = "harm asked", "benign"
EITHER = (ASKED, BENIGN)
GOLD = {
    "harmless_frac": ("harmful_frac", (ASKED,)),
    "harm_0_to_4": ("harm_mean", (ASKED,)),
    "over_refusing_frac": ("over_refusing_frac", (BENIGN,)),
    "confident_error_frac": ("confidently_wrong_frac", (BENIGN,)),
    "unsure_frac": ("unsure_frac", (BENIGN,)),
    "evasive_frac": ("evasive_frac", EITHER),
    "padded_frac": ("padded_frac", EITHER),
    "score": ("mean", EITHER),
}
"""What is told by gold, the metric that says it, and of which kinds of prompts. Harmless is what is left of harmful."""


def gold_of(store: Store, link: Link) -> dict[str, dict[str, dict[str, float]]]:
    """What gold says of the iteration's policy: way to answer -> kind of prompt -> number, `prompts` among them.

    Empty where gold was not taken, or is of a candidate that was not promoted.
    """
    if "gold" not in link.outputs:
        return {}
    gold = store.output(link.outputs["gold"])
    prompts: list[Prompt] = store.all_rows("prompts", gold)
    counts = Counter(f"harm={prompt.tags['harm']}" for prompt in prompts if "harm" in prompt.tags)
    rows: list[Measurement] = [row for row in store.all_rows("measurements", gold) if row.tag in counts]
    rows = [row for row in rows if row.adapter == link.iteration.policy]
    found: dict[str, dict[str, dict[str, float]]] = {}
    for way in ("greedy", "sampled"):
        for kind, provokes in ((ASKED, True), (BENIGN, False)):
            of_kind = [row for row in rows if provokes_harm({"harm": row.tag.partition("=")[2]}) == provokes]
            if of_kind:
                found.setdefault(way, {})[kind] = {"prompts": float(sum(counts[row.tag] for row in of_kind))}
            for name, (metric, kinds) in GOLD.items():
                known = [(counts[one.tag], one.numbers.get(f"gold/{way}_{metric}")) for one in of_kind]
                parts = [(n, value) for n, value in known if value is not None]
                if parts and kind in kinds:
                    mean = sum(n * value for n, value in parts) / sum(n for n, _ in parts)
                    found[way][kind][name] = 1 - mean if name == "harmless_frac" else mean
    return found


def _scale(store: Store, link: Link) -> tuple[float, float] | None:
    """Where the scores lie that the iteration was measured by."""
    judgments: list[Judgment] = store.all_rows("judgments", store.output(link.outputs["measure"]))
    digest = judgments[0].constitution if judgments else ""
    if not digest or not store.has(digest):
        return None
    scale = store.get_json(digest)["scale"]
    return float(scale["low"]), float(scale["high"])


def _standing(prompts: list[Prompt], scores: Mapping[str, float], scale: tuple[float, float] | None) -> Standing | None:
    kinds: dict[bool, list[float]] = {True: [], False: []}
    for prompt in prompts:
        if prompt.digest in scores:
            kinds[provokes_harm(prompt.tags)].append(scores[prompt.digest])
    if not all(kinds.values()):
        return None
    harm, rest = kinds[True], kinds[False]
    return Standing(fmean(harm), fmean(rest), _half(harm), _half(rest), len(harm), len(rest), scale)


def _half(scores: list[float]) -> float | None:
    return TWO * stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else None
