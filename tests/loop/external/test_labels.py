"""Other people's judgments at the door, and their audit."""

import csv
import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from judges.audit.records import JudgedPair
from loop.cli import main
from loop.external.labels import Labels, read_labels
from runs.canonical import digest_file
from runs.errors import ConfigError
from runs.records import Unscored

ROW = {"instruction": "add 2 and 3", "output_1": "5", "output_2": "it is 6", "preference": 1}


def written(folder: Path, *rows: Any, suffix: str = "jsonl") -> Path:
    path = folder / f"judgments.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    elif suffix == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def read(folder: Path, *rows: Any, **named: str) -> Labels:
    return read_labels(written(folder, *rows), named, None)


def chances(found: Labels) -> list[Any]:
    return [pair.ab for pair in found.pairs]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet", "csv"])
def test_every_format_says_the_same(tmp_path: Path, suffix: str) -> None:
    rows = [ROW | {"preference": 1.25}, ROW | {"instruction": 'again\n, "then"', "preference": 2.0}]
    found = read_labels(written(tmp_path, *rows, suffix=suffix), {}, None)
    assert found.pairs == (JudgedPair(None, 0.75, None, 1, 7), JudgedPair(None, 0.0, None, 1, 7))


def test_a_pair_seen_both_ways_round_has_two_chances_of_the_same_answer(tmp_path: Path) -> None:
    crossed = ROW | {"output_1": ROW["output_2"], "output_2": ROW["output_1"], "preference": 1.9}
    (pair,) = read(tmp_path, ROW | {"preference": 1.2}, crossed).pairs
    assert pair.ab == pytest.approx(0.8)  # "5" was shown first
    assert pair.ba == pytest.approx(0.9)  # "5" was shown second


def test_the_same_judgment_made_again_is_a_repetition_and_no_pair_of_its_own(tmp_path: Path) -> None:
    found = read(tmp_path, ROW, ROW | {"preference": 2})
    assert len(found.pairs) == 1
    assert [(one.first, one.again) for one in found.repeated] == [(1.0, 0.0)]


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("model_a", "model_b"), ("A", "B"), ("left", "right")])
def test_words_that_name_a_side_are_read(tmp_path: Path, first: str, second: str) -> None:
    found = read(
        tmp_path, *(ROW | {"instruction": w, "preference": w} for w in (first, second, "tie", "tie (bothbad)"))
    )
    assert chances(found) == [1.0, 0.0, 0.5, 0.5]


def test_no_verdict_is_no_tie(tmp_path: Path) -> None:
    found = read(tmp_path, *(ROW | {"instruction": str(p), "preference": p} for p in (None, 2, 0, float("nan"), "")))
    assert chances(found) == [Unscored.NO_VERDICT, 0.0, 0.5, Unscored.NO_VERDICT, Unscored.NO_VERDICT]


def test_labels_are_held_against_preferences_on_the_same_scale(tmp_path: Path) -> None:
    rows = [
        ROW | {"instruction": str(n), "preference": p, "label": label}
        for n, (p, label) in enumerate([(1, 2), (2, 1.5)])
    ]
    assert [(pair.ab, pair.label) for pair in read(tmp_path, *rows).pairs] == [(1.0, "b"), (0.0, "tie")]


def labelled(*pairs: tuple[Any, Any]) -> list[dict[str, Any]]:
    """Rows by preference and label."""
    return [ROW | {"instruction": str(n), "preference": p, "label": label} for n, (p, label) in enumerate(pairs)]


def test_labels_may_name_the_outputs_in_other_words_than_the_preferences(tmp_path: Path) -> None:
    found = read(tmp_path, *labelled(("a", "left"), ("b", "right"), ("b", "left"), ("tie", None)))
    assert [(pair.ab, pair.label) for pair in found.pairs] == [(1.0, "a"), (0.0, "b"), (0.0, "a"), (0.5, None)]
    path = written(tmp_path, *labelled((1, 1), (0.25, 2), (0, 2)))
    found = read_labels(path, {}, ("1", "0"))
    assert [(pair.ab, pair.label) for pair in found.pairs] == [(1.0, "a"), (0.25, "b"), (0.0, "b")]


def test_the_ends_of_labels_alone_can_be_turned(tmp_path: Path) -> None:
    path = written(tmp_path, *labelled((1, 1), (2, 1), (2, 2)))
    assert [pair.label for pair in read_labels(path, {}, None).pairs] == ["a", "a", "b"]
    turned = read_labels(path, {}, None, ("2", "1"))
    assert [(pair.ab, pair.label) for pair in turned.pairs] == [(1.0, "b"), (0.0, "b"), (0.0, "a")]


def test_what_the_labels_mean_can_be_said_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(written(tmp_path, *labelled(*([(1, 1), (2, 2)] * 20))))
    ends = ["--label-first", "2", "--label-second", "1"]
    assert main(["audit", "labels", path, *ends, "--json"]) == 0
    audit = json.loads(capsys.readouterr().out)["audit"]
    assert audit["statistics"]["label/accuracy"]["value"] == 0
    assert audit["audited"]["labels"] == "2.0 where the first output is better, 1.0 where the second is"
    assert main(["audit", "labels", path, *ends[:2]]) == 2
    assert main(["audit", "labels", str(written(tmp_path, ROW, ROW | {"preference": 2})), *ends]) == 78
    assert "name it with --label COLUMN" in capsys.readouterr().err


def test_turning_the_preferences_turns_no_label_that_is_clear_by_itself(tmp_path: Path) -> None:
    found = read_labels(written(tmp_path, *labelled((1, 1), (2, 2))), {}, ("2", "1"))
    assert [(pair.ab, pair.label) for pair in found.pairs] == [(0.0, "a"), (1.0, "b")]


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("a", "left"), ("b", "right"), ("a", "leftt")], r"line 3: `label` holds 'leftt', which is neither 'left'"),
        ([("a", "a"), ("b", "b"), ("aa", "a")], r"line 3: `preference` holds 'aa', which is neither 'a'"),
        ([("a", 0), ("b", 1)], r"`label` holds 0.0, 1.0: it is not clear .* --label-first VALUE and --label-second"),
        ([(1, 0), (2, 1)], r"`label` holds 0.0, 1.0: it is not clear"),
        ([("a", "a"), ("b", [])], r"line 2: `label` must be a number or a word"),
    ],
)
def test_what_is_wrong_is_blamed_on_its_column_and_line(tmp_path: Path, pairs: list[Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read(tmp_path, *labelled(*pairs))


def test_labels_that_are_shares_of_people_say_how_much_better_an_output_is(tmp_path: Path) -> None:
    rows = [ROW | {"instruction": str(n), "label": label} for n, label in enumerate([1, 1.25, 1.5, 2])]
    assert [(p.label, p.label_margin) for p in read(tmp_path, *rows).pairs] == [
        *(("a", 0.5), ("a", 0.25), ("tie", 0.0), ("b", 0.5)),
    ]
    sure = [row for row in rows if row["label"] != 1.25]
    assert {pair.label_margin for pair in read(tmp_path, *sure).pairs} == {None}


def test_chosen_and_rejected_are_oriented_by_lot_and_cut_to_their_last_turn(tmp_path: Path) -> None:
    talk = "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: {}\n\nAssistant: "
    rows = [{"chosen": talk.format(n) + "yes", "rejected": talk.format(n) + "certainly"} for n in range(60)]
    pairs = read(tmp_path, *rows).pairs
    assert {(pair.ab, pair.length_a, pair.length_b) for pair in pairs} == {(1.0, 3, 9), (0.0, 9, 3)}
    assert 15 < sum(pair.ab == 1.0 for pair in pairs) < 45


def test_columns_with_other_names_are_named(tmp_path: Path) -> None:
    row = {"x": "5", "y": "six", "who": "second", "kind": "sums"}
    (pair,) = read(tmp_path, row, first="x", second="y", preference="who", family="kind").pairs
    assert (pair.ab, pair.family) == (0.0, "sums")


def test_the_meaning_of_numbers_can_be_said(tmp_path: Path) -> None:
    found = read_labels(written(tmp_path, ROW | {"preference": 0.75}), {}, ("1", "0"))
    assert chances(found) == [0.75]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "no judgment in it"),
        (["[1]"], "line 1: a judgment must be an object"),
        (["{"], "line 1 is no JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        ([{"output_1": "a", "output_2": "b"}], "which column is the preference; it has output_1, output_2"),
        ([{"output_1": "a", "preference": 1}], "which column is the second"),
        ([ROW | {"response_a": "x"}], "output_1 and response_a could both be the first column"),
        ([ROW | {"winner": "a"}], "preference and winner could both be the preference column"),
        ([ROW | {"preference": 0}, ROW], "holds 0.0, 1.0: it is not clear which output"),
        ([ROW | {"preference": 0.3}], "--says-first"),
        ([ROW | {"preference": "gpt4"}], "holds gpt4"),
        ([ROW | {"preference": True}], "holds true"),
        ([ROW | {"preference": 2}, ROW | {"preference": 3}], "holds 2.0, 3.0"),
        ([ROW, ROW | {"preference": [1]}], "line 2: `preference` must be a number or a word"),
        (['{"output_1": "a", "output_2": "b", "preference": Infinity}'], "line 1: `preference` holds inf"),
        ([ROW | {"preference": 2}, ROW | {"output_2": None}], "line 2: `output_2` must be an output's text"),
        (['{"output_1": "\\ud800", "output_2": "b", "preference": 2}'], "line 1: the text holds"),
    ],
)
def test_bad_files_are_refused_with_file_line_and_reason(tmp_path: Path, rows: list[Any], says: str) -> None:
    path = written(tmp_path, *rows)
    with pytest.raises(ConfigError) as refused:
        read_labels(path, {}, None)
    assert str(path) in str(refused.value)
    assert says in str(refused.value)


def test_what_was_named_must_be_there_and_make_sense(tmp_path: Path) -> None:
    path = written(tmp_path, ROW)
    with pytest.raises(ConfigError, match="no column 'x'"):
        read_labels(path, {"first": "x"}, None)
    with pytest.raises(ConfigError, match="both outputs are to be in the column 'output_1'"):
        read_labels(path, {"first": "output_1", "second": "output_1"}, None)
    with pytest.raises(ConfigError, match="two different values"):
        read_labels(path, {}, ("1", "1.0"))
    with pytest.raises(ConfigError, match=r"line 1: `preference` holds 1\.0, which is neither"):
        read_labels(path, {}, ("5", "7"))


@pytest.mark.parametrize(
    "body", ['a,b\n"x', "output_1,output_2,preference\nx,y\n", "output_1,output_2,preference\nx,y,1,2\n"]
)
def test_a_broken_csv_is_refused_with_its_line(tmp_path: Path, body: str) -> None:
    path = tmp_path / "broken.csv"
    path.write_text(body)
    with pytest.raises(ConfigError, match=r"line \d"):
        read_labels(path, {}, None)


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    for name in ("judgments.jsonl.gz", "judgments.txt", "missing.csv", "missing.parquet"):
        if "missing" not in name:
            (tmp_path / name).write_bytes(b"x")
        with pytest.raises(ConfigError, match=name):
            read_labels(tmp_path / name, {}, None)


def biased_file(folder: Path, n: int = 150) -> Path:
    """A judge that takes whatever is shown first in nine of ten, each pair shown both ways round, with labels."""
    rng = random.Random(0)
    rows = []
    for number in range(n):
        texts = ["x" * rng.randint(5, 50), "y" * rng.randint(5, 50)]
        better = rng.randrange(2)
        for order in ((0, 1), (1, 0)):
            winner = order[0] if rng.random() < 0.9 else better
            outputs = {"output_1": texts[order[0]], "output_2": texts[order[1]]}
            verdict, label = (1 + order.index(which) for which in (winner, better))
            rows.append({"instruction": str(number), **outputs, "preference": verdict, "label": label})
    return written(folder, *rows)


def test_a_judge_that_takes_the_first_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "labels", str(biased_file(tmp_path)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["pairs"]) == (300, 150)
    assert "position bias: first" in [finding["name"] for finding in found["audit"]["findings"]]
    assert found["audit"]["statistics"]["label/accuracy"]["value"] == pytest.approx(0.55, abs=0.06)


def file_with_ties(folder: Path, first: float = 0.0) -> Path:
    """500 verdicts, both ways round, of a judge that sees quality through noise and ties what lies close together.

    `first` is what it adds to the answer that is shown first.
    """
    rng = random.Random(0)
    rows = []
    for number in range(250):
        quality = rng.gauss(0, 1)
        texts = [f"answer {number} of one {'and so on ' * rng.randrange(3)}", f"answer {number} of another"]
        for sign in (1, -1):
            sees = sign * quality + rng.gauss(0, 0.6) + first
            verdict = "tie" if abs(sees) < 0.4 else "a" if sees > 0 else "b"
            outputs = dict(zip(("output_1", "output_2"), texts[::sign], strict=True))
            label = "a" if sign * quality > 0 else "b"
            rows.append({"instruction": str(number), **outputs, "preference": verdict, "label": label})
    return written(folder, *rows)


def test_sound_verdicts_with_ties_are_cleared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "labels", str(file_with_ties(tmp_path)), "--json"]) == 0
    audit = json.loads(capsys.readouterr().out)["audit"]
    assert audit["findings"] == []
    assert audit["statistics"]["spread/ties"]["value"] > 0.1
    assert not any(name.startswith("calibration/") for name in audit["statistics"])


def test_a_bias_among_ties_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "labels", str(file_with_ties(tmp_path, first=0.5)), "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["audit"]["findings"]] == ["position bias: first"]


def test_the_human_form_says_what_was_read_and_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "labels", str(biased_file(tmp_path))]) == 0
    text = capsys.readouterr().out
    assert "- columns: first output_1, second output_2, preference preference, label label, prompt instruction" in text
    assert "300 judgments of 150 pairs" in text
    assert "nats; without regard to labels; length/coefficient below is the one beside labels." in text
    assert "position bias: first" in text


def test_without_a_column_of_labels_nothing_sounds_like_an_acquittal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in biased_file(tmp_path, 20).read_text().splitlines()[::2]]
    path = written(tmp_path, *({name: value for name, value in row.items() if name != "label"} for row in rows))
    ends = ["--says-first", "1", "--says-second", "2"]
    assert main(["audit", "labels", str(path), "--out", str(tmp_path / "out"), *ends]) == 0
    text, page = capsys.readouterr().out, (tmp_path / "out" / "audit.md").read_text()
    for said in (text, page):
        assert "This clears the judge of nothing: 13 kinds of fault would not have been found." in said
        unlabelled = "no pair has a label, so that nothing was held against labels."
        assert "and longer may be better, so by itself it is no finding" in text
        assert f"- **being at chance or worse over all pairs**: {unlabelled}" in said
        assert (
            "neither agreement nor any fault that only labels can show was tested; name one with --label COLUMN" in said
        )


def test_an_audit_says_of_which_file_columns_and_day_it_is_and_how_much_was_tested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = biased_file(tmp_path)
    assert main(["audit", "labels", str(path), "--out", str(tmp_path / "out")]) == 0
    audit = json.loads((tmp_path / "out" / "audit.json").read_text())
    said = audit["audited"]
    assert said["judgments"] == {"file": str(path), "digest": digest_file(path), "rows": 300}
    assert (said["columns"]["label"], said["items"]) == ("label", 150)
    assert said["tests"] == sum("p_value" in one for one in audit["statistics"].values())
    assert datetime.fromisoformat(said["date"]).tzinfo is not None
    assert f"- judgments: file {path}, digest {digest_file(path)}, rows 300" in capsys.readouterr().out


def test_a_refusal_on_the_command_line_exits_with_78_and_half_a_scale_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(written(tmp_path, ROW | {"preference": 0.5}))
    assert main(["audit", "labels", path]) == 78
    assert "--says-first" in capsys.readouterr().err
    assert main(["audit", "labels", path, "--says-first", "1"]) == 2
    assert main(["audit", "labels", path, "--says-first", "1", "--says-second", "0"]) == 0


def test_a_label_beside_what_may_be_the_preference_is_not_taken_for_it(tmp_path: Path) -> None:
    row = {"a": "5", "b": "it is 6", "preferred": "a", "label": "b", "id": "x1"}
    with pytest.raises(ConfigError, match=r"label and preferred could each be the judge's preference.*--preference"):
        read(tmp_path, row, row | {"preferred": "b"})
    assert read(tmp_path, row, preference="preferred").pairs[0].label == "b"
    alone = {name: value for name, value in row.items() if name != "preferred"}
    assert read(tmp_path, alone).columns.preference == "label"


@pytest.mark.parametrize("suffix", ["jsonl", "parquet", "csv", "txt"])
def test_a_file_that_is_not_there_is_told_what_would_do(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ConfigError, match=r"no such file; name a Parquet, JSONL or CSV file of judgments$"):
        read_labels(tmp_path / f"none.{suffix}", {}, None)


def test_missing_verdicts_are_counted_by_judgment_and_by_pair(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crossed = {"output_1": ROW["output_2"], "output_2": ROW["output_1"]}
    rows = [ROW | {"instruction": str(n), "preference": 1.0 + n % 2} for n in range(8)]
    others = [row | crossed | {"preference": None if n < 4 else 1.5} for n, row in enumerate(rows)]
    path = written(tmp_path, *rows, *others)
    assert main(["audit", "labels", str(path), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "4 of 16 judgments hold no preference" in said and "failed to answer if it did in any order: 4 of 8." in said
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"audit.json", "audit.md", "audit.png"}
