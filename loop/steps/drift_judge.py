"""Group `judge` of the drift metrics: the judge of now beside the seed's and the one before, on the same things.

The answers that are judged change from one iteration to the next and the labelled pairs never do: what only the first
show may be the policy's doing, what the second show is the judge's.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

from judges.audit.records import Scores
from judges.consistency import kendall_tau
from judges.dialogue import Judge
from judges.preference import PreferenceModel
from judges.proxy_gap import Scored, proxy_gap
from judges.rank_agreement import kendall_tau_b
from judges.statistics import mean_difference
from loop.anchors import AnchorPair
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.panel import Bench, bench, decisive, judged_by
from loop.steps.drift_seen import Found, Numbers, Seen, score_of, scores_of
from loop.steps.measure import held_out_answers
from loop.steps.probes import Judged, anchor_cases, own_cases, sides
from loop.steps.turn import Turn
from runs.canonical import seed_of
from runs.records import Judgment, Prompt, Response, Unscored


def judge_drift(desk: Desk, turn: Turn, seen: Seen) -> Found:
    """The judge's scores beside the frozen seed judge's, its order of labelled answers beside others', its scale.

    A judge that is a preference model has neither a seed's nor another before it: its models are none of the policies.
    """
    metrics, own = _on_its_scale(desk, seen)
    held_out: dict[str, Numbers] = {
        prompt.digest: {"own_score": score} for prompt, score in zip(seen.prompts, own, strict=True)
    }
    labelled: dict[str, Numbers] = {
        anchor.digest: {"own_hit": hit(anchor, seen.verdicts)} for anchor in seen.anchors if anchor.label != "tie"
    }
    if desk.config.judge.method == PreferenceModel.method:
        return Found(metrics, held_out, labelled)
    of_seed = seed_bench(desk, turn)
    shards, by_seed, before = _by_the_seed_judge(desk, turn, seen, of_seed)
    scored = [
        (prompt.digest, Scored(proxy, anchor, first))
        for prompt, proxy, anchor, first in zip(seen.prompts, own, by_seed, before, strict=True)
        if proxy is not None and anchor is not None and first is not None
    ]
    found = proxy_gap([one for _, one in scored], seed_of(desk.config.seed, "proxy gap"))
    for digest, one in scored:
        held_out[digest] |= {"seed_judge_score": one.anchor, "seed_answer_score": one.before}
    if scored:
        metrics |= {
            "judge/seed_judge_score_mean": fmean(one.anchor for _, one in scored),
            "judge/gap_to_seed_judge_mean": found.gap.value,
            "judge/gap_to_seed_judge_mean_low": found.gap.low,
            "judge/gap_to_seed_judge_mean_high": found.gap.high,
            "judge/seed_judge_change_mean": found.anchor_change.value,
            "judge/seed_judge_change_mean_low": found.anchor_change.low,
            "judge/seed_judge_change_mean_high": found.anchor_change.high,
            "judge/fooled_frac": found.fooled_frac.value,
            "judge/fooled_frac_low": found.fooled_frac.low,
        }
    for name, who in (("seed", of_seed), ("previous", bench(desk, turn, turn.policy))):
        theirs = _labelled_verdicts(desk, seen, who)
        metrics |= _order_beside(seen, theirs, name)
        for anchor in seen.anchors:
            if anchor.label != "tie":
                labelled[anchor.digest][f"{name}_hit"] = hit(anchor, theirs)
    both = [(one["seed_hit"], one["own_hit"]) for one in labelled.values()]
    hits = [(then, now) for then, now in both if then is not None and now is not None]
    if hits:
        then_and_now = [then for then, _ in hits], [now for _, now in hits]
        change = mean_difference(*then_and_now, seed_of(desk.config.seed, "anchors"))
        metrics |= {
            "judge/anchor_accuracy_change_frac": change.value,
            "judge/anchor_accuracy_change_frac_low": change.low,
            "judge/anchor_accuracy_change_frac_high": change.high,
        }
    # Where it is the judge of now too, these are the verdicts that `measure` holds.
    new = shards if of_seed.digest != bench(desk, turn, turn.candidate).digest else ()
    return Found(metrics, held_out, labelled, {"judgments": new})


def seed_bench(desk: Desk, turn: Turn) -> Bench:
    """Who judged at iteration 0, as the judge is configured now."""
    first = Turn(0, ()).with_output("seed", turn.model, desk.store.output(turn.model))
    return bench(desk, first, first.candidate)


def hit(anchor: AnchorPair, verdicts: Mapping[Judged, Judgment]) -> float | None:
    """1 where the better of two labelled answers is preferred, 0 where the other is, a half for a tie.

    None without a verdict, or without a better one.
    """
    differences = _differences([anchor], verdicts)
    if anchor.label == "tie" or differences[0] is None:
        return None
    return 0.5 if not differences[0] else float((differences[0] > 0) == (anchor.label == "a"))


def _differences(anchors: Sequence[AnchorPair], verdicts: Mapping[Judged, Judgment]) -> list[float | None]:
    """How much better `a` is than `b` by the judge: the difference of two scores, or 2p - 1 of a comparison."""
    found: list[float | None] = []
    for anchor in anchors:
        named = sides(anchor)
        if named in verdicts:
            chance = score_of(verdicts[named])
            found.append(None if chance is None else 2 * chance - 1)
        else:
            a, b = (verdicts[side,].score for side in named)
            found.append(None if a is None or b is None else a - b)
    return found


def _order_beside(seen: Seen, theirs: Mapping[Judged, Judgment], name: str) -> Numbers:
    """How alike two judges order labelled answers: within pairs, and all pairs by how far apart their answers are."""
    now, then = (_differences(seen.anchors, verdicts) for verdicts in (seen.verdicts, theirs))
    known = [(a, b) for a, b in zip(now, then, strict=True) if a is not None and b is not None]
    found: Numbers = {}
    if known:
        # Of two answers, one of which is at 0.
        agreeing = fmean((kendall_tau([(a, b), (0.0, 0.0)]) + 1) / 2 for a, b in known)
        found[f"judge/ranking_consistency_with_{name}_mean"] = agreeing
    if (tau := kendall_tau_b(now, then)) is not None:
        found[f"judge/rank_tau_b_with_{name}"] = tau
    return found


def _on_its_scale(desk: Desk, seen: Seen) -> tuple[Numbers, list[float | None]]:
    """How much of the scale the judge uses on the policy's answers, and what it says of each."""
    from judges.audit.spread import saturation  # scipy: a second of processor time, which few starts need

    judge, scale = _fair(desk), desk.constitution.scale
    own = scores_of(own_cases(judge, desk.config.seed, _prompts(seen), seen.answers, seen.rivals), seen.verdicts)
    known = [score for score in own if score is not None]
    metrics: Numbers = {"judge/distinct_scores": float(len(set(known)))}
    if desk.config.judge.on_scale:
        ends = saturation(Scores(scale.low, scale.high, [Unscored.NO_VERDICT if s is None else s for s in own]))
        metrics |= {f"judge/{one.name.partition('/')[2]}_frac": one.estimate.value for one in ends[:-1]}
    return metrics, own


def _by_the_seed_judge(
    desk: Desk, turn: Turn, seen: Seen, who: Bench
) -> tuple[tuple[str, ...], list[float | None], list[float | None]]:
    """The shards of what the seed judge says of the answers, that, and what it said of the seed policy's answers."""
    judge, seed, prompts = _fair(desk), desk.config.seed, _prompts(seen)
    cases = own_cases(judge, seed, prompts, seen.answers, seen.rivals)
    way = desk.config.judge.in_both_orders().way()

    shards = judged_by(desk, seen.address, judge, who, [one for one in cases if one is not None], way)
    now = scores_of(cases, _decisive(desk, shards))
    if judge.compares == 2:
        return shards, now, [0.5] * len(now)  # it was held against the seed policy's answer
    answers: list[Response] = desk.store.rows_of(
        "responses", held_out_answers(desk, seen.address, turn.seed_policy, seen.prompts, "measure")
    )
    firsts = own_cases(judge, seed, prompts, answers, ())
    then = judged_by(desk, seen.address, judge, who, [one for one in firsts if one is not None], way)
    return shards, now, scores_of(firsts, _decisive(desk, then))


def _labelled_verdicts(desk: Desk, seen: Seen, who: Bench) -> dict[Judged, Judgment]:
    """What those who judge say of the labelled pairs: recalled, where they judged them in an iteration of their own."""
    judge = configured_judge(desk.config.judge, desk.constitution, desk.judge_tokens)
    shards = judged_by(desk, seen.address, judge, who, anchor_cases(judge, desk.config.seed, seen.anchors))
    return _decisive(desk, shards)


def _decisive(desk: Desk, shards: Sequence[str]) -> dict[Judged, Judgment]:
    return {own.judged: own for own in decisive(desk.store.rows_of("judgments", shards))}


def _fair(desk: Desk) -> Judge:
    return configured_judge(desk.config.judge.in_both_orders(), desk.constitution, desk.judge_tokens)


def _prompts(seen: Seen) -> dict[str, Prompt]:
    return {prompt.digest: prompt for prompt in seen.prompts}
