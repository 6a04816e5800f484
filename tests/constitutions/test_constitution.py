"""A constitution's file: strict, named by what it says, and refused with file, place, value and reason."""

from pathlib import Path

import pytest

from constitutions.fill import placeholders
from constitutions.load import Constitution, Method, load_constitution, shipped
from runs.errors import ConfigError

PLAIN = """
name: plain
scale: {low: 0, high: 5}
principles:
  - {id: kind, text: Be kind., weight: 2}
  - {id: brief, text: Be brief.}
questions:
  rubric: "Asked: {request} Answered: {response} End with `Score: N`."
"""


def load(tmp_path: Path, text: str | bytes) -> Constitution:
    path = tmp_path / "constitution.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_constitution(path)


def test_a_constitution_says_what_its_file_says(tmp_path: Path) -> None:
    plain = load(tmp_path, PLAIN)
    assert (plain.name, plain.scale.low, plain.scale.high) == ("plain", 0, 5)
    assert [(p.id, p.weight) for p in plain.principles] == [("kind", 2.0), ("brief", 1.0)]
    assert plain.principle("brief").text == "Be brief."
    assert "{response}" in plain.question("rubric")


def test_the_digest_is_of_what_is_said_and_not_of_how_it_is_written(tmp_path: Path) -> None:
    rewritten = """
    # the same, in other clothes
    questions:
      'rubric': |
        Asked: {request} Answered: {response} End with `Score: N`.
    principles:
      - id: "kind"
        text: >-
          Be
          kind.
        weight: 2.0
      - {text: ' Be brief. ', id: brief, weight: 1, reasons: '', scope: []}
    scale:
      high: 5
      low: 0
    name: plain
    """
    assert load(tmp_path, rewritten).digest == load(tmp_path, PLAIN).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Be kind.", "Be unkind."),
        ("weight: 2", "weight: 3"),
        ("high: 5", "high: 6"),
        ("id: brief", "id: short"),
        ("Asked:", "They asked:"),
        ("name: plain", "name: other"),
        ("Be brief.}", "Be brief., reasons: Time is short.}"),
        (
            "- {id: kind, text: Be kind., weight: 2}\n  - {id: brief, text: Be brief.}",
            "- {id: brief, text: Be brief.}\n  - {id: kind, text: Be kind., weight: 2}",
        ),
    ],
)
def test_the_digest_changes_with_whatever_is_said_even_with_the_order(tmp_path: Path, old: str, new: str) -> None:
    assert old in PLAIN
    assert load(tmp_path, PLAIN.replace(old, new)).digest != load(tmp_path, PLAIN).digest


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("id: brief", "id: kind", "constitution", "two principles are called 'kind'"),
        ("id: brief", "id: ../brief", "principles.1.id", "'../brief'"),
        ("id: brief", "id: Brief", "principles.1.id", "'Brief'"),
        ("id: brief", "id: \u0431rief", "principles.1.id", "pattern"),
        ("Be brief.", "", "principles.1.text", "None"),
        ("Be brief.", "'  '", "principles.1.text", "at least 1 character"),
        ("weight: 2", "weight: heavy", "principles.0.weight", "'heavy'"),
        ("weight: 2", "weight: .nan", "principles.0.weight", "number"),
        ("weight: 2", "weight: nan", "principles.0.weight", "finite"),
        ("weight: 2", "weight: inf", "principles.0.weight", "finite"),
        ("weight: 2", "weight: 0", "principles.0.weight", "greater than 0"),
        ("weight: 2", "weight: -1", "principles.0.weight", "greater than 0"),
        ("weight: 2", "wieght: 2", "principles.0.wieght", "not permitted"),
        ("weight: 2", "<<: {weight: 2}", "principles.0.<<", "not permitted"),
        ("high: 5", "high: 0", "scale", "low 0 is not below high 0"),
        ("high: 5", "high: five", "scale.high", "'five'"),
        ("high: 5", "high: 4.5", "scale.high", "'4.5'"),
        ("high: 5", "high: 999999999", "scale.high", "less than or equal to 1000"),
        ("scale: {low: 0, high: 5}", "scale: 5", "scale", "'5'"),
        ("name: plain", "name: ", "name", "None"),
        ("name: plain", "title: plain", "name", "Field required"),
        ("  rubric:", "  verdict:", "questions.verdict", "'rubric'"),
        ("{request}", "{question}", "constitution", "placeholder that nobody fills: ['question']"),
        ("{response}", "the answer", "constitution", "never shows what it asks about: ['response']"),
        ("{response}", "{Response}", "constitution", "never shows what it asks about: ['response']"),
        ("id: brief", "id: &x brief", "line 6", "anchors"),
        ("Be brief.", "!!str 1", "line 6", "tag"),
        ("name: plain", "name: plain\nname: other", "line 3", "twice"),
    ],
)
def test_a_bad_constitution_is_refused_with_file_place_and_reason(
    tmp_path: Path, old: str, new: str, place: str, says: str
) -> None:
    assert old in PLAIN
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, PLAIN.replace(old, new))
    text = str(caught.value)
    assert str(tmp_path / "constitution.yaml") in text
    assert place in text
    assert says in text
    assert "errors.pydantic.dev" not in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "None"),
        (b"just words", "just words"),
        (b"- a\n- b", "a"),
        (b"name: \xff\xfe", "utf-8"),
        (b"name: \x00", "line 1"),
        (b"x" * 10_000_000, "more than the"),
    ],
    ids=["empty", "words", "list", "not UTF-8", "NUL", "10 MB"],
)
def test_a_file_that_is_no_constitution_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(tmp_path, content)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        load_constitution(tmp_path / "absent.yaml")


def test_a_question_that_is_not_asked_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'plain' asks rubric, not expected; add it under `questions:`"):
        load(tmp_path, PLAIN).question("expected")


@pytest.mark.parametrize("path", sorted(shipped("any").parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_constitution_loads_and_asks_for_scores(path: Path) -> None:
    constitution = load_constitution(path)
    assert constitution.name == path.stem
    methods: tuple[Method, ...] = ("rubric", "expected")
    for method in methods:
        assert placeholders(constitution.question(method)) == {"request", "response"}
