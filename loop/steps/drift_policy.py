"""Group `policy` of the drift metrics: what the policy's answers are like, and how far they are from the seed's.

`measure` sampled one answer to each held-out prompt at temperature 1. Some prompts are answered again here, for what
cannot be seen on one answer.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from judges.text_repetition import (
    boilerplate_fracs,
    commonest_frac,
    compression_ratio,
    distinct_frac,
    self_repetition_frac,
    shared_openings,
    templated,
)
from judges.text_signs import signs
from loop.desk import Desk
from loop.drift.discrepancy import discrepancy
from loop.drift.diversity import prompt_independence, vendi_frac
from loop.drift.likelihood import entropy_nats, perplexity, rare_token_nll_nats
from loop.steps.drift_seen import Found, Numbers, Seen
from loop.steps.generate import answer_shards
from loop.steps.measure import held_out_answers
from loop.steps.past import drift_before
from loop.steps.readings import Read, reading_shards
from loop.steps.turn import Turn
from runs.canonical import seed_of
from runs.records import Reading, Response, Sampling


def policy_drift(desk: Desk, turn: Turn, seen: Seen) -> Found:
    """Entropy, diversity, templates, evasion, distance from the seed, and the likelihood of its text."""
    texts = [answer.text for answer in seen.answers]
    seeds: list[Response] = desk.store.rows_of(
        "responses", held_out_answers(desk, seen.address, turn.seed_policy, seen.prompts, "measure")
    )
    of_answer, of_token = entropy_nats([answer.logprobs for answer in seen.answers])
    metrics: Numbers = {
        "policy/entropy_nats": of_answer,
        "policy/entropy_nats_per_token": of_token,
        **repetition(texts),
        **kl_path(desk, turn),
    }
    if len(texts) > 1:
        found = discrepancy(texts, [answer.text for answer in seeds], seed_of(desk.config.seed, "discrepancy"))
        metrics |= {
            "policy/vendi_frac": vendi_frac(texts),
            "policy/mmd2_to_seed": found.mmd2,
            "policy/mmd2_to_seed_p_value": found.p_value,
        }
    readings, of_seed = _of_seed_text(desk, turn, seen, seeds)
    again, sampled = _again(desk, turn, seen)
    numbers = metrics | of_seed | sampled
    tables = {"readings": readings, "responses": again}
    return Found(numbers, _items(desk, turn, seen), {}, {noun: shards for noun, shards in tables.items() if shards})


def repetition(texts: Sequence[str]) -> Numbers:
    """What one answer each to different prompts repeat, of themselves and of each other, and what they decline."""
    declined = [signs(text).declines for text in texts]
    boilerplate = boilerplate_fracs(texts)
    engaged = [share for share, declines in zip(boilerplate, declined, strict=True) if not declines]
    return {
        "policy/distinct_1_frac": distinct_frac(texts, 1),
        "policy/distinct_2_frac": distinct_frac(texts, 2),
        "policy/compression_ratio": compression_ratio(texts),
        "policy/self_repetition_frac": fmean(map(self_repetition_frac, texts)),
        "policy/boilerplate_frac": fmean(boilerplate),
        # Refusals are all alike: among answers that engage, boilerplate is another thing.
        **({"policy/boilerplate_engaged_frac": fmean(engaged)} if engaged else {}),
        "policy/shared_opening_frac": fmean(map(float, shared_openings(texts))),
        "policy/template_frac": fmean(map(float, templated(texts))),
        "policy/commonest_answer_frac": commonest_frac(texts),
        "policy/declines_frac": fmean(map(float, declined)),
        "policy/evades_frac": fmean(float(signs(text).evades) for text in texts),
    }


def kl_path(desk: Desk, turn: Turn) -> Numbers:
    """The nats an answer that all steps from the seed took together, each from the policy promoted before it.

    A policy that goes far and comes back has spent them all the same; steps that were rolled back are none of its own.
    """
    before = 0.0
    if known := drift_before(desk, turn):
        drift = desk.store.output(known)
        # An iteration of a version that left no standing may have proposed another policy than it kept.
        proposed = drift.values["candidate"] == turn.policy
        before = drift.metrics.get("policy/kl_path_nats" if proposed else "policy/kl_path_before_nats") or 0.0
    own = turn.done["measure"].metrics["policy/kl_to_previous_nats"]
    return {"policy/kl_path_before_nats": before, "policy/kl_path_nats": None if own is None else before + own}


def _of_seed_text(desk: Desk, turn: Turn, seen: Seen, seeds: Sequence[Response]) -> tuple[tuple[str, ...], Numbers]:
    """How the policy finds the seed policy's answers: the shards, and what they say."""
    theirs = list(seeds[: desk.config.drift.items])
    shards: tuple[str, ...] = ()
    own = [answer.logprobs for answer in theirs]
    if turn.candidate != turn.seed_policy:
        asked = {prompt.digest: prompt.messages for prompt in seen.prompts}
        texts = [Read(answer.digest, asked[answer.prompt], answer.token_ids) for answer in theirs]
        shards = reading_shards(desk, seen.address, turn.candidate, texts)
        readings: list[Reading] = desk.store.rows_of("readings", shards)
        own = [reading.logprobs for reading in readings]
    by_seed = [answer.logprobs for answer in theirs]
    kl = fmean(math.fsum(p) - math.fsum(q) for p, q in zip(by_seed, own, strict=True))
    return shards, {
        "policy/kl_from_seed_nats": kl,
        "policy/seed_text_perplexity": perplexity(own),
        "policy/seed_text_rare_token_nll_nats": rare_token_nll_nats(own, by_seed),
    }


def _again(desk: Desk, turn: Turn, seen: Seen) -> tuple[tuple[str, ...], Numbers]:
    """More answers to some prompts: the shards, and what answers to one prompt have in common."""
    settings = desk.config.drift
    prompts = list(seen.prompts[: settings.items])
    drawn = Sampling(1.0, 1.0, desk.config.measure.max_tokens)
    seeds = [seed_of(desk.config.seed, turn.draw("drift"), n) for n in range(1, settings.samples)]
    wanted = [(prompt, seed_of(seed, prompt.digest)) for prompt in prompts for seed in seeds]
    shards = answer_shards(desk, seen.address, turn.candidate, wanted, drawn)
    answers: dict[str, list[str]] = {one.prompt: [one.text] for one in seen.answers[: settings.items]}
    for response in desk.store.rows_of("responses", shards):
        answers[response.prompt].append(response.text)
    samples = list(answers.values())
    independence = prompt_independence(samples) if len(samples) > 1 else None
    metrics: Numbers = {
        "policy/vendi_within_prompt_frac": fmean(map(vendi_frac, samples)),
        **({} if independence is None else {"policy/prompt_independence": independence}),
    }
    return shards, metrics


def _items(desk: Desk, turn: Turn, seen: Seen) -> dict[str, Numbers]:
    """The numbers of each held-out prompt's answer by itself."""

    def moved(policy: str) -> list[float | None]:
        if policy == turn.candidate:
            return [0.0] * len(seen.answers)
        said = {reading.read: math.fsum(reading.logprobs) for reading in seen.readings.get(policy, ())}
        found = [said.get(answer.digest) for answer in seen.answers]
        own = [math.fsum(answer.logprobs) for answer in seen.answers]
        return [None if q is None else p - q for p, q in zip(own, found, strict=True)]

    boilerplate = boilerplate_fracs([answer.text for answer in seen.answers])
    columns = zip(seen.answers, moved(turn.seed_policy), moved(turn.policy), boilerplate, strict=True)
    return {
        answer.prompt: {
            "kl_to_seed_nats": to_seed,
            "kl_to_previous_nats": to_previous,
            "length_tokens": float(len(answer.token_ids)),
            "entropy_nats": -math.fsum(answer.logprobs),
            "boilerplate_frac": share,
            "self_repetition_frac": self_repetition_frac(answer.text),
            "declines": float(signs(answer.text).declines),
            "evades": float(signs(answer.text).evades),
        }
        for answer, to_seed, to_previous, share in columns
    }
