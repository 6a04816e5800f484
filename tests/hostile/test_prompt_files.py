"""Prompt files that never end: refused before they fill the memory, and nobody waits for them. (H8)

What is wrong with a single row is in tests/loop/test_sources.py and tests/loop/test_preflight.py.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loop.anchors import anchor_pairs
from loop.sources import MAX_PROMPT_CHARACTERS, MAX_ROWS, prompt_source, read_prompts
from tests.hostile.growth import in_a_child

GIB = 2**30
ROW = b'{"prompt":"a"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Where the file is to be; it may be large, and goes at once."""
    yield tmp_path / "prompts.jsonl"
    for left in tmp_path.iterdir():
        left.unlink()


def prompt_source_of(path: Path) -> object:
    return prompt_source(str(path))


def anchor_pairs_of(path: Path) -> object:
    return anchor_pairs(str(path))


def refused(read: Callable[[Path], object], path: Path, *facts: str) -> None:
    refusal, growth_mib = in_a_child(lambda: read(path))
    assert refusal.startswith("exit 78") and str(path) in refusal and all(fact in refusal for fact in facts), refusal
    assert growth_mib < 50


def test_a_line_of_a_gigabyte_is_refused_with_its_number(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"\n" + ROW[:11])
        file.truncate(GIB)  # a hole, which takes no room
    refused(prompt_source_of, path, "line 2", "bytes")


@pytest.mark.parametrize("read", [prompt_source_of, anchor_pairs_of])
def test_ten_million_lines_with_no_json_at_the_end_are_refused_before_the_first_is_read(
    read: Callable[[Path], object], path: Path
) -> None:
    with path.open("wb") as file:
        for _ in range(100):
            file.write(ROW * 100_000)
        file.write(b"{not json")
    refused(read, path, "10000000 rows", str(MAX_ROWS))


def test_ten_million_rows_of_parquet_that_take_no_room_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    schema = pa.schema([("prompt", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(10):
            writer.write_table(pa.table({"prompt": pa.array(["a"] * 1_000_000)}, schema))
    assert path.stat().st_size < 100_000
    refused(read_prompts, path, "10000000 rows")


def test_a_pipe_or_a_device_is_no_file_and_nobody_waits_for_it(path: Path) -> None:
    os.mkfifo(path)
    for read in (prompt_source_of, anchor_pairs_of):
        refused(read, path, "no such file")
        refused(read, Path("/dev/zero"), "no such file")


def test_the_longest_prompt_is_read_however_it_is_spelt(path: Path) -> None:
    text = "\N{PILE OF POO}" * MAX_PROMPT_CHARACTERS
    path.write_text(json.dumps({"prompt": text}), encoding="utf-8")  # twelve bytes for each character
    (prompt,) = read_prompts(path)
    assert prompt.messages[0].content == text
    path.write_text(json.dumps({"prompt": text + "."}), encoding="utf-8")
    refused(read_prompts, path, "line 1", str(MAX_PROMPT_CHARACTERS))
