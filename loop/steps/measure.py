"""Step `measure`: how the candidate answers and judges on held-out prompts, and how far it has moved."""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from judges.statistics import LabelledPair, agreement, proportion
from loop.anchors import anchor_pairs, anchors_digest
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.panel import bench, decisive, judged_by
from loop.sources import prompt_source
from loop.steps.by_tag import ALL, by_tag, probes_digest
from loop.steps.generate import answer_shards
from loop.steps.judge import judgment_metrics
from loop.steps.probes import Judged, anchor_cases, labelled_pairs, own_cases, verdicts_on
from loop.steps.prompts import measured_prompts
from loop.steps.readings import Read, reading_shards
from loop.steps.turn import Turn
from loop.steps.votes import order_chance
from runs.canonical import seed_of
from runs.output import Output
from runs.records import Judgment, Measurement, Prompt, Reading, Response, Sampling, Unscored

LogRatios = tuple[float, ...]
"""A token's log-probability under a reference less the policy's own, in nats, for each token of an answer."""


@dataclass(frozen=True)
class Answered:
    """A held-out prompt, the candidate's answer, its judgment, and how likely two other policies find the answer."""

    prompt: Prompt
    response: Response
    judgment: Judgment | None
    to_seed: LogRatios
    to_previous: LogRatios


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, the candidate and the two policies it is held against, its judge, the prompts and the anchors."""
    return {
        "model": turn.model,
        "candidate": turn.candidate,
        "seed": turn.seed_policy,
        "previous": turn.policy,
        "judge": bench(desk, turn, turn.candidate).digest,
        "constitution": desk.constitution.digest,
        "source": prompt_source(desk.config.prompts.source).digest,
        "anchors": anchors_digest(desk.config.measure.anchors),
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """Answers, judgments, and numbers about the candidate: over all held-out prompts, and over those of each tag."""
    address = f"{desk.run}@{turn.index}/measure"
    settings = desk.config.measure
    prompts = measured_prompts(desk.config)
    by_digest = {prompt.digest: prompt for prompt in prompts}
    judge = configured_judge(desk.config.judge, desk.constitution, desk.judge_tokens)
    who = bench(desk, turn, turn.candidate)

    answers = held_out_answers(desk, address, turn.candidate, prompts, turn.draw("measure"))
    # A judge that compares is given answers of the seed policy to hold the candidate's against.
    rivals = held_out_answers(desk, address, turn.seed_policy, prompts, "rival") if judge.compares == 2 else ()
    responses: list[Response] = desk.store.rows_of("responses", answers)
    own = own_cases(judge, desk.config.seed, by_digest, responses, desk.store.rows_of("responses", rivals))
    anchors = anchor_pairs(settings.anchors, settings.anchor_count)
    # A rival is always second, so that in one order a taste for the first place would be a win.
    fair = desk.config.judge.in_both_orders()
    fair_judge = configured_judge(fair, desk.constitution, desk.judge_tokens)
    of_own = judged_by(desk, address, fair_judge, who, [one for one in own if one is not None], fair.way())
    of_anchors = judged_by(desk, address, judge, who, anchor_cases(judge, desk.config.seed, anchors))
    own_judgments: list[Judgment] = desk.store.rows_of("judgments", of_own)
    anchor_judgments: list[Judgment] = desk.store.rows_of("judgments", of_anchors)
    verdicts = {judgment.judged: judgment for judgment in decisive(own_judgments) + decisive(anchor_judgments)}
    sat: dict[Judged, list[Judgment]] = defaultdict(list)
    for own_judgment in anchor_judgments:
        sat[own_judgment.judged].append(own_judgment)

    said = [Read(response.digest, by_digest[response.prompt].messages, response.token_ids) for response in responses]
    readers = dict.fromkeys(policy for policy in (turn.seed_policy, turn.policy) if policy != turn.candidate)
    readings = {policy: reading_shards(desk, address, policy, said) for policy in readers}

    def ratios_to(policy: str) -> list[LogRatios]:
        return log_ratios(responses, desk.store.rows_of("readings", readings[policy]) if policy in readings else None)

    to_seed, to_previous = ratios_to(turn.seed_policy), ratios_to(turn.policy)
    answered = [
        Answered(by_digest[response.prompt], response, verdicts[one.judged[0]] if one else None, seed, previous)
        for response, one, seed, previous in zip(responses, own, to_seed, to_previous, strict=True)
    ]
    compared = by_tag(list(zip(anchors, labelled_pairs(anchors, verdicts), strict=True)), lambda one: one[0].tags)
    groups = by_tag(answered, lambda one: one.prompt.tags)

    def numbers_of(tag: str) -> dict[str, float | None]:
        labelled = compared.get(tag, ())
        of_pairs = [judgment for anchor, _ in labelled for judgment in verdicts_on(anchor, verdicts)]
        return {
            **(policy_metrics(groups[tag], own_judgments) if tag in groups else {}),
            **anchor_metrics([pair for _, pair in labelled], seed_of(desk.config.seed, "anchors")),
            **anchor_faults(of_pairs),
            **position_consistency([own for judgment in of_pairs for own in sat[judgment.judged]]),
        }

    # Labelled pairs have tags of their own, which no held-out prompt need have.
    numbers = {tag: numbers_of(tag) for tag in sorted({*groups, *compared})}
    measurements = [
        Measurement(
            turn.candidate, turn.seed_policy, probes_digest([one.prompt for one in groups.get(tag, ())]), found, tag
        )
        for tag, found in numbers.items()
    ]
    tables = {
        "prompts": (desk.store.put_rows("prompts", prompts),),
        "responses": answers + rivals,
        "judgments": of_own + of_anchors,
        "readings": tuple(shard for shards in readings.values() for shard in shards),
        "measurements": (desk.store.put_rows("measurements", measurements),),
    }
    return Output("measure", tables, {"metrics": numbers[ALL]})


def held_out_answers(
    desk: Desk, address: str, policy: str, prompts: Sequence[Prompt], purpose: str, temperature: float = 1.0
) -> tuple[str, ...]:
    """The shards of the policy's answer to each prompt; another `purpose` draws another one.

    What is measured is at temperature 1: KL is an expectation under the policy itself, not under a sharpened one.
    """
    wanted = [(prompt, seed_of(desk.config.seed, purpose, prompt.digest)) for prompt in prompts]
    return answer_shards(desk, address, policy, wanted, Sampling(temperature, 1.0, desk.config.measure.max_tokens))


def policy_metrics(answered: Sequence[Answered], all_judgments: Sequence[Judgment]) -> dict[str, float | None]:
    """What a policy's answers say of it: its own scores, their lengths, and KL to the seed and to the previous.

    Of `all_judgments` those of these answers are taken, the members' of a panel among them.
    """
    responses = [one.response for one in answered]
    verdicts = [one.judgment for one in answered if one.judgment is not None]
    judged = {verdict.judged for verdict in verdicts}
    return {
        **judgment_metrics([own for own in all_judgments if own.judged in judged], "judge/"),
        **win_rate_metrics([one.judgment for one in answered]),
        **length_metrics(responses),
        **kl_metrics([one.to_seed for one in answered], "seed"),
        **kl_metrics([one.to_previous for one in answered], "previous"),
    }


def win_rate_metrics(judgments: Sequence[Judgment | None]) -> dict[str, float | None]:
    """How probably the policy's answer is better than the seed policy's, where the judge compares: 0.5 at the seed.

    None is an answer that is the seed policy's to the word: half a win, as is a tie. Of other pairs without a verdict
    nothing is known.
    """
    if any(judgment is not None and judgment.target != "pair" for judgment in judgments):
        return {}
    wins = [0.5 if judgment is None or judgment.unscored is Unscored.TIE else judgment.score for judgment in judgments]
    known = [win for win in wins if win is not None]
    return {"judge/win_rate_against_seed": statistics.fmean(known)} if known else {}


def length_metrics(responses: Sequence[Response]) -> dict[str, float | None]:
    """Length of the sampled answers in tokens, and the share that was cut off."""
    lengths = [len(response.token_ids) for response in responses]
    return {
        "policy/length_mean_tokens": statistics.fmean(lengths),
        "policy/length_se_tokens": statistics.pstdev(lengths) / len(lengths) ** 0.5,
        "policy/length_p50_tokens": statistics.median(lengths),
        "policy/truncated_frac": sum(response.stop == "length" for response in responses) / len(responses),
    }


def log_ratios(responses: Sequence[Response], readings: Sequence[Reading] | None) -> list[LogRatios]:
    """Each answer's log-ratios of the reference that reads to the policy that wrote it; None reads where they are one.

    Then the ratios are 0 by definition.
    """
    if readings is None:
        return [(0.0,) * len(response.logprobs) for response in responses]
    return [
        tuple(q - p for p, q in zip(response.logprobs, under.logprobs, strict=True))
        for response, under in zip(responses, readings, strict=True)
    ]


def kl_metrics(answers: Sequence[LogRatios], name: str) -> dict[str, float | None]:
    """KL(policy || reference) from the policy's own samples: k1 in nats a response, k3 in nats a token.

    k1 = mean of log p - log q, unbiased; k3 = mean of (q/p - 1) - log(q/p), never negative and of lower variance
    (Schulman, "Approximating KL divergence").
    """
    tokens = [log_ratio for answer in answers for log_ratio in answer]
    return {
        f"policy/kl_to_{name}_nats": statistics.fmean(0.0 - math.fsum(answer) for answer in answers),
        f"policy/kl_to_{name}_k3_nats_per_token": math.fsum(math.expm1(r) - r for r in tokens) / len(tokens),
    }


def anchor_metrics(pairs: Sequence[LabelledPair], seed: int) -> dict[str, float | None]:
    """How often the judge prefers what people preferred, with its interval, and how it ranks against their labels."""
    if not pairs:
        return {}
    found = agreement(pairs, seed)
    shares = {
        "judge/anchor_accuracy": found.accuracy.value,
        "judge/anchor_accuracy_low": found.accuracy.low,
        "judge/anchor_accuracy_high": found.accuracy.high,
        "judge/anchor_kendall_tau_b": found.kendall_tau_b.value,
        "judge/anchor_tie_frac": found.judge_tie_frac,
        "judge/anchor_kappa": found.kappa.value,
    }
    # No correlation with labels that are all the same, no accuracy where the judge ties all or scores none: undefined,
    # not missing.
    defined: dict[str, float | None] = {name: value for name, value in shares.items() if value is not None}
    return defined | {"judge/anchor_decided": float(found.decided_n)}


def anchor_faults(judgments: Sequence[Judgment]) -> dict[str, float | None]:
    """How often there is no verdict on labelled answers, with the end of its interval on the side that acquits."""
    if not judgments:
        return {}
    unscored = proportion(sum(judgment.score is None for judgment in judgments), len(judgments))
    return {"judge/anchor_unscored_frac": unscored.value, "judge/anchor_unscored_frac_low": unscored.low}


def position_consistency(judgments: Sequence[Judgment]) -> dict[str, float | None]:
    """How often both orders prefer the same of two labelled answers, by all who judged: a panel's own rows have none.

    With the end of its interval that acquits. Nothing where no pair was read in both orders.
    """
    both = [(order_chance(judgment, "ab"), order_chance(judgment, "ba")) for judgment in judgments]
    read = [(ab, ba) for ab, ba in both if isinstance(ab, float) and isinstance(ba, float)]
    if not read:
        return {}
    same = proportion(sum((ab - 0.5) * (ba - 0.5) > 0 for ab, ba in read), len(read))
    return {
        "judge/anchor_position_consistency_frac": same.value,
        "judge/anchor_position_consistency_frac_high": same.high,
    }
