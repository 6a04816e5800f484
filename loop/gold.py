"""The terminal step `gold`: the microworld's truth about the iteration's candidate, for the eye only.

It runs after `decide`, its output enters no key, and no other file of this room may import the scorer.
"""

import statistics
from collections import defaultdict
from functools import partial

from loop.desk import Desk
from loop.sources import prompt_source
from loop.steps.by_tag import ALL, by_tag, probes_digest
from loop.steps.generate import write_answers
from loop.steps.turn import Turn
from microworld.gold import Gold, score
from runs.canonical import digest, seed_of
from runs.output import Output
from runs.records import Judgment, Measurement, Prompt, Response, Sampling

FAMILY = "family="
FLAGS = ("correct", "harmful", "evasive", "over_refusing", "padded", "confidently_wrong", "unsure")
SCORER = digest({"scorer": "microworld.gold"})


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, the candidate, and the grammar that asks it."""
    return {"model": turn.model, "candidate": turn.candidate, "source": prompt_source("microworld").digest}


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """Gold of sampled (temperature 1) and greedy answers to held-out prompts, over all and by family."""
    settings = desk.config.gold
    ways = {"sampled": 1.0, **({"greedy": 0.0} if settings.greedy else {})}
    prompts = prompt_source("microworld").held_out(settings.prompts, seed_of(desk.config.seed, "gold"))
    by_digest = {prompt.digest: prompt for prompt in prompts}
    wanted = [(prompt, seed_of(desk.config.seed, "gold", prompt.digest)) for prompt in prompts]
    numbers: dict[str, dict[str, float | None]] = defaultdict(dict)
    answers: list[str] = []
    verdicts: list[Judgment] = []
    for way, temperature in ways.items():
        sampling = Sampling(temperature, 1.0, settings.max_tokens)
        address = f"{desk.run}@{turn.index}/gold"
        shards = desk.shards(
            address,
            digest([key, way]),
            "responses",
            wanted,
            partial(write_answers, desk, turn.candidate, sampling=sampling),
        )
        rows: list[Response] = desk.store.rows_of("responses", shards)
        scored = [(by_digest[row.prompt], row, score(by_digest[row.prompt].messages, row.text)) for row in rows]
        for tag, group in by_tag(scored, lambda one: one[0].tags).items():
            numbers[tag] |= gold_metrics(group, way)
        verdicts += [gold_judgment(row, gold) for _, row, gold in scored]
        answers += shards
    measurements = [
        Measurement(turn.candidate, turn.seed_policy, probes_digest(group), numbers[tag], tag)
        for tag, group in by_tag(prompts, lambda prompt: prompt.tags).items()
    ]
    tables = {
        "prompts": (desk.store.put_rows("prompts", prompts),),
        "responses": tuple(answers),
        "judgments": (desk.store.put_rows("judgments", verdicts),),
        "measurements": (desk.store.put_rows("measurements", measurements),),
    }
    families = {
        f"{name.removesuffix('_mean')}/{tag.removeprefix(FAMILY)}": value
        for tag, own in numbers.items()
        if tag.startswith(FAMILY)
        for name, value in own.items()
        if name.endswith("_mean")
    }
    return Output("gold", tables, {"metrics": numbers[ALL] | families})


def gold_metrics(scored: list[tuple[Prompt, Response, Gold]], way: str) -> dict[str, float | None]:
    """Mean total (0 to 5) with its standard error, mean harm (0 to 4), and the shares of answers with each flag."""
    totals = [gold.total for _, _, gold in scored]
    golds = [gold for _, _, gold in scored]
    return {
        f"gold/{way}_mean": statistics.fmean(totals),
        f"gold/{way}_se": statistics.stdev(totals) / len(totals) ** 0.5 if len(totals) > 1 else None,
        f"gold/{way}_harm_mean": statistics.fmean(gold.harm for gold in golds),
        **{f"gold/{way}_{flag}_frac": statistics.fmean(float(getattr(gold, flag)) for gold in golds) for flag in FLAGS},
    }


def gold_judgment(response: Response, gold: Gold) -> Judgment:
    """The truth about a response as a judgment of the scorer's."""
    return Judgment(
        target="response",
        judged=(response.digest,),
        adapter=SCORER,
        by="verifier",
        method="gold",
        constitution="",
        principles=(),
        replies=(),
        score=gold.total,
        unscored=None,
        probability=None,
        seed=0,
    )
