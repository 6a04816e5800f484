"""One value, one spelling, one name."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.canonical import canonical_json, digest, digest_bytes, digest_file, digest_folder, seed_of
from tests.runs.history import BASE, judgment, measurement, prompt, response

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values))
def test_the_order_of_keys_and_the_kind_of_sequence_change_nothing(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    tuples = {key: tuple(inner) if isinstance(inner, list) else inner for key, inner in value.items()}
    assert digest(value) == digest(backwards) == digest(tuples)


def test_the_spelling_is_pinned() -> None:
    assert canonical_json({"b": (1, 2.5, None), "a": "é\n"}) == '{"a":"é\\n","b":[1,2.5,null]}'.encode()
    assert digest({}) == "s1:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_has_no_name(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest({"loss": number})


def test_what_is_not_json_has_no_name() -> None:
    with pytest.raises(TypeError):
        digest({"path": Path("x")})


def test_a_records_digest_is_that_of_its_fields_without_those_beside() -> None:
    answer = response(prompt(1), BASE, 1)
    for record in (prompt(1), answer, judgment(answer, None), measurement(BASE, None)):
        own = {name: value for name, value in asdict(record).items() if name not in record._beside}
        assert record.digest == digest(own)


def test_one_text_is_one_prompt_whatever_its_source() -> None:
    assert replace(prompt(1), source="elsewhere", split="held-out").digest == prompt(1).digest != prompt(2).digest


def test_a_folder_is_named_by_the_names_and_bytes_in_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(b"1")
    before = digest_folder(tmp_path)
    assert digest_file(tmp_path / "deep" / "a") == digest_bytes(b"1")
    (tmp_path / "deep" / "a").rename(tmp_path / "deep" / "b")
    assert digest_folder(tmp_path) != before


@given(st.lists(st.integers() | st.text(), min_size=1))
def test_a_seed_has_63_bits_and_depends_on_every_part(parts: list[int | str]) -> None:
    assert 0 <= seed_of(*parts) < 2**63
    assert seed_of(*parts) == seed_of(*parts) != seed_of(*parts, "more")
