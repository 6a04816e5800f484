"""Texts that look like placeholders, templates or commands stay the texts that they are, all the way through. (H5)

How a question is filled is in tests/constitutions/test_fill.py, what a tokenizer makes of such texts in
tests/trainers/test_chat.py.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from constitutions.files import shipped
from loop.engine import stub
from loop.engine.protocol import Choose, Write
from loop.engine.stub import StubEngine
from loop.sources import read_prompts
from runs.store import Store
from tests.hostile.conftest import Types
from tests.loop.small import chain, run_small

TEXTS = (
    *(
        "{0.__class__}",
        "{0.__class__.__mro__[1].__subclasses__()}",
        "{request}",
        "{response}",
        "{principle}",
        "{}",
        "{{}}",
    ),
    *(
        "{{7*7}}",
        "{{ ''.__class__ }}",
        "{% for a in b %}",
        "{# gone #}",
        "%s",
        "%(request)s",
        "%n%n",
        "$(id)",
        "${HOME}",
    ),
    *("`id`", "$HOME", "\\1", "\\g<0>", "\\n", "f'{1}'", "<script>alert(1)</script>", "'; drop table prompts; --"),
)
Ran = tuple[Store, list[str], list[str]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run over hostile prompts, whose model answers with hostile words and whose constitution speaks of them: its
    store, what the model was asked to answer, and what the judge was asked."""
    folder = tmp_path_factory.mktemp("texts")
    rows = [{"prompt": f"say <{text}>", "split": split} for text in TEXTS for split in ("train", "held-out")]
    rows[1::2] = [row | {"prompt": f"held out: {row['prompt']}"} for row in rows[1::2]]
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    constitution = shipped("microworld").read_text(encoding="utf-8")
    first = "  expected: |-\n"
    assert first in constitution
    (folder / "own.yaml").write_text(constitution.replace(first, f"{first}    A note: %s {{{{7*7}}}} $(id) {{0}}\n"))
    answered: list[str] = []
    judged: list[str] = []
    really_run = StubEngine.run

    def run(engine: StubEngine, requests: Sequence[Any]) -> list[Any]:
        for request in requests:
            kept = {Write: answered, Choose: judged}.get(type(request))
            if kept is not None:
                kept.extend(message.content for message in request.messages)
        return really_run(engine, requests)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stub, "WORDS", TEXTS[: len(stub.WORDS)])
        patch.setattr(StubEngine, "run", run)
        store, outcome = run_small(
            folder / "home",
            iterations=1,
            prompts={"source": str(folder / "prompts.jsonl"), "count": len(TEXTS)},
            constitution=str(folder / "own.yaml"),
            measure={"prompts": 12, "anchors": None},
            gold={"enabled": False},
        )
    assert outcome.kind == "done"
    return store, answered, judged


def test_a_prompt_is_asked_as_it_was_written(ran: Ran) -> None:
    _, answered, _ = ran
    assert {f"say <{text}>" for text in TEXTS} <= set(answered)


def test_the_judge_is_shown_prompts_answers_and_its_own_question_as_they_are(ran: Ran) -> None:
    store, _, judged = ran
    outputs = chain(store)[1].outputs
    prompts = {prompt.digest: prompt for prompt in store.all_rows("prompts", store.output(outputs["prompts"]))}
    responses = store.all_rows("responses", store.output(outputs["generate"]))
    assert {text for text in TEXTS[: len(stub.WORDS)] for one in responses if text in one.text}
    for one in responses:
        asked = prompts[one.prompt].messages[-1].content
        assert any(asked in question and one.text in question for question in judged), (asked, one.text)
    assert all("A note: %s {{7*7}} $(id) {0}\n" in question for question in judged)


def test_what_is_stored_and_shown_is_what_was_written(ran: Ran, types: Types, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _, _ = ran
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    shown = json.loads(types("show", "r1@1/prompts", "--rows", "100", "--json").out)["tables"]["prompts"]["first"]
    assert {row["messages"][0]["content"] for row in shown} == {f"say <{text}>" for text in TEXTS}
    for row in shown:
        (text,) = (text for text in TEXTS if row["messages"][0]["content"] == f"say <{text}>")
        assert f"content=say <{text}>" in types("show", f"r1@1/prompts/{row['row']}").out


def test_a_prompt_file_of_such_texts_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "{0}%s$(id).jsonl"
    path.write_text("\n".join(json.dumps({"prompt": text}) for text in TEXTS), encoding="utf-8")
    assert [prompt.messages[0].content for prompt in read_prompts(path)] == list(TEXTS)
