"""Prompts from the microworld and from files of the user's."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loop.anchors import anchor_pairs
from loop.sources import prompt_source, read_prompts
from runs.errors import ConfigError
from runs.records import Message


def jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_text_a_conversation_and_tags_are_read(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    path = jsonl(
        tmp_path / "p.jsonl", {"prompt": "hello", "tags": {"kind": "x"}}, {"messages": turns, "split": "held-out"}
    )
    first, second = read_prompts(path)
    assert first.messages == (Message("user", "hello"),) and first.tags == {"kind": "x"}
    assert second.split == "held-out" and len(second.messages) == 3


def test_parquet_and_jsonl_give_the_same_prompts(tmp_path: Path) -> None:
    rows = [{"prompt": f"question {n}"} for n in range(20)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    from_jsonl = read_prompts(jsonl(tmp_path / "p.jsonl", *rows))
    assert [p.digest for p in read_prompts(tmp_path / "p.parquet")] == [p.digest for p in from_jsonl]


@pytest.mark.parametrize(
    ("bad", "fact"),
    [
        ("{not json", "JSON"),
        ('{"question": "?"}', "question"),
        ('{"messages": []}', "messages"),
        ('{"messages": [{"role": "king", "content": "x"}]}', "king"),
        ('{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}', "last turn"),
        ('{"prompt": "x", "split": "test"}', "test"),
        ('{"prompt": "x", "tags": {"n": 3}}', "tags"),
        ("[1, 2]", "object"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_a_bad_line_is_refused_with_file_and_number(tmp_path: Path, bad: str, fact: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "fine"}\n' + bad + "\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_prompts(path)
    assert "p.jsonl" in str(caught.value) and "line 2" in str(caught.value) and fact in str(caught.value)


def test_training_and_held_out_prompts_of_a_file_never_meet(tmp_path: Path) -> None:
    source = prompt_source(str(jsonl(tmp_path / "p.jsonl", *({"prompt": f"q {n}"} for n in range(300)))))
    train = {p.digest for p in source.train(1000, 1, seed=0)}
    held_out = {p.digest for p in source.held_out(1000, seed=0)}
    assert train and held_out and not train & held_out and len(train | held_out) == 300


def test_iterations_go_through_a_file_without_repeating_until_it_ends(tmp_path: Path) -> None:
    rows = ({"prompt": f"q {n}", "split": "held-out" if n == 0 else "train"} for n in range(31))
    source = prompt_source(str(jsonl(tmp_path / "p.jsonl", *rows)))
    seen = [p.digest for index in (1, 2, 3) for p in source.train(10, index, seed=5)]
    assert len(set(seen)) == 30
    assert [p.digest for p in source.train(10, 4, seed=5)] == seen[:10]


def test_a_file_with_nothing_held_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="held-out"):
        prompt_source(str(jsonl(tmp_path / "p.jsonl", {"prompt": "q", "split": "train"})))


def test_the_microworld_gives_other_prompts_in_each_iteration_and_the_same_held_out_ones() -> None:
    source = prompt_source("microworld")
    first, second = ({p.digest for p in source.train(50, index, seed=3)} for index in (1, 2))
    assert len(first & second) < 10
    assert source.held_out(20, 3) == source.held_out(20, 3)
    assert not first & {p.digest for p in source.held_out(200, 3)}


def test_a_labelled_pair_with_an_unknown_label_is_refused_with_its_line(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "x"}], "a": "1", "b": "2", "label": "a"}
    path = jsonl(tmp_path / "anchors.jsonl", row, row | {"label": "both"})
    with pytest.raises(ConfigError, match=r"line 2.*both"):
        anchor_pairs(str(path), 10)
