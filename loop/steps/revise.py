"""Step `revise`: the writer of an answer says what is wrong with it by a principle, and writes it anew.

The first stage of Constitutional AI (Bai et al., 2212.08073, section 3): each pass draws another principle, and each
answer is revised by the weights that wrote it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from constitutions.exemplars import Revising, revising_question
from constitutions.fill import request_text
from constitutions.principle import Principle, in_scope
from constitutions.shown import shown, wording
from judges.dialogue import Item
from judges.expected import Expected
from loop.desk import Desk
from loop.judging import engine_answers, verdicts
from loop.steps.generate import write_answers
from loop.steps.revision_metrics import revision_metrics
from loop.steps.turn import Turn
from runs.canonical import digest, seed_of
from runs.output import Output
from runs.records import Message, Prompt, Response, Revision, Sampling, Stop, Unusable

NOT_DECODED = "\ufffd"  # stands where bytes were no text
MIN_MASS = 0.5
"""Probability that must lie on the scale where a score is expected; a writer that says less accepts nothing."""


@dataclass(frozen=True)
class Standing:
    """An answer before one more pass: what was asked, the draft, what stands for it by now, and the pass's draws."""

    prompt: Prompt
    draft: Response
    now: Response | Revision
    principle: Principle
    seed: int


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, the policy that wrote and revises, the constitution, the prompts and the answers."""
    return {
        "model": turn.model,
        "policy": turn.policy,
        "constitution": desk.constitution.digest,
        "prompts": turn.outputs["prompts"],
        "generate": turn.outputs["generate"],
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The revisions of every answer that is to be revised, pass by pass, whether they can be used or not."""
    settings = desk.config.revise
    prompts = {prompt.digest: prompt for prompt in desk.store.all_rows("prompts", turn.done["prompts"])}
    responses: list[Response] = desk.store.all_rows("responses", turn.done["generate"])
    drafts = [draft for draft in responses if in_scope(settings.tags, prompts[draft.prompt].tags)]
    now: dict[str, Response | Revision] = {draft.digest: draft for draft in drafts}
    open_ones = drafts
    shards: tuple[str, ...] = ()
    revisions: list[Revision] = []
    for nth in range(1, settings.passes + 1):
        standing = [
            Standing(prompts[draft.prompt], draft, now[draft.digest], principle, seed)
            for draft in open_ones
            for seed in [seed_of(desk.config.seed, turn.index, "revise", draft.digest, nth)]
            for principle in shown(desk.constitution, prompts[draft.prompt].tags, "critique", seed, 1)
        ]
        made = desk.shards(
            f"{desk.run}@{turn.index}/revise",
            digest([key, nth]),
            "revisions",
            standing,
            partial(revised, desk, turn.policy, nth),
        )
        rows: list[Revision] = desk.store.rows_of("revisions", made)
        now |= {row.draft: row for row in rows if row.unusable is None}
        open_ones = [one.draft for one, row in zip(standing, rows, strict=True) if not row.accepted]
        shards, revisions = (*shards, *made), [*revisions, *rows]
    return Output("revise", {"revisions": shards}, {"metrics": revision_metrics(settings, drafts, revisions)})


def revised(desk: Desk, policy: str, nth: int, standing: Sequence[Standing]) -> list[Revision]:
    """One pass over the answers: one engine call for all critiques, one for all revisions, one for what they score."""
    settings = desk.config.revise
    sampling = Sampling(settings.temperature, settings.top_p, settings.max_tokens)
    critiques: Sequence[Response | None] = [None] * len(standing)
    if settings.critique:
        short = Sampling(settings.temperature, settings.top_p, settings.critique_tokens)
        asked = [(critique_question(desk, one), seed_of(one.seed, "critique")) for one in standing]
        critiques = write_answers(desk, policy, asked, short)
    said = [critique.text if critique else "" for critique in critiques]
    asked = [
        (revision_question(desk, one, critique), seed_of(one.seed, "revision"))
        for one, critique in zip(standing, said, strict=True)
    ]
    written = write_answers(desk, policy, asked, sampling)
    unusable = [fault(one.text, one.stop) for one in written]
    usable = [(one, new) for one, new, why in zip(standing, written, unusable, strict=True) if why is None]
    accepted = iter(are_accepted(desk, policy, usable))
    return [
        Revision(
            prompt=one.prompt.digest,
            draft=one.draft.digest,
            before=one.now.digest,
            nth=nth,
            principle=one.principle.id,
            critique=critique.text if critique else "",
            critique_stop=critique.stop if critique else None,
            adapter=policy,
            by=desk.by(policy),
            sampling=sampling,
            seed=one.seed,
            text=new.text,
            token_ids=new.token_ids,
            stop=new.stop,
            unusable=why,
            accepted=None if why is not None else next(accepted),
        )
        for one, critique, new, why in zip(standing, critiques, written, unusable, strict=True)
    ]


def critique_question(desk: Desk, one: Standing) -> Prompt:
    """What asks for a critique."""
    return _question(desk, one, "critique", wording(desk.constitution, [one.principle], "critique"))


def revision_question(desk: Desk, one: Standing, critique: str) -> Prompt:
    """What asks for a revision, with the critique where one was asked for."""
    method: Revising = "revision" if desk.config.revise.critique else "direct_revision"
    return _question(desk, one, method, wording(desk.constitution, [one.principle], "revision"), critique)


def _question(desk: Desk, one: Standing, method: Revising, principle: str, critique: str = "") -> Prompt:
    request = request_text(one.prompt.messages)
    words = revising_question(desk.constitution, method, principle, request, one.now.text, critique)
    return Prompt((Message("user", words),), method)


def fault(text: str, stop: Stop) -> Unusable | None:
    """Why what was written cannot stand for an answer; None where it can."""
    if stop != "end":
        return Unusable.UNFINISHED
    if not text.strip():
        return Unusable.EMPTY
    return Unusable.UNREADABLE if NOT_DECODED in text else None


def are_accepted(desk: Desk, policy: str, written: Sequence[tuple[Standing, Response]]) -> list[bool | None]:
    """Whether the writer expects its revisions to score what is asked; None for all where nothing is."""
    least = desk.config.revise.accept_score
    if least is None:
        return [None] * len(written)
    items = [Item(one.prompt.messages, (new.text,), one.prompt.tags) for one, new in written]
    greedy = Sampling(0.0, 1.0, 1)  # labels are read, nothing is drawn
    found = verdicts(
        Expected(desk.constitution, MIN_MASS), items, lambda asked: engine_answers(desk, policy, asked, greedy)
    )
    return [isinstance(verdict.score, float) and verdict.score >= least for verdict in found]
