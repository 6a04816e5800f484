"""YAML without its surprises: what is read is what is written, and everything hostile is refused with its line."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constitutions.strict_yaml import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    StrictYamlError,
    lined_yaml,
    load_strict_yaml,
    read_strict_yaml,
)


def test_every_scalar_is_the_text_that_is_written() -> None:
    text = "[1e-5, 0.1, 007, 0x1F, yes, no, On, true, .nan, .inf, 2024-01-01, 12:30:45, 1_000, =, Null]"
    assert load_strict_yaml(text) == text[1:-1].split(", ")


def test_an_empty_scalar_is_none_and_a_quoted_one_is_text() -> None:
    assert load_strict_yaml("{a: , b: ~, c: null, d: '', e: 'null', f: \"~\"}") == {
        "a": None,
        "b": None,
        "c": None,
        "d": "",
        "e": "null",
        "f": "~",
    }
    assert load_strict_yaml("") is None
    assert load_strict_yaml("# nothing\n") is None


def test_a_text_block_keeps_its_lines() -> None:
    assert load_strict_yaml("q: |-\n  one\n\n  Score: N\n") == {"q": "one\n\nScore: N"}


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert load_strict_yaml("\ufeffa: b") == {"a": "b"}


def test_a_merge_key_merges_nothing() -> None:
    assert load_strict_yaml("<<: {a: b}") == {"<<": {"a": "b"}}  # a strict schema then refuses the key


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: &x [b]\nc: *x", 1),
        ("a: b\nc: *x", 2),
        ("a: b\nc: &x d", 2),
        ("a: b\nc: &x {d: e}", 2),
        ("a: b\n&x c: d", 2),
        ("a: !!python/object/apply:os.system [id]", 1),
        ("a: b\nc: !!str 1", 2),
        ("a: b\nc: !own d", 2),
        ("a: b\nc: ! d", 2),
        ("!!map {a: b}", 1),
        ("%TAG ! tag:x,2000:\n---\na: !b c", 3),
        ("a: b\nc: d\na: e", 3),
        ("a:\n  b: c\n  b: d", 3),
        ("{a: b, 'a': c}", 1),
        ("a: b\n? [c]\n: d", 2),
        ("a: b\n? {c: d}\n: e", 2),
        ("a: b\n---\nc: d", 2),
        ("a: b\n\tc: d", 2),
        ("a: [b", 1),
        ("a: b\nc: 'd", 2),
        ("a: b: c", 1),
        ("a: b\nc: \0", 2),
        ("a: b\nc: \x1b[31m", 2),
        ("a: b\nc: \ud800", 2),
        ("%YAML 9.9\n---\na: b", 1),
        ("[" * 10_000, 1),
        ("{a: " * 10_000, 1),
        ("- " * 10_000, 1),
        ("\n".join(" " * depth + "a:" for depth in range(200)), MAX_DEPTH + 1),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_is_hostile_or_ambiguous_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(StrictYamlError, match=rf"^line {line}\b"):
        load_strict_yaml(text)


def test_every_value_has_the_line_of_its_key_or_in_a_list_its_own() -> None:
    tree, lines = lined_yaml("# first\na:\n  - b\n  - c:\n      d\n  -\n    e: |-\n      g\n")
    assert tree == {"a": ["b", {"c": "d"}, {"e": "g"}]}
    assert lines == {
        (): 2,
        ("a",): 2,
        ("a", 0): 3,
        ("a", 1): 4,
        ("a", 1, "c"): 4,
        ("a", 2): 7,
        ("a", 2, "e"): 7,
    }


def test_a_file_is_read_as_its_text_is(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_bytes("a: é\r\nb: [c]\rd: e\n".encode())
    assert read_strict_yaml(path) == {"a": "é", "b": ["c"], "d": "e"}
    with pytest.raises(OSError, match="absent"):
        read_strict_yaml(tmp_path / "absent")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a: b\nc: \xff", "line 2: the byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbfa: b", "line 1: the character U[+]FEFF"),
        (b"a\n" * 1_500_000, "line 1000001: more than the 2000000 bytes"),
    ],
    ids=["not UTF-8", "byte order mark", "3 MB"],
)
def test_a_file_that_is_no_plain_text_is_refused_with_its_line(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "some.yaml"
    path.write_bytes(data)
    with pytest.raises(StrictYamlError, match=f"^{says}"):
        read_strict_yaml(path)


def test_nesting_is_read_to_its_limit() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert str(load_strict_yaml(text)) == text
    with pytest.raises(StrictYamlError, match=f"deeper than {MAX_DEPTH}"):
        load_strict_yaml(f"[{text}]")


def test_a_text_beyond_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(StrictYamlError, match=f"more than the {MAX_CHARACTERS} characters"):
        load_strict_yaml("\0" * (MAX_CHARACTERS + 1))


def test_aliases_that_would_multiply_are_refused() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(StrictYamlError, match="line 1: aliases"):
        load_strict_yaml(bomb)


MARKS = st.lists(st.sampled_from([*"ab:-?,[]{}&*!|>'\"%@`#~ \n\t", "a: b", "- ", "\n  ", "!!str", "\\x"]), max_size=12)


@given(st.one_of(st.text(max_size=20), MARKS.map("".join)))
@settings(max_examples=300)
def test_any_text_is_read_as_plain_values_or_refused(text: str) -> None:
    def plain(value: object) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(inner) for key, inner in value.items())
        return value is None or isinstance(value, str) or (isinstance(value, list) and all(map(plain, value)))

    with contextlib.suppress(StrictYamlError):
        assert plain(load_strict_yaml(text))
