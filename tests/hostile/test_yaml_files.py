"""Files of YAML that are small to write and endless to read, and files that are no text. (H1, H2)

What each construct of YAML is refused with is in tests/constitutions/test_strict_yaml.py.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from constitutions.load import load_constitution
from loop.load_config import load_config
from tests.hostile.growth import in_a_child

LAUGHS = "a0: &a0 [lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
NEXT = range(1, 30)
BOMBS = {
    "five million laughs in 391 bytes": LAUGHS[:391],
    "four hundred million laughs": LAUGHS,
    "laughs in mappings": "a0: &a0 {b: c}\n" + "".join(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in NEXT),
    "merged mappings": "a0: &a0 {b: c}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in NEXT),
    "a list in itself": "a: &a [*a]\n",
    "lists in lists": "a: " + "[" * 100_000,
    "mappings in mappings": "a: " + "{a: " * 50_000,
    "dashes": "- " * 90_000,
    "ever deeper lines": "\n".join(" " * depth + "a:" for depth in range(600)),
    "ten megabytes": "seed: 1\n" + "# nothing\n" * 1_000_000,
}
READERS: dict[str, Callable[[Path], object]] = {
    "a configuration": lambda path: load_config(str(path)),
    "a constitution": load_constitution,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_yaml_bomb_is_refused_and_makes_nothing_grow(bomb: str, reader: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS[bomb], encoding="utf-8")
    refusal, growth_mib = in_a_child(lambda: READERS[reader](path))
    assert refusal.startswith("exit 78") and str(path) in refusal
    assert growth_mib < 10


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"seed: 1\nname: \xff\xfe\n", 2),
        (b"seed: 1\n\nname: caf\xe9\n", 3),
        (b"seed: 1\nname: \xed\xa0\x80\n", 2),
        (b"\xff\xfes\x00e\x00e\x00d\x00", 1),
        (b"seed: 1\nname: a\x00b\n", 2),
        (b"seed: 1\nname: a\x1b[31mb\n", 2),
        (b"\xef\xbb\xbfseed: 1\n", 1),
    ],
    ids=["no UTF-8", "Latin-1", "half a character", "UTF-16", "NUL", "an escape", "BOM"],
)
def test_bytes_that_are_no_text_are_refused_with_their_line(
    data: bytes, line: int, reader: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(data)
    refusal, _ = in_a_child(lambda: READERS[reader](path))
    assert refusal.startswith(f"exit 78: {path}: line {line}: ")


def test_a_file_without_end_is_no_file(tmp_path: Path) -> None:
    for path in ("/dev/zero", "/dev/stdin"):
        refusal, _ = in_a_child(lambda path=path: load_config(path))  # type: ignore[misc]
        assert refusal.startswith("exit 2")
