"""`selfsame label ...` over a run of the stub engine: in the terminal, by sheets, and what comes of it."""

import csv
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from loop.anchors import anchor_pairs
from loop.cli import app, main
from loop.people import kept
from loop.people.batch import Batch
from loop.people.consensus import labelled
from runs.canonical import digest_folder
from runs.gc import collect, garbage
from runs.lineage import find_run, iterations
from runs.store import Store
from runs.verify import verify
from tests.loop.small import run_small

Types = Callable[..., Any]
Terminal = Callable[..., str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a run whose judge compares."""
    return run_small(
        tmp_path_factory.mktemp("people") / "home",
        iterations=1,
        judge__method="pairwise",
        prompts={"count": "40"},
        generate={"samples": "2"},
        measure={"prompts": "4", "anchors": None},
        gold={"enabled": False},
    )[0].home


@pytest.fixture
def home(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home as the run left it: without questions and answers."""
    for path in (run / "control").glob("labels*"):
        path.unlink()
    monkeypatch.setenv("SELFSAME_HOME", str(run))
    return run


@pytest.fixture
def types(home: Path, capsys: pytest.CaptureFixture[str]) -> Types:
    """Somebody who types a command and reads the JSON it prints."""

    def type_in(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main(["label", *words, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return type_in


@pytest.fixture
def terminal(home: Path) -> Terminal:
    """Somebody who answers in the terminal; returns what was shown."""

    def answer(*typed: str, words: tuple[str, ...] = ("--n", "4", "--by", "uncertain", "--source", "ann")) -> str:
        done = CliRunner().invoke(app, ["label", "next", "r1", *words], input="".join(f"{one}\n" for one in typed))
        assert done.exception is None, done.output
        return done.output

    return answer


def only(home: Path) -> Batch:
    (batch,) = kept.batches(home)
    return batch


def given(home: Path) -> list[tuple[str, str, bool]]:
    return [(one.source, one.answer, one.reasons_seen) for one in only(home).given]


def fill(path: Path, labels: Callable[[int], str]) -> None:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"label": labels(n)} for n, row in enumerate(rows))


# ---- the terminal


def unfolded(home: Path, terminal: Terminal) -> int:
    """Lay questions before ann and return the place of the first without a warning; those before it are skipped."""
    terminal("q")
    place = next(n for n, question in enumerate(only(home).questions) if not question.warning)
    if place:
        terminal(*["skip"] * place, "q")
    return place


def test_an_answer_is_kept_before_the_next_question_is_asked(home: Path, terminal: Terminal) -> None:
    place = unfolded(home, terminal)
    terminal("a")  # and nothing more: the terminal is closed
    assert given(home)[place:] == [("ann", "a", False)]


def test_the_same_command_goes_on_after_the_last_answer(home: Path, terminal: Terminal) -> None:
    place = unfolded(home, terminal)
    terminal("tie", "", "q")
    left = only(home).open("ann")
    assert left == list(only(home).questions[place + 1 :])
    assert f"--- 1 of {len(left)}" in terminal("q")


def test_the_judges_reasons_are_shown_only_after_the_first_answer(home: Path, terminal: Terminal) -> None:
    place = unfolded(home, terminal)
    before = terminal("nonsense", "q")
    assert "probability" not in before and "principle" not in before
    shown = terminal("a", "r", "b", "q")
    assert "is better with probability" in shown.split("Kept: a")[1]
    assert "probability" not in shown.split("Kept: a")[0]
    assert given(home)[place:] == [("ann", "a", False), ("ann", "a", True), ("ann", "b", True)]
    (pair,) = labelled(kept.batches(home))
    assert (pair.blind, pair.final) == ({"ann": "a"}, {"ann": "b"})


def test_nothing_shown_says_who_wrote_what_or_why_it_was_chosen(home: Path, terminal: Terminal) -> None:
    shown = terminal("q", words=("--by", "mixed", "--source", "ann"))
    for word in ("disputed", "uncertain", "outlying", "high-stakes", "chosen", "rejected", "s1:", "score"):
        assert word not in shown, word


def test_what_provokes_harm_is_shown_only_when_it_is_asked_for(home: Path, terminal: Terminal) -> None:
    words = ("--by", "high-stakes", "--n", "4", "--source", "ann")
    folded = terminal("q", words=words)
    question = only(home).questions[0]
    assert "harm=" in folded
    assert question.messages[-1].content not in folded and question.a not in folded
    unfolded = terminal("", "skip", "q", words=words)
    assert question.messages[-1].content in unfolded and question.a in unfolded


def test_no_control_character_reaches_the_terminal(home: Path, terminal: Terminal) -> None:
    terminal("q")
    path = next((home / "control").glob("labels-*.json"))
    batch, steering = only(home), "\x1b[2J\x1b]0;title\x07\u202e\x00"
    path.unlink()
    questions = tuple(
        type(q)(**{**vars(q), "a": f"{steering}x\r\n--- 9 of 9", "tags": {"harm": steering}}) for q in batch.questions
    )
    kept.issue(home, type(batch)(batch.address, batch.iteration, batch.by, batch.source, questions))
    shown = terminal("", "a", "", "q")
    assert {c for c in shown if unicodedata.category(c)[0] == "C"} == {"\n"}
    assert "    | --- 9 of 9" in shown.splitlines()


# ---- sheets


def test_a_filled_sheet_is_stored_and_the_judge_is_held_against_it(home: Path, types: Types, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    assert types("next", "r1@1", "--sheet", str(sheet))["pairs"] == len(sheet.read_bytes().split(b"\r\n")) - 2
    fill(sheet, lambda n: "ab"[n % 2])
    said = types("add", str(sheet), "--source", "ann")
    assert said["answers"] == said["new"] > 10 and said["refused"] == []
    assert {one.source for one in only(home).given} == {"ann"}
    assert all(one.time for one in only(home).given)
    (about,) = said["reports"]
    assert about == types("report", "r1@1")
    assert about["blind"]["n"] == said["answers"] and about["not_judged"] == 0
    assert about["temperature"]["n"] > 0


def test_a_sheet_added_twice_changes_nothing_and_a_corrected_one_counts(
    home: Path, types: Types, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.csv"
    types("next", "r1", "--n", "3", "--sheet", str(sheet))
    fill(sheet, lambda n: "a")
    types("add", str(sheet), "--source", "ann")
    before = digest_folder(home / "control")
    assert types("add", str(sheet), "--source", "ann")["new"] == 0
    assert digest_folder(home / "control") == before
    fill(sheet, lambda n: "b" if n == 1 else "a")
    assert types("add", str(sheet), "--source", "ann")["new"] == 1
    assert [one.answer for one in only(home).given] == ["a", "a", "a", "b"]


def test_bad_lines_exit_78_and_the_good_ones_are_kept(home: Path, types: Types, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    types("next", "r1", "--n", "3", "--sheet", str(sheet))
    fill(sheet, lambda n: ("a", "yes", "b")[n])
    said = types("add", str(sheet), "--source", "ann", code=78)
    assert said["new"] == 2
    assert [str(sheet) in one["place"] and "yes" in one["reason"] for one in said["refused"]] == [True]


def test_a_sheet_asks_nothing_that_somebody_has_answered(home: Path, types: Types, tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        types("next", "r1", "--n", "5", "--sheet", str(tmp_path / name))
        fill(tmp_path / name, lambda n: "tie")
        types("add", str(tmp_path / name), "--source", "ann")
    assert len(labelled(kept.batches(home))) == 10


def test_two_people_in_the_terminal_get_the_same_pairs(home: Path, types: Types, terminal: Terminal) -> None:
    for person in ("ann", "bob"):
        terminal("q", words=("--n", "6", "--by", "uncertain", "--source", person))
    ann, bob = kept.batches(home)
    assert {q.pair for q in ann.questions} == {q.pair for q in bob.questions}


def test_questions_can_be_taken_as_json_and_are_as_blind(types: Types) -> None:
    said = types("next", "r1", "--n", "2")
    assert said["pairs"] == 2
    assert [set(question) for question in said["questions"]] == [{"id", "warning", "messages", "a", "b"}] * 2


# ---- what comes of it


def test_labels_become_anchors_that_the_next_run_is_held_against(home: Path, types: Types, tmp_path: Path) -> None:
    anchors, pairs = tmp_path / "anchors.jsonl", tmp_path / "pairs.jsonl"
    types("next", "r1", "--n", "12", "--sheet", str(tmp_path / "sheet.csv"))
    fill(tmp_path / "sheet.csv", lambda n: ("a", "b", "tie")[n % 3])
    types("add", str(tmp_path / "sheet.csv"), "--source", "ann")
    assert types("export", "--anchors", str(anchors), "--pairs", str(pairs))["written"] == {
        str(anchors): 12,
        str(pairs): 8,
    }
    seed = iterations(Store(home), find_run(Store(home), "r1"))[0]
    assert [(one.a_by, one.b_by) for one in anchor_pairs(str(anchors))] == [(seed.policy, seed.policy)] * 12
    assert all(json.loads(line)["source"] == "person:ann" for line in anchors.read_text().splitlines())
    assert {json.loads(line)["label_source"] for line in pairs.read_text().splitlines()} == {"person:ann"}
    store, _ = run_small(
        tmp_path / "home",
        iterations=0,
        judge__method="pairwise",
        measure={"prompts": "2", "anchors": str(anchors)},
        gold={"enabled": False},
    )
    measured = store.output(store.iteration(store.runs()[0].iteration).outputs["measure"]).metrics
    assert 0 < (measured["judge/anchor_decided"] or 0) <= 8


def test_labels_outlive_the_run_and_the_collection_of_garbage(home: Path, types: Types, tmp_path: Path) -> None:
    types("next", "r1", "--n", "3", "--sheet", str(tmp_path / "sheet.csv"))
    fill(tmp_path / "sheet.csv", lambda n: "a")
    types("add", str(tmp_path / "sheet.csv"), "--source", "ann")
    store = Store(home)
    assert verify(store) == []
    with store.lock():
        collect(store, garbage(store))
    assert len(labelled(kept.batches(home))) == 3
    assert verify(store) == []


def test_people_can_answer_while_a_run_is_at_work(home: Path, types: Types, terminal: Terminal) -> None:
    with Store(home).lock():
        unfolded(home, terminal)
        terminal("a", "", "q")
    assert given(home)[-1] == ("ann", "a", False)


# ---- what is refused


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (("next", "r1@0"), ["r1@0", "seed"]),
        (("next", "r1@1/judge"), ["r1@1/judge", "r1@1"]),
        (("next", "r9"), ["r9"]),
        (("next", "r1", "--by", "random"), ["random", "mixed"]),
        (("next", "r1", "--n", "0"), ["--n", "1"]),
        (("next", "r1", "--sheet", "sheet.xlsx"), ["sheet.xlsx", ".csv"]),
        (("next", "r1", "--source", "ann"), ["--source"]),
        (("add", "sheet.csv", "--source", "a\x1b[2Jb"), ["--source"]),
        (("add", "sheet.csv", "--source", ""), ["--source"]),
        (("report", "r1@0"), ["r1@0"]),
        (("export",), ["--anchors", "--pairs"]),
        (("export", "--anchors", "one.jsonl", "--pairs", "one.jsonl"), ["one.jsonl"]),
        (("export", "--anchors", "one.csv"), ["one.csv", ".jsonl"]),
        (("export", "--anchors", "one.jsonl"), ["label next"]),
    ],
)
def test_a_mistake_exits_2_and_leaves_nothing_behind(
    home: Path, types: Types, words: tuple[str, ...], facts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = types(*words, code=2)["error"]
    assert all(fact in said for fact in facts), said
    assert kept.batches(home) == [] and list(tmp_path.iterdir()) == []


def test_a_reason_that_speaks_for_no_pair_left_is_refused(home: Path, types: Types, tmp_path: Path) -> None:
    types("next", "r1", "--by", "high-stakes", "--sheet", str(tmp_path / "sheet.csv"))
    fill(tmp_path / "sheet.csv", lambda n: "a")
    types("add", str(tmp_path / "sheet.csv"), "--source", "ann")
    said = types("next", "r1", "--by", "high-stakes", code=2)["error"]
    assert "high-stakes" in said and "--by" in said
