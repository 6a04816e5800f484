"""The verbs that look: what they show of a store, to people and as JSON, and that they change nothing."""

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from loop.engine.stub import StubEngine
from loop.load_config import recipe_names
from runs.canonical import digest_folder
from runs.mlflow_mark import mlflow_folder
from runs.records import Message
from runs.store import Store
from tests.loop.small import run_small
from tests.runs.history import new_run, small_history

WAYS: list[dict[str, object]] = [
    {},
    {"judge__method": "expected"},
    {"judge__method": "pairwise", "judge__principles": "3"},
    {"judge__method": "pairwise_reasoned", "judge__replies": "2"},
    {"judge__method": "rubric", "judge__commit_first": "true"},
]


OF_WHAT = {"expected": "(of all scores of the scale together;", "pairwise": "(that the first of the two is better,"}
"""What a judgment's probability is said to be, by its method."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_history(tmp_path_factory.mktemp("looking") / "home").home


class Cli:
    """Runs the command line over a home."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def text(self, *words: str, code: int = 0) -> str:
        assert main(words) == code
        return self.capsys.readouterr().out

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.text(*words, "--json", code=code))


@pytest.fixture
def cli(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("SELFSAME_HOME", str(home))
    return Cli(capsys)


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A run of the stub's, whose rows name each other as real ones do."""
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "texts"))
    return run_small(tmp_path / "texts", iterations="1", gold__enabled="false")[0]


def test_status_says_what_each_run_is_at_and_what_is_under_way(cli: Cli) -> None:
    said = cli.json("status")
    r1, r2 = said["runs"]
    assert (r1["run"], r1["iteration"], r1["decision"], r1["under_way"]) == ("r1", 2, "promote", ["prompts"])
    assert (r2["run"], r2["iteration"], r2["under_way"]) == ("r2", 2, [])
    assert said["pid"] is None
    told = cli.text("status")
    assert "Nobody is at work here" in told
    assert {name for name in ("r1", "r2") if f"`selfsame resume {name}`" in told} == {
        one["run"] for one in said["runs"] if one["next"]
    }


def test_status_names_the_process_that_is_at_work(cli: Cli, home: Path) -> None:
    with Store(home).lock():
        assert cli.json("status")["pid"] == os.getpid()


def test_a_log_is_newest_first_with_decisions_and_headlines(cli: Cli) -> None:
    said = cli.json("log", "r1")
    assert [one["index"] for one in said["r1"]] == [2, 1, 0]
    assert said["r1"][0]["metrics"]["policy/kl_to_seed_nats"] == 0.5
    shown = cli.text("log", "r1").splitlines()
    assert shown[0] == "r1"
    assert "KL to seed" in shown[1] and "pairs" in shown[1]
    assert shown[2].split()[0] == "2"


def test_a_log_without_a_name_holds_every_run(cli: Cli) -> None:
    assert set(cli.json("log")) == {"r1", "r2"}


def test_an_iteration_is_shown_with_its_decision_evidence_and_steps(cli: Cli) -> None:
    said = cli.json("show", "r1@1")
    assert (said["address"], said["decision"], said["made by"]) == ("r1@1", "promote", "r1")
    assert "gold" in said["outputs"] and said["metrics"]["gold/mean"] == 4.5
    assert said["evidence"][0]["guard"] == "kl"
    assert "every guard passed" in cli.text("show", "r1@1")


def test_a_bare_name_is_the_last_iteration_and_an_inherited_one_says_who_made_it(cli: Cli) -> None:
    assert cli.json("show", "r1")["address"] == "r1@2"
    assert cli.json("show", "r2@1")["made by"] == "r1"


def test_a_step_is_shown_with_rows_under_the_numbers_that_address_them(cli: Cli) -> None:
    said = cli.json("show", "r1@1/judge", "--rows", "2")
    judgments = said["tables"]["judgments"]
    assert judgments["rows"] == 4
    assert [row["row"] for row in judgments["first"]] == [0, 1]
    for row in judgments["first"]:
        assert cli.json("show", f"r1@1/judge/{row['row']}")["digest"] == row["digest"]


def test_a_row_is_shown_whole(cli: Cli) -> None:
    shown = cli.text("show", "r1@1/generate/0")
    said = cli.json("show", "r1@1/generate/0")
    assert f"digest: {said['digest']}" in shown
    assert "token_ids: 5 6 2" in shown and "text: 1 0" in shown
    assert said["adapter"] and said["by"] == "base"


def test_a_pair_and_a_judgment_are_shown_with_the_texts_that_they_are_about(cli: Cli, texts: Store) -> None:
    run = texts.runs()[0]
    outputs = {step: texts.output(name) for step, name in texts.iteration(run.iteration).outputs.items()}
    text = {row.digest: row.text for row in texts.all_rows("responses", outputs["generate"])}
    prompt = {row.digest: row.messages[-1].content for row in texts.all_rows("prompts", outputs["prompts"])}
    said = cli.json("show", "r1@1/pair/0")
    assert said["texts"] == {
        "prompt": f"user: {prompt[said['prompt']]}",
        "chosen": text[said["chosen"]],
        "rejected": text[said["rejected"]],
    }
    assert f"text of chosen: {text[said['chosen']].splitlines()[0]}" in cli.text("show", "r1@1/pair/0")
    said = cli.json("show", "r1@1/judge/0")
    assert said["texts"] == {"judged 1": text[said["judged"][0]]}


@pytest.mark.parametrize("way", WAYS)
def test_a_judgment_is_shown_with_the_judges_whole_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli, way: dict[str, object]
) -> None:
    sent: set[tuple[Any, ...]] = set()
    run = StubEngine.run

    def noting(self: StubEngine, requests: Sequence[Any]) -> list[Any]:
        sent.update(request.messages for request in requests)
        return run(self, requests)

    monkeypatch.setattr(StubEngine, "run", noting)
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "h"))
    small = {"iterations": "1", "gold__enabled": "false", "prompts__count": "6", "guards__max_unscored_frac": "1"}
    run_small(tmp_path / "h", **(small | way))
    for step, row in (("judge", 3), ("measure", 0), ("measure", -1)):
        table = cli.json("show", f"r1@1/{step}")["tables"]["judgments"]
        number = table["first"][0]["row"] + row % table["rows"]
        shown = cli.json("show", f"r1@1/{step}/{number}")
        assert shown["not_asked_again"] is None
        for question in shown["asked"]:
            assert tuple(Message(one["role"], one["content"]) for one in question["messages"]) in sent
        assert len(shown["asked"]) >= max(1, len(shown["replies"]))
        said = cli.text("show", f"r1@1/{step}/{number}")
        assert "[asked 1: user]" in said
        (probability,) = (line for line in said.splitlines() if line.startswith("probability: "))
        if shown["method"] in OF_WHAT:
            assert OF_WHAT[shown["method"]] in probability


def test_a_question_that_cannot_be_made_again_says_why(cli: Cli) -> None:
    assert "is not shown: constitution=" in cli.text("show", "r1@1/judge/3")


@pytest.mark.parametrize(
    ("address", "facts"),
    [
        ("r9", ["r9", "r1", "r2"]),
        ("r1@7", ["r1@7", "0 to 2"]),
        ("r1@1/juge", ["juge", "judge"]),
        ("r1@1/judge/99", ["0 to 3"]),
        ("r1@x", ["r1@x", "NAME@3/judge"]),
    ],
)
def test_an_address_that_does_not_exist_exits_2_with_what_does(cli: Cli, address: str, facts: list[str]) -> None:
    said = cli.json("show", address, code=2)
    assert all(fact in said["error"] for fact in facts), said["error"]


def test_a_query_answers_in_columns_and_rows(cli: Cli) -> None:
    sql = "select run, count(*) as n from judgments where adapter is not null group by run order by run"
    said = cli.json("query", sql)
    assert said["columns"] == ["run", "n"]
    assert [row[0] for row in said["rows"]] == ["r1", "r2"]
    assert cli.text("query", sql).splitlines()[0].split() == ["run", "n"]


def test_looking_changes_no_byte(cli: Cli, home: Path) -> None:
    before = digest_folder(home)
    for words in (["status"], ["log"], ["show", "r1"], ["show", "r1@1/judge"], ["query", "select 1"], ["verify"]):
        cli.text(*words)
    assert digest_folder(home) == before


def test_a_changed_byte_is_named_and_exits_74(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = small_history(tmp_path / "home")
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    cli = Cli(capsys)
    assert cli.json("verify") == {"problems": [], "pruned": []}
    path = store.object_path(store.output(store.iteration(store.runs()[0].iteration).outputs["judge"]).digest)
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(bytes(data))
    problems = cli.json("verify", code=74)["problems"]
    assert str(path) in {problem["file"] for problem in problems}
    assert str(path) in cli.text("verify", code=74)


def test_recipes_are_listed_and_shown(cli: Cli) -> None:
    assert [recipe["name"] for recipe in cli.json("recipes")] == recipe_names()
    assert cli.json("recipes", "show", "self-rewarding", "train.beta=0.2")["config"]["train"]["beta"] == 0.2
    assert "2401.10020" in cli.text("recipes", "show", "self-rewarding")


def test_the_doctor_says_what_this_machine_can_run(cli: Cli) -> None:
    said = {finding["subject"]: finding for finding in cli.json("doctor")}
    assert {"python", "cores", "memory", "disk", "GPU", "vLLM", "torch", "largest model", "the demo"} <= set(said)
    assert "billion parameters" in said["largest model"]["says"]


def test_a_bug_is_one_line_with_the_place_of_its_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    with store.lock():
        store.move(replace(new_run("r1"), operational={}))  # what no verb writes and none foresees
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    assert main(["status"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    traceback = Path(shown.err.split()[-1])
    assert "KeyError" in traceback.read_text()
    traceback.unlink()


def test_mlflow_without_a_run_says_what_to_do_first(cli: Cli) -> None:
    assert "selfsame run" in cli.json("mlflow", code=2)["error"]


def test_a_port_that_is_taken_is_refused_with_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    mlflow_folder(tmp_path).mkdir(parents=True)
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"--port {port + 1}" in cli.json("mlflow", "--port", str(port), code=2)["error"]
