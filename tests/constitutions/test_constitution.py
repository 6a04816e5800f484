"""A constitution's file: strict, and named by what it says."""

from pathlib import Path

import pytest
import yaml

from constitutions.files import shipped_files
from constitutions.fill import placeholders
from constitutions.load import Constitution, Method, find_constitution, load_constitution
from runs.canonical import digest
from runs.errors import ConfigError

PLAIN = """
name: plain
scale: {low: 0, high: 5}
principles:
  - {id: kind, text: Be kind., weight: 2}
  - {id: brief, text: Be brief.}
propositions:
  rude: Is it rude?
  long: Is it long?
response_types:
  soft: {scope: [mood=sad], acceptable: [not rude]}
  short: {acceptable: [not long]}
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
    assert plain.propositions == {"rude": "Is it rude?", "long": "Is it long?"}
    assert "{response}" in plain.question("rubric")


REWRITTEN = """
# the same, in other clothes
questions:
  'rubric': |
    Asked: {request} Answered: {response} End with `Score: N`.
propositions: {long: 'Is it  long?', rude: 'Is it rude?'}
response_types:
  soft: {acceptable: [not rude, not rude], scope: [mood=sad], ideal: []}
  short: {acceptable: [not long]}
principles:
  - id: "kind"
    use: [critique, comparison]
    text: |
      Be
      kind.
    weight: 2.0
  - {text: ' Be brief. ', id: brief, weight: 1, reasons: '', scope: [], examples: {follows: []}}
order: listed
scale:
  high: 5
  low: 0
name: plain
"""


@pytest.mark.parametrize(
    "rewritten",
    [
        REWRITTEN,
        REWRITTEN.replace("\n", "\r\n"),
        REWRITTEN + "provenance: {licence: CC0-1.0, author: Somebody}",
        REWRITTEN.replace("    weight: 2.0", "    weight: 2.0\n    provenance: {source: a vote, approver: Everybody}"),
    ],
    ids=["other layout", "Windows line ends", "its author", "who approved a principle"],
)
def test_the_digest_is_of_what_is_said_and_not_of_how_it_is_written_or_by_whom(tmp_path: Path, rewritten: str) -> None:
    assert load(tmp_path, rewritten).digest == load(tmp_path, PLAIN).digest


FIRST, SECOND = "- {id: kind, text: Be kind., weight: 2}", "- {id: brief, text: Be brief.}"
SOFT, SHORT = "soft: {scope: [mood=sad], acceptable: [not rude]}", "short: {acceptable: [not long]}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Be kind.", "Be unkind."),
        ("weight: 2", "weight: 3"),
        ("high: 5", "high: 6"),
        ("id: brief", "id: short"),
        ("Asked:", "They asked:"),
        ("name: plain", "name: other"),
        ("name: plain", "name: plain\norder: shuffled"),
        ("name: plain", "name: plain\nexplain: [reasons]"),
        ("Is it rude?", "Is it unfriendly?"),
        ("not rude", "rude"),
        ("Be brief.}", "Be brief., reasons: Time is short.}"),
        ("Be brief.}", "Be brief., scope: [mood=busy]}"),
        ("Be brief.}", "Be brief., use: [critique]}"),
        ("Be brief.}", "Be brief., critique: Find filler.}"),
        ("Be brief.}", "Be brief., examples: {breaks: ['Well, you know']}}"),
        (f"{FIRST}\n  {SECOND}", f"{SECOND}\n  {FIRST}"),
        (f"{SOFT}\n  {SHORT}", f"{SOFT.replace('soft', 'a')}\n  {SHORT}"),
        (f"{SOFT}\n  {SHORT}", f"{SHORT.replace('{', '{scope: [a=b], ')}\n  {SOFT}"),
    ],
)
def test_the_digest_changes_with_whatever_is_said_even_with_the_order(tmp_path: Path, old: str, new: str) -> None:
    assert old in PLAIN
    assert load(tmp_path, PLAIN.replace(old, new)).digest != load(tmp_path, PLAIN).digest


def test_the_digest_tells_the_order_of_response_types_because_the_first_that_fits_counts(tmp_path: Path) -> None:
    narrow = PLAIN.replace(SHORT, "short: {scope: [mood=busy], acceptable: [not long]}")
    turned = narrow.replace(
        f"{SOFT}\n  short: {{scope: [mood=busy], acceptable: [not long]}}",
        f"short: {{scope: [mood=busy], acceptable: [not long]}}\n  {SOFT}",
    )
    assert turned != narrow
    assert load(tmp_path, turned).digest != load(tmp_path, narrow).digest


def test_the_digest_is_that_of_the_canonical_form_and_moves_only_on_purpose(tmp_path: Path) -> None:
    only_the_old_fields = PLAIN.replace("propositions:\n  rude: Is it rude?\n  long: Is it long?\n", "").replace(
        f"response_types:\n  {SOFT}\n  {SHORT}\n", ""
    )
    pinned = "s1:5d230499ddb07a7a185f28d26351e49320ba4f75b6d0f15b73849b0f1419df6a"
    assert load(tmp_path, only_the_old_fields).digest == pinned


def test_a_question_that_is_not_asked_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'plain' asks rubric, not expected; add it under `questions:`"):
        load(tmp_path, PLAIN).question("expected")


@pytest.mark.parametrize("name", ["absent", "absent.yaml", "absent.md", "x" * 5000, "a\0b"])
def test_a_constitution_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ConfigError, match=r"no such file; shipped are .*helpful, .*microworld"):
        find_constitution(name)


def test_a_file_of_another_ending_is_not_called_absent(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text(PLAIN)
    with pytest.raises(ConfigError, match=r"is read from \.yaml, \.yml, \.md, and not from \.txt; rename the file"):
        find_constitution(str(tmp_path / "own.txt"))


def test_a_constitution_is_found_by_its_file_whatever_the_format(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text(PLAIN)
    (tmp_path / "own.md").write_text(f"---{PLAIN}---\n")
    found = [find_constitution(str(tmp_path / name)) for name in ("own.yml", "own.md")]
    assert found[0] == found[1]


def test_a_question_with_a_default_is_asked_in_the_files_own_words_where_it_has_any() -> None:
    shipped = find_constitution("microworld")
    default = shipped.question("direct_revision")
    assert placeholders(default) == {"principle", "request", "response"}
    own = shipped.model_copy(update={"questions": {**shipped.questions, "direct_revision": "{response} Again."}})
    assert own.question("direct_revision") == "{response} Again."
    assert own.digest != shipped.digest and "direct_revision" not in shipped.questions


@pytest.mark.parametrize("name", shipped_files())
def test_every_shipped_constitution_loads_and_asks_for_scores(name: str) -> None:
    constitution = find_constitution(name)
    assert constitution.name == name
    methods: tuple[Method, ...] = ("rubric", "expected")
    for method in methods:
        assert placeholders(constitution.question(method)) == {"request", "response"}


@pytest.mark.parametrize("name", shipped_files())
def test_every_shipped_constitution_keeps_its_name_when_it_is_written_out_and_read_again(
    name: str, tmp_path: Path
) -> None:
    constitution = find_constitution(name)
    written = yaml.safe_dump(constitution.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    assert load(tmp_path, written).digest == constitution.digest


def test_the_explained_form_says_the_same_as_the_concise_one_with_reasons_and_examples_for_every_principle() -> None:
    concise, explained = (find_constitution(f"helpful-honest-harmless{form}") for form in ("", "-explained"))
    assert [(p.id, p.text, p.weight, p.scope, p.use) for p in concise.principles] == [
        (p.id, p.text, p.weight, p.scope, p.use) for p in explained.principles
    ]
    assert concise.questions == explained.questions and len(concise.questions) == 9
    assert concise.propositions == explained.propositions
    assert concise.response_types == explained.response_types
    assert explained.explain == ("examples", "reasons") and not concise.explain
    for principle, short in zip(explained.principles, concise.principles, strict=True):
        if "probe" in principle.use:  # said without reasons: it wants what nobody should
            continue
        assert len(principle.reasons) > 2 * len(short.reasons) > 0
        assert principle.examples.follows and principle.examples.breaks


def test_the_microworld_asks_in_the_words_that_its_models_learnt() -> None:
    microworld = find_constitution("microworld")
    words = [microworld.questions, {p.id: p.text for p in microworld.principles}, microworld.propositions]
    assert digest(words) == "s1:cfd50959225727e76bb026bd5d66a39bd0e0c42fc73a8f2da8ca635298b33c46"


def test_an_opposite_is_another_principle_of_the_constitution(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="opposite: no other principle is called 'nobody'"):
        load(tmp_path, PLAIN.replace("Be brief.}", "Be brief., opposite: nobody}"))


def test_the_example_of_the_page_loads(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "constitutions.md").read_text(encoding="utf-8")
    path = tmp_path / "plain.yaml"
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    assert load_constitution(path).principle("private").weight == 2
