"""Putting answers to the judge: the pure judges ask and read, the engine answers, and every verdict is a `Judgment`."""

from collections.abc import Sequence
from dataclasses import dataclass

from judges import expected, rubric
from loop.desk import Desk
from loop.engine.protocol import Choose, Write
from runs.canonical import seed_of
from runs.records import Judgment, Message, Sampling, Unscored


@dataclass(frozen=True)
class Candidate:
    """An answer to be judged: what was asked, what was said, and the digest of the row that holds it."""

    messages: tuple[Message, ...]
    text: str
    digest: str


def requests_per_answer(desk: Desk) -> int:
    """How many engine requests one verdict takes."""
    return desk.config.judge.replies if desk.config.judge.method == "rubric" else 1


def judge_answers(desk: Desk, policy: str, candidates: Sequence[Candidate], index: int) -> list[Judgment]:
    """The verdict of `policy` on each candidate, in one engine call."""
    ways = {"expected": _by_expected_score, "rubric": _by_rubric}
    return ways[desk.config.judge.method](desk, policy, candidates, index)


def _by_expected_score(desk: Desk, policy: str, candidates: Sequence[Candidate], index: int) -> list[Judgment]:
    """One token each: the mean of the scale under the verdict tokens' probabilities (d-RLAIF, 2309.00267)."""
    scale = desk.constitution.scale
    requests = [
        Choose(expected.ask(desk.constitution, c.messages, c.text), policy, expected.labels(scale)) for c in candidates
    ]
    judgments = []
    for candidate, chosen in zip(candidates, desk.engine(policy).run(requests), strict=True):
        verdict = expected.read(chosen.logprobs, scale, desk.config.judge.min_mass)
        judgments.append(_judgment(desk, policy, candidate, "expected", (), (), verdict.score, verdict.mass, seed=0))
    return judgments


def _by_rubric(desk: Desk, policy: str, candidates: Sequence[Candidate], index: int) -> list[Judgment]:
    """Several written replies, each with its score on the last line, averaged (Self-Rewarding LMs, 2401.10020)."""
    settings, scale = desk.config.judge, desk.constitution.scale
    # A greedy judge would only repeat itself; loop.preflight refuses more than one reply at temperature 0.
    sampling = Sampling(settings.temperature, settings.top_p, settings.max_tokens)
    seeds = [
        [seed_of(desk.config.seed, index, "judge", candidate.digest, k) for k in range(settings.replies)]
        for candidate in candidates
    ]
    requests = [
        Write(rubric.ask(desk.constitution, candidate.messages, candidate.text), policy, sampling, seed)
        for candidate, of_candidate in zip(candidates, seeds, strict=True)
        for seed in of_candidate
    ]
    replies = desk.engine(policy).run(requests)
    desk.limits.tokens += sum(len(reply.token_ids) for reply in replies)
    judgments = []
    for n, candidate in enumerate(candidates):
        own = replies[n * settings.replies : (n + 1) * settings.replies]
        reads = [rubric.read(reply.text, reply.stop == "end", scale) for reply in own]
        judgments.append(
            _judgment(
                desk,
                policy,
                candidate,
                "rubric",
                tuple(reply.text for reply in own),
                tuple(None if isinstance(read, Unscored) else read for read in reads),
                rubric.average(reads, settings.min_readable_frac),
                None,
                seeds[n][0],
            )
        )
    return judgments


def _judgment(
    desk: Desk,
    policy: str,
    candidate: Candidate,
    method: str,
    replies: tuple[str, ...],
    reply_scores: tuple[float | None, ...],
    score: float | Unscored,
    probability: float | None,
    seed: int,
) -> Judgment:
    return Judgment(
        target="response",
        judged=(candidate.digest,),
        adapter=policy,
        by=desk.by(policy),
        method=method,
        constitution=desk.constitution.digest,
        principles=(),  # the rubric is one question; no principle of its own is shown
        replies=replies,
        reply_scores=reply_scores,
        score=None if isinstance(score, Unscored) else score,
        unscored=score if isinstance(score, Unscored) else None,
        probability=probability,
        seed=seed,
    )
