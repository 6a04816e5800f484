"""Step `judge`: the judge scores every candidate, or compares each two of them."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations

from judges.dialogue import Judge as JudgeKind
from judges.same_texts import same_texts, standing_for
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.familiar import bounds
from loop.judging import Case, case
from loop.panel import bench, decisive, judged_by, panel_metrics
from loop.steps.turn import Turn
from loop.steps.votes import votes_by_principle
from runs.output import Output
from runs.records import Judgment, Prompt, Response, Revision


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, who judges, the constitution, the prompts, the answers, their revisions where one is learnt, and the
    labelled prompts where they bound what is judged."""
    revisions = {"revise": turn.outputs["revise"]} if _judges_revisions(desk) else {}
    return {
        "model": turn.model,
        "judge": bench(desk, turn, turn.policy).digest,
        "constitution": desk.constitution.digest,
        "prompts": turn.outputs["prompts"],
        "generate": turn.outputs["generate"],
        **revisions,
        **bounds(desk, desk.config.judge.way()),
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """A judgment for each answer, or for each two different answers to a prompt, by each who judges."""
    judge = configured_judge(desk.config.judge, desk.constitution, desk.judge_tokens)
    who = bench(desk, turn, turn.policy)
    prompts: list[Prompt] = desk.store.all_rows("prompts", turn.done["prompts"])
    responses: list[Response] = desk.store.all_rows("responses", turn.done["generate"])
    cases = candidate_cases(judge, desk.config.seed, prompts, responses)
    if _judges_revisions(desk):
        cases += revision_cases(desk.config.seed, prompts, desk.store.all_rows("revisions", turn.done["revise"]))
    shards = judged_by(desk, f"{desk.run}@{turn.index}/judge", judge, who, cases)
    metrics = judgment_metrics(desk.store.rows_of("judgments", shards), "judge/train_")
    return Output("judge", {"judgments": shards}, {"judge": who.digest, "metrics": metrics})


def candidate_cases(
    judge: JudgeKind, seed: int, prompts: Sequence[Prompt], responses: Sequence[Response]
) -> list[Case]:
    """What the judge is to judge: each different answer to each prompt, or each two of them."""
    by_prompt: dict[str, list[Response]] = defaultdict(list)
    for response in responses:
        by_prompt[response.prompt].append(response)
    asked = {prompt.digest: prompt for prompt in prompts}
    cases = []
    for digest, answers in by_prompt.items():
        prompt = asked[digest]
        if judge.compares == 1:
            for text, same in same_texts(answers).items():
                held = [(response.digest,) for response in same]
                cases.append(case(seed, "response", prompt.messages, (text,), prompt.tags, *held))
        else:
            # Sorted by digest: which answer is called the first is as good as by lot.
            different = sorted((standing_for(same) for same in same_texts(answers).values()), key=lambda r: r.digest)
            for a, b in combinations(different, 2):
                texts = (a.text, b.text)
                cases.append(case(seed, "pair", prompt.messages, texts, prompt.tags, (a.digest, b.digest)))
    return cases


def revision_cases(seed: int, prompts: Sequence[Prompt], revisions: Sequence[Revision]) -> list[Case]:
    """Each revision that can stand for an answer, for a judge of single answers."""
    asked = {prompt.digest: prompt for prompt in prompts}
    return [
        case(seed, "revision", asked[one.prompt].messages, (one.text,), asked[one.prompt].tags, (one.digest,))
        for one in revisions
        if one.unusable is None
    ]


def _judges_revisions(desk: Desk) -> bool:
    return desk.config.train.source == "revisions"  # else nobody learns from one


def judgment_metrics(all_judgments: Sequence[Judgment], prefix: str) -> dict[str, float | None]:
    """Mean and spread of the scores, or how sure the comparisons are, and the share without a verdict, by reason.

    Where a panel sat, they are the panel's, with how far its members were apart.
    """
    judgments = decisive(all_judgments)
    scores = [judgment.score for judgment in judgments if judgment.score is not None]
    reasons = Counter(judgment.unscored for judgment in judgments if judgment.unscored is not None)
    compared = any(judgment.target == "pair" for judgment in judgments)
    return {
        **(comparison_metrics(judgments, prefix) if compared else score_metrics(scores, prefix)),
        f"{prefix}unscored_frac": 1 - len(scores) / len(judgments) if judgments else None,
        **{
            f"{prefix}unscored/{reason.replace(' ', '_')}_frac": n / len(judgments)
            for reason, n in sorted(reasons.items())
        },
        **panel_metrics(all_judgments, prefix),
    }


def score_metrics(scores: Sequence[float], prefix: str) -> dict[str, float | None]:
    """Mean and spread of the scores of single answers; of no score there is none, and the unscored share says so."""
    if not scores:
        return {}
    spread = statistics.pstdev(scores)
    return {
        f"{prefix}score_mean": statistics.fmean(scores),
        f"{prefix}score_sd": spread,
        f"{prefix}score_se": spread / len(scores) ** 0.5,
    }


def comparison_metrics(judgments: Sequence[Judgment], prefix: str) -> dict[str, float | None]:
    """How probable the preferred answer is on average, and how often both orders prefer the same one."""
    confidences = [max(j.score, 1 - j.score) for j in judgments if j.score is not None]
    both = [orders for judgment in judgments for orders in votes_by_principle(judgment) if len(orders) == 2]
    agreeing = [(orders["ab"] - 0.5) * (orders["ba"] - 0.5) > 0 for orders in both]
    consistency = {f"{prefix}position_consistency_frac": statistics.fmean(agreeing)} if agreeing else {}
    certainty = {f"{prefix}confidence_mean": statistics.fmean(confidences)} if confidences else {}
    return {**certainty, **consistency}
