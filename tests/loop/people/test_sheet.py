"""Sheets that people fill in, and what comes back in them."""

import csv
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from loop.people.batch import Batch, blind
from loop.people.choosing import Chosen, Offer
from loop.people.sheet import Bad, Filled, check_new_file, read_sheet, write_sheet
from runs.errors import ConfigError, UsageError
from tests.loop.people.made import asked, compared, judged, of_pair, prompt

BATCH = asked(compared(*(of_pair(0.9) for _ in range(5)), harm="obvious"))
ENDINGS = pytest.mark.parametrize("ending", ["csv", "jsonl"])


def fill(path: Path, labels: list[Any]) -> Path:
    """The sheet with these labels, as a person hands it in."""
    write_sheet(path, BATCH.questions)
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(r | {"label": one}) + "\n" for r, one in zip(rows, labels, strict=True)))
        return path
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    with path.open("w", newline="", encoding="utf-8-sig") as file:  # as a spreadsheet saves it
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(row | {"label": one} for row, one in zip(found, labels, strict=True))
    return path


def read(path: Path) -> tuple[list[Filled], list[Bad]]:
    return read_sheet(path, [BATCH])


@ENDINGS
def test_what_was_filled_in_comes_back(tmp_path: Path, ending: str) -> None:
    filled, bad = read(fill(tmp_path / f"sheet.{ending}", ["a", " B ", "tie", "", "skip"]))
    assert bad == []
    assert [(one.question, one.answer) for one in filled] == [
        (BATCH.questions[n], answer) for n, answer in ((0, "a"), (1, "b"), (2, "tie"), (4, "skip"))
    ]


@ENDINGS
def test_a_bad_line_is_named_and_the_others_are_kept(tmp_path: Path, ending: str) -> None:
    path = fill(tmp_path / f"sheet.{ending}", ["a", "left", "b", "a", "a"])
    path.write_text(path.read_text().replace(BATCH.questions[3].id, "q0000000000000000"))
    filled, bad = read(path)
    assert [one.question for one in filled] == [BATCH.questions[n] for n in (0, 2, 4)]
    assert [("left" in one.reason, "q0000000000000000" in one.reason) for one in bad] == [(True, False), (False, True)]
    assert all(one.place.startswith(f"{path}: line ") for one in bad)


@pytest.mark.parametrize("label", [1, True, ["a"], {"a": 1}, "a or b", "\uff41", "a\x00"])
def test_what_is_no_label_is_never_read_as_one(tmp_path: Path, label: Any) -> None:
    filled, bad = read(fill(tmp_path / "sheet.jsonl", [label, *[None] * 4]))
    assert filled == [] and len(bad) == 1


def test_two_answers_to_one_question_are_no_answer_twice(tmp_path: Path) -> None:
    path = tmp_path / "sheet.jsonl"
    name = BATCH.questions[0].id
    path.write_text("".join(json.dumps({"id": name, "label": label}) + "\n" for label in ("a", "a", "b")))
    filled, bad = read(path)
    assert [one.answer for one in filled] == ["a"]
    assert [one.place for one in bad] == [f"{path}: line 3"]


def test_a_line_that_is_no_json_costs_none_before_it(tmp_path: Path) -> None:
    path = tmp_path / "sheet.jsonl"
    path.write_text(json.dumps({"id": BATCH.questions[0].id, "label": "a"}) + "\n{\n")
    filled, (bad,) = read(path)
    assert len(filled) == 1
    assert f"{path}: line 2" in bad.reason


@pytest.mark.parametrize("row", ["[]", "1", "null", '{"id": "q"}', '{"label": "a"}', '{"id": [], "label": "a"}'])
def test_a_row_without_a_known_id_and_a_label_is_bad(tmp_path: Path, row: str) -> None:
    path = tmp_path / "sheet.jsonl"
    path.write_text(row)
    filled, bad = read(path)
    assert filled == [] and len(bad) == 1


@pytest.mark.parametrize("name", ["sheet.txt", "missing.csv", "missing.jsonl"])
def test_a_file_that_is_no_sheet_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        read(tmp_path / name)


def test_a_sheet_never_replaces_a_file_and_wants_an_ending_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("id,label\n")
    for path in (tmp_path / "there.csv", tmp_path / "sheet.xlsx", tmp_path / "nowhere" / "sheet.csv"):
        with pytest.raises(UsageError, match=path.name):
            check_new_file(path, ".csv", ".jsonl")


@ENDINGS
def test_red_team_questions_say_so_before_their_text(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"sheet.{ending}"
    write_sheet(path, BATCH.questions)
    shown = path.read_text()
    assert shown.count("harm=obvious") == 5
    assert shown.index("harm=obvious") < shown.index("question")


def test_a_cell_computes_nothing_and_steers_no_terminal(tmp_path: Path) -> None:
    p = prompt(0)
    texts = ('=HYPERLINK("http://x")', "\x1b[2J@SUM(1)\nsecond\u202e line")
    shown = judged({(p.digest, *texts): of_pair(0.5)}, [p])
    batch: Batch = blind(shown, [Chosen(Offer(p.digest, texts, {}), "uncertain")], "mixed", "")
    write_sheet(tmp_path / "sheet.csv", batch.questions)
    with (tmp_path / "sheet.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert {row["a"], row["b"]} == {"'" + texts[0], "'@SUM(1)\nsecond line"}
    controls = {c for c in (tmp_path / "sheet.csv").read_text() if unicodedata.category(c)[0] == "C"}
    assert controls <= {"\n", "\r"}
