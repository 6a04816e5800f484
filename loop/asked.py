"""What a judge was asked for a judgment that is kept: its whole prompt, made again as it was made then.

Judgments keep replies and no questions. Judges are pure, so the same texts, settings and luck give the same questions;
where something of that is no longer to be had, it is said what.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from constitutions.load import Constitution, find_constitution
from judges.commit_first import CommitFirst
from judges.dialogue import Choose, Item, Judge, Question, Text, Write
from judges.meta import Meta
from judges.pairwise import Pairwise
from loop.anchors import anchor_pairs
from loop.config import Config
from loop.configured_judge import configured_judge
from loop.steps.meta import written_judgments
from loop.steps.probes import sides
from loop.token_count import judge_tokens
from runs.errors import ConfigError
from runs.lineage import Found
from runs.records import Judgment, Message, Prompt, Response, Revision, Unscored
from runs.store import Store


class NotAskedAgain(Exception):
    """Why the questions cannot be made again."""


class Said(NamedTuple):
    """A text that was judged, and the prompt it answers."""

    messages: tuple[Message, ...]
    tags: dict[str, str]
    text: str


def asked(store: Store, found: Found, judgment: Judgment) -> tuple[Question, ...]:
    """The questions in the order in which they were asked. Raises NotAskedAgain.

    What was asked of a panel was asked of each of its members. A question that only followed from the replies (which of
    two equals evades) is not among them.
    """
    if judgment.by == "verifier":
        raise NotAskedAgain("a verifier asks nobody")
    if judgment.unscored is Unscored.UNFAMILIAR:
        raise NotAskedAgain("nobody was asked: the prompt is too far from the labelled ones (judge.max_distance)")
    config = Config.model_validate(found.iteration.config)
    constitution = _constitution(config, judgment)
    said = [_said(store, found, config, name) for name in judgment.judged]
    texts = tuple(one.text for one in said)
    settings = config.judge
    if any(reply.order == "ba" for reply in judgment.replies):
        settings = settings.in_both_orders()  # as a measure and an audit ask, whatever is set
    judge: Judge = configured_judge(settings, constitution, judge_tokens(config))
    if judgment.target == "judgment":
        texts = (_answer_judged(store, found, judgment), *texts)
        judge = Meta(constitution, config.meta_judge.min_mass, config.meta_judge.strip_scores)
    item = Item(said[0].messages, texts, said[0].tags, judgment.seed)
    if not _as_then(judge, item, judgment):
        raise NotAskedAgain(f"it was asked in a way of this step's own ({judgment.method}), not in the run's")
    first = judge.ask(item, [])
    if not isinstance(judge, CommitFirst) or not judgment.replies:
        return first
    return (*first, *judge.ask(item, [(Text(judgment.replies[0].text, True),)]))


def as_document(question: Question) -> dict[str, Any]:
    """The question as JSON values: the conversation as sent, what the reply begins with, and the labels to choose."""
    kind = type(question).__name__.lower()
    messages = [{"role": one.role, "content": one.content} for one in question.messages]
    if isinstance(question, Write):
        return {"kind": kind, "messages": messages, "opening": question.opening}
    if isinstance(question, Choose):
        return {"kind": kind, "messages": messages, "opening": question.opening, "labels": list(question.labels)}
    return {"kind": kind, "messages": messages, "text": question.text}


def _as_then(judge: Judge, item: Item, judgment: Judgment) -> bool:
    """Whether this is the way in which the judgment says that it was made."""
    bare = judge.judge if isinstance(judge, CommitFirst) else judge
    principles = bare.read(item, ()).principles if isinstance(bare, Pairwise) else judgment.principles
    same = judge.method == judgment.method and principles == judgment.principles
    return same and judge.compares == len(item.texts)


def _constitution(config: Config, judgment: Judgment) -> Constitution:
    try:
        constitution = find_constitution(config.constitution)
    except ConfigError as error:
        raise NotAskedAgain(f"its constitution cannot be read: {error}") from error
    if constitution.digest != judgment.constitution:
        raise NotAskedAgain(f"constitution={config.constitution} says something else now than it did then")
    return constitution


def _said(store: Store, found: Found, config: Config, name: str) -> Said:
    for noun in ("responses", "revisions"):
        for row in _rows(store, found, noun):
            if row.digest == name and isinstance(row, Response | Revision):
                prompt = _prompt(store, found, row.prompt)
                return Said(prompt.messages, prompt.tags, row.text)
    for pair in anchor_pairs(config.measure.anchors):
        for side, text in zip(sides(pair), (pair.a, pair.b), strict=True):
            if side == name:
                return Said(pair.messages, pair.tags, text)
    for written, answer in _written(store, found):
        if written.digest == name:
            prompt = _prompt(store, found, answer.prompt)
            return Said(prompt.messages, prompt.tags, written.text)
    raise NotAskedAgain(f"the text {name} was made for this question alone and is not kept")


def _answer_judged(store: Store, found: Found, judgment: Judgment) -> str:
    return next(answer.text for written, answer in _written(store, found) if written.digest == judgment.judged[0])


def _written(store: Store, found: Found) -> Iterator[tuple[Any, Response]]:
    """Each written judgment of the step `judge`, as the step `meta` names it, and the answer that it is of."""
    outputs = found.link.outputs
    if "meta" not in outputs:
        return
    answers = {row.digest: row for row in store.all_rows("responses", store.output(outputs["generate"]))}
    judgments: Sequence[Judgment] = store.all_rows("judgments", store.output(outputs["judge"]))
    for one in written_judgments(judgments, answers):
        yield one, answers[one.response]


def _prompt(store: Store, found: Found, name: str) -> Prompt:
    for row in _rows(store, found, "prompts"):
        if row.digest == name and isinstance(row, Prompt):
            return row
    raise NotAskedAgain(f"the prompt {name} is not kept with this iteration")


def _rows(store: Store, found: Found, noun: str) -> Iterator[Any]:
    for name in found.link.outputs.values():
        yield from store.all_rows(noun, store.output(name))
