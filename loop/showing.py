"""What `selfsame show` says about an iteration, a step and a row: as a document, and as text for people."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from loop.summary import metrics_of
from loop.terminal import block, cell, harmless, table
from runs.counted import counted
from runs.lineage import Found, decision_of, made_by
from runs.records import Judgment, Prompt, Response, Revision
from runs.store import Store

ORDER = (
    *("seed", "red_team", "prompts", "generate", "revise", "judge", "pair", "meta"),
    *("train_judge", "preference", "train", "measure"),
    *("prove", "capability", "audit", "drift", "decide"),
    "gold",
)
"""The steps in the order in which they are done."""

VERDICTS = {None: "not scored", True: "accepted", False: "still flawed"}
"""What is said of a revision that can be used; without `revise.accept_score` nobody scores it."""


FIRST_IS_BETTER = "that the first of the two is better, before votes are clamped"
OF_WHAT = {
    "expected": "of all scores of the scale together; the score is their mean by these probabilities",
    "propositions": "of yes and no together, of the proposition where it was least",
    "rubric": "the confidence that the replies state, on average",
    **dict.fromkeys(("pairwise", "pairwise_reasoned", "meta"), FIRST_IS_BETTER),
}
"""What a judgment's `probability` is, by the method."""


@dataclass(frozen=True)
class Shown:
    """The same facts twice: JSON values, and lines."""

    document: dict[str, Any]
    text: str


def iteration(store: Store, found: Found) -> Shown:
    """Who made the iteration, what was decided on which evidence, and what each step gave."""
    turn, run = found.iteration, found.run
    decision = decision_of(store, turn)
    outputs = found.link.outputs
    metrics = metrics_of(store, found.link)
    facts = {
        "address": f"{run.name}@{turn.index}",
        "made by": made_by(run, turn.index),
        "digest": turn.digest,
        "parent": turn.parent or None,
        "policy": turn.policy,
        "decision": decision["verdict"],
        "reason": decision["reason"],
    }
    document = {
        **facts,
        "evidence": decision["evidence"],
        "config_changes": decision["config_changes"],
        "outputs": outputs,
        "metrics": metrics,
        "config": turn.config,
    }
    columns = ["guard", "passed", "action", "metric", "observed", "side", "limit", "reference", "against"]
    shown = [[one.get(column) for column in columns] for one in decision["evidence"]]
    changes = decision["config_changes"]
    text = [
        _facts(
            facts | ({"brakes": ", ".join(f"{leaf}={value}" for leaf, value in changes.items())} if changes else {})
        ),
        *([table(columns, shown)] if shown else []),
        table(["step", "output"], sorted(outputs.items(), key=lambda item: ORDER.index(item[0]))),
        table(["metric", "value"], sorted(metrics.items())),
        f"Rows of a step: selfsame show {run.name}@{turn.index}/measure",
    ]
    return Shown(document, "\n\n".join(text))


def step(store: Store, found: Found, most: int) -> Shown:
    """The step's values, and the first `most` rows of each of its tables under the numbers that address them."""
    assert found.output is not None
    address = f"{found.run.name}@{found.iteration.index}/{found.step}"
    text = [_facts({"address": address, "digest": found.output.digest})]
    tables: dict[str, Any] = {}
    first = 0
    for noun in sorted(found.output.tables):
        records = store.all_rows(noun, found.output)
        head = records[:most]
        numbered = [{"row": first + n, "digest": record.digest, **asdict(record)} for n, record in enumerate(head)]
        tables[noun] = {"rows": len(records), "first": numbered}
        text.append(f"{noun}: {counted(len(records), 'row')}" + (f", the first {most}" if len(records) > most else ""))
        if head:
            columns = ["row", *_telling(head)]
            text.append(table(columns, [[one[column] for column in columns] for one in numbered]))
            text.append(f"One of them whole: selfsame show {address}/{first}")
        first += len(records)
    metrics = found.output.metrics
    if metrics:
        text.append(table(["metric", "value"], sorted(metrics.items())))
    document = {"address": address, "digest": found.output.digest, "tables": tables, "values": found.output.values}
    return Shown(document, "\n\n".join(text))


def row(store: Store, found: Found) -> Shown:
    """Every field of a row, unshortened, with the texts that it names by digest; a revision under its trail."""
    assert found.row is not None
    if isinstance(found.row, Revision):
        return _revision(store, found, found.row)
    values = asdict(found.row)  # type: ignore[call-overload]
    document = {"noun": found.noun, "digest": found.row.digest, **values}
    texts = _texts(store, found, values)
    notes = {"probability": _of_what(found.row)} if isinstance(found.row, Judgment) else {}
    lines = [f"{name}: {_whole(value)}{notes.get(name, '')}" for name, value in document.items()]
    lines += [f"text of {name}: {block(text)}" for name, text in texts.items()]
    if not isinstance(found.row, Judgment):
        return Shown(document | {"texts": texts}, "\n".join(lines))
    of_judge = _judge_asked(store, found, found.row)
    return Shown(document | {"texts": texts} | of_judge.document, "\n".join([*lines, "", of_judge.text]))


def _of_what(judgment: Judgment) -> str:
    """What the judge's probability is, in brackets; "" where it has none."""
    said = OF_WHAT.get(judgment.method.removeprefix("commit_first_"))
    return f" ({said})" if said and judgment.probability is not None else ""


def _judge_asked(store: Store, found: Found, judgment: Judgment) -> Shown:
    """What the judge was asked, as cards: the whole conversation as it was sent, before the model's own template."""
    from loop.asked import NotAskedAgain, as_document, asked  # judges, which no other look needs

    try:
        questions = [as_document(question) for question in asked(store, found, judgment)]
    except NotAskedAgain as reason:
        return Shown(
            {"asked": None, "not_asked_again": str(reason)}, f"What the judge was asked is not shown: {reason}."
        )
    cards = []
    for nth, question in enumerate(questions, start=1):
        for message in question["messages"]:
            cards.append(f"[asked {nth}: {message['role']}]\n    | {block(message['content'])}")
        wanted = [f"{name}: {_whole(question[name])}" for name in ("opening", "labels", "text") if question.get(name)]
        cards.append(f"[asked {nth} to {question['kind']}] {'; '.join(wanted)}".rstrip())
    return Shown({"asked": questions, "not_asked_again": None}, "\n".join(cards))


def _texts(store: Store, found: Found, values: dict[str, Any]) -> dict[str, str]:
    """What the row calls by a digest, in words: the prompt, the answers; those that the iteration holds."""
    called = {values[name]: name for name in ("prompt", "chosen", "rejected") if name in values}
    called |= {digest: f"judged {nth}" for nth, digest in enumerate(values.get("judged", ()), start=1)}
    texts: dict[str, str] = {}
    for name in found.link.outputs.values():
        if len(texts) == len(called):
            break
        output = store.output(name)
        for noun in ("prompts", "responses"):
            rows = store.all_rows(noun, output)
            texts |= {called[one.digest]: _text(one) for one in rows if one.digest in called}
    return {name: texts[name] for name in called.values() if name in texts}


def _text(record: Prompt | Response) -> str:
    if isinstance(record, Response):
        return record.text
    return "\n".join(f"{message.role}: {message.content}" for message in record.messages)


def _revision(store: Store, found: Found, last: Revision) -> Shown:
    """A revision with its trail as cards: the request, the draft, and each pass up to it."""
    assert found.output is not None
    outputs = found.link.outputs
    prompts: list[Prompt] = store.all_rows("prompts", store.output(outputs["prompts"]))
    drafts: list[Response] = store.all_rows("responses", store.output(outputs["generate"]))
    revisions: list[Revision] = store.all_rows("revisions", found.output)
    request = next(prompt.messages for prompt in prompts if prompt.digest == last.prompt)
    draft = next(draft for draft in drafts if draft.digest == last.draft)
    trail = sorted((one for one in revisions if one.draft == last.draft and one.nth <= last.nth), key=lambda r: r.nth)
    cards = [*((f"request: {message.role}", message.content) for message in request), ("draft", draft.text)]
    for one in trail:
        if one.critique_stop is not None:
            cards.append((f"critique {one.nth}: {one.principle}", one.critique))
        cards.append((f"revision {one.nth}: {one.unusable or VERDICTS[one.accepted]}", one.text))
    document = {"noun": found.noun, "digest": last.digest, **asdict(last)}
    document["trail"] = [{"card": title, "text": text} for title, text in cards]
    shown = [f"[{harmless(title)}]\n    | {block(text)}" for title, text in cards]
    facts = {name: value for name, value in document.items() if name not in ("text", "critique", "trail")}
    return Shown(document, "\n".join([*shown, "", *(f"{name}: {_whole(value)}" for name, value in facts.items())]))


def _whole(value: Any) -> str:
    """A value unshortened; texts and objects of a list each on a line of their own."""
    if isinstance(value, str):
        return block(value)
    if isinstance(value, dict):
        return ", ".join(f"{harmless(name)}={_whole(inner)}" for name, inner in value.items()) or "-"
    if not isinstance(value, tuple | list):
        return cell(value)
    if any(isinstance(item, str | dict) for item in value):
        return "".join(f"\n  - {_whole(item)}" for item in value)
    return " ".join(cell(item) for item in value) or "-"


def _facts(facts: dict[str, Any]) -> str:
    width = max(map(len, facts))
    return "\n".join(f"{name:<{width}}  {'-' if value is None else block(str(value))}" for name, value in facts.items())


def _telling(records: list[Any]) -> list[str]:
    """The maker and the fields that differ between the rows: what all share says nothing in a table."""
    names = [field.name for field in fields(records[0])]
    return [
        name
        for name in names
        if len(records) == 1 or len({repr(getattr(record, name)) for record in records}) > 1 or name == "adapter"
    ]
