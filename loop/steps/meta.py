"""Step `meta`: the judge judges its own judgments in pairs, and pairs of them are learnt from beside those of answers.

Meta-Rewarding Language Models (Wu et al., 2407.19594, section 2.2): the judgments of one answer a prompt, whose scores
vary most, meet each other in both orders; the strongest of them is chosen over the weakest.
"""

from collections.abc import Sequence

from judges.judgment_pairs import (
    Battle,
    JudgmentPair,
    WrittenJudgment,
    capped,
    judgment_pairs,
    judgment_strengths,
    most_disputed,
    place_weights,
)
from judges.meta import Meta
from judges.rubric import Rubric
from judges.statistics import Estimate
from judges.tournament import pairs_of
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.judging import Case, case
from loop.own_judge import own_judge
from loop.panel import Bench, judged_by
from loop.steps.turn import Turn
from runs.canonical import digest
from runs.errors import ConfigError
from runs.output import Output
from runs.records import Judgment, PreferencePair, Prompt, Response, Sampling

SOURCE = "judging"
"""The `source` of the prompts that put an answer to the judge."""


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, who judges judgments, what was judged, and the pairs of answers that they join."""
    made_of = {step: turn.outputs[step] for step in ("prompts", "generate", "judge", "pair")}
    return {"model": turn.model, "policy": _judge(desk, turn), "constitution": desk.constitution.digest, **made_of}


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The verdicts on pairs of judgments, and the pairs to learn from: the judge's question, and two replies to it."""
    settings, who = desk.config.meta_judge, _judge(desk, turn)
    prompts: dict[str, Prompt] = {one.digest: one for one in desk.store.all_rows("prompts", turn.done["prompts"])}
    answers: dict[str, Response] = {r.digest: r for r in desk.store.all_rows("responses", turn.done["generate"])}
    judgments: list[Judgment] = desk.store.all_rows("judgments", turn.done["judge"])
    written = written_judgments([one for one in judgments if one.adapter == who], answers)
    disputed = most_disputed(written)
    judge = Meta(desk.constitution, settings.min_mass, settings.strip_scores)
    cases = [case_of(desk.config.seed, prompts, answers, a, b) for same in disputed.values() for a, b in _met(same)]
    way = {"method": judge.method, **settings.model_dump(mode="json", include={"min_mass", "strip_scores"})}
    shards = judged_by(desk, f"{desk.run}@{turn.index}/meta", judge, Bench((who,), None), cases, way)
    battles = battles_of(desk.store.rows_of("judgments", shards))
    strength = judgment_strengths(battles)
    found = judgment_pairs([one for same in disputed.values() for one in same], strength, settings.max_characters)
    others = len(desk.store.all_rows("pairs", turn.done["pair"]))
    kept = capped(found, others, settings.max_frac)
    asked = {one.response: _question(desk, prompts, answers[one.response]) for pair in kept for one in pair}
    said = {one.digest: _reply(desk, who, asked[one.response], one) for pair in kept for one in pair}
    pairs = [_preferred(asked[pair.chosen.response], said, strength, pair) for pair in kept]
    metrics: dict[str, float | None] = {
        "signal/judgments_disputed": len(disputed),
        "signal/judgment_pairs_found": len(found),
        "signal/judgment_pairs": len(kept),
        "judge/meta_first_place_frac": place_weights(battles).second if battles else None,
    }
    return Output(
        "meta",
        {
            "prompts": (desk.store.put_rows("prompts", list({one.digest: one for one in asked.values()}.values())),)
            if kept
            else (),
            "responses": (desk.store.put_rows("responses", list(said.values())),) if kept else (),
            "judgments": shards,
            "pairs": (desk.store.put_rows("pairs", pairs),),
        },
        {"metrics": {name: value for name, value in metrics.items() if value is not None}},
    )


def written_judgments(judgments: Sequence[Judgment], answers: dict[str, Response]) -> list[WrittenJudgment]:
    """The replies that state a score, each different one on each different answer once."""
    found: dict[tuple[str, str, str], WrittenJudgment] = {}
    for judgment in judgments:
        if judgment.target != "response":
            continue
        answer = answers[judgment.judged[0]]
        for reply in judgment.replies:
            if reply.score is not None and reply.text:
                name = digest([answer.prompt, answer.text, reply.text])
                one = WrittenJudgment(name, answer.prompt, answer.digest, reply.text, reply.score)
                found.setdefault((answer.prompt, answer.text, reply.text), one)
    return list(found.values())


def case_of(
    seed: int, prompts: dict[str, Prompt], answers: dict[str, Response], a: WrittenJudgment, b: WrittenJudgment
) -> Case:
    """Two judgments of one answer, for the meta-judge."""
    prompt, texts = prompts[a.prompt], (answers[a.response].text, a.text, b.text)
    return case(seed, "judgment", prompt.messages, texts, prompt.tags, (a.digest, b.digest))


def battles_of(verdicts: Sequence[Judgment]) -> list[Battle]:
    """Each order's verdict, the judgment that was shown first named first; those that were not read are none."""
    found = []
    for verdict in verdicts:
        a, b = verdict.judged
        for reply in verdict.replies:
            if reply.score is not None:
                one = Battle(a, b, reply.score) if reply.order == "ab" else Battle(b, a, 1 - reply.score)
                found.append(one)
    return found


def _met(same: Sequence[WrittenJudgment]) -> list[tuple[WrittenJudgment, WrittenJudgment]]:
    by_digest = {one.digest: one for one in same}
    return [(by_digest[a], by_digest[b]) for a, b in pairs_of(by_digest)]


def _judge(desk: Desk, turn: Turn) -> str:
    """Who wrote the judgments, and judges them: the policy, or the judge's own adapter."""
    return own_judge(desk, turn, turn.policy) if desk.config.judge.adapter == "own" else turn.policy


def _question(desk: Desk, prompts: dict[str, Prompt], answer: Response) -> Prompt:
    """What the judge was asked about the answer."""
    judge = configured_judge(desk.config.judge, desk.constitution)
    if not isinstance(judge, Rubric):
        raise ConfigError("pairs of judgments are of written ones of single answers")
    prompt = prompts[answer.prompt]
    made = case(desk.config.seed, "response", prompt.messages, (answer.text,), prompt.tags, (answer.digest,))
    return Prompt(judge.ask(made.item, [])[0].messages, SOURCE, "train", prompt.tags)


def _reply(desk: Desk, who: str, question: Prompt, judgment: WrittenJudgment) -> Response:
    """The judgment as an answer to the judge's question. Its tokens are not kept: it is encoded as a whole answer."""
    settings = desk.config.judge
    return Response(
        prompt=question.digest,
        adapter=who,
        by=desk.by(who),
        sampling=Sampling(settings.temperature, settings.top_p, settings.max_tokens),
        seed=0,
        text=judgment.text,
        token_ids=(),
        logprobs=(),
        stop="end",
    )


def _preferred(
    question: Prompt, said: dict[str, Response], strength: dict[str, Estimate], pair: JudgmentPair
) -> PreferencePair:
    better, worse = (strength[one.digest].value or 0.0 for one in pair)
    return PreferencePair(
        prompt=question.digest,
        chosen=said[pair.chosen.digest].digest,
        rejected=said[pair.rejected.digest].digest,
        label_probability=1.0,
        weight=1.0,
        margin=better - worse,
        label_source="meta",
        judgments=(),
    )
