"""Whatever is wrong with a constitution is refused with its file, its line and the reason."""

from pathlib import Path

import pytest

from constitutions.load import load_constitution
from runs.errors import ConfigError

PLAIN = """\
name: plain
scale: {low: 0, high: 5}
principles:
  - id: kind
    text: Be kind.
    weight: 2
  - id: brief
    text: Be brief.
propositions:
  rude: Is it rude?
questions:
  rubric: |-
    Asked: {request}
    Answered: {response}
    End with `Score: N`.
"""


def changed(old: str, new: str) -> str:
    assert PLAIN.count(old) == 1
    return PLAIN.replace(old, new)


HOSTILE: list[tuple[str | bytes, int, str]] = [
    # what YAML can do to a reader
    (changed("kind\n", "&k kind\n"), 4, "aliases and anchors are not read"),
    (changed("Be brief.", "*k"), 8, "aliases and anchors are not read"),
    (changed("Be brief.", "!!str Be brief."), 8, "the tag 'tag:yaml.org,2002:str' is not read"),
    (changed("name: plain", "name: !!python/object/apply:os.system [id]"), 1, "the tag"),
    (changed("  rude:", "  rude: Is it?\n  rude:"), 11, "the key 'rude' stands here twice"),
    (changed("weight: 2", "<<: {weight: 2}"), 6, "principles.0.<< = {'weight': '2'}: no such key"),
    (PLAIN + "---\nname: other\n", 16, "expected a single document in the stream from line 1: but found another"),
    (changed("Be brief.", "'Be brief."), 16, "while scanning a quoted scalar from line 8: found unexpected end of"),
    (changed("weight: 2", "\tweight: 2"), 6, "cannot start any token"),
    (changed("weight: 2", "scope: " + "[" * 1000), 6, "nested deeper than 50"),
    (changed("weight: 2", "scope: " + "[" * 40 + "]" * 40), 6, "scope.0 = [[[[[[[...]]]]]]]: must be"),
    (changed("Be brief.", "a\0b"), 8, "the character U+0000, which nobody sees, is not read"),
    (changed("Be brief.", "a\x1b[31mb"), 8, "the character U+001B, which nobody sees"),
    (changed("Be brief.", "a \ufeffb"), 8, "the character U+FEFF (ZERO WIDTH NO-BREAK SPACE), which nobody sees"),
    (changed("Be brief.", "a \u202eb"), 8, "the character U+202E (RIGHT-TO-LEFT OVERRIDE), which nobody sees"),
    *(
        (changed("Be brief.", f"a {chr(unseen)}b"), 8, f"the character U+{unseen:04X} (")
        for unseen in (0xAD, 0x61C, 0x180E, 0x200B, 0x200C, 0x200D, 0x2060, 0x2063, 0xFE0F, 0xE0041, 0xE0101, 0x3164)
    ),
    (changed("Be brief.", r'"a\U000E0041b"'), 8, "the character U+E0041 (TAG LATIN CAPITAL LETTER A)"),
    (changed("Be brief.", r'"a\0b"'), 8, "the character U+0000, which nobody sees"),
    (changed("Be brief.", r'"a\ud800b"'), 8, "must be text in Unicode"),
    (changed("weight: 2", r'"\e[31mweight": 2'), 6, "principles.0.?[31mweight = '2': no such key"),
    (changed("weight: 2", f"{'weight' * 150}: 2"), 6, "principles.0.weightweight"),
    ("\ufeff" + PLAIN, 1, "the character U+FEFF (ZERO WIDTH NO-BREAK SPACE), which nobody sees"),
    (PLAIN.encode().replace(b"Be kind.", b"Be k\xefnd."), 5, "the byte 0xef is not UTF-8"),
    (PLAIN.encode("utf-16"), 1, "the byte 0xff is not UTF-8"),
    (PLAIN.encode() + b"# x\n" * 2_500_000, 499_951, "more than the 2000000 bytes that are read"),
    (b"x" * 10_000_000, 1, "more than the 2000000 bytes that are read"),
    (PLAIN + "# x\n" * 100_000, 49_951, "more than the 200000 characters that are read"),
    # what is no constitution
    (b"", 1, "constitution = None: must be `key: value` lines"),
    (b"# nothing\n\njust words", 3, "constitution = 'just words': must be `key: value` lines"),
    (b"- a\n- b", 1, "constitution = ['a', 'b']: must be `key: value` lines"),
    (changed("name: plain\n", ""), 1, "name: is missing"),
    (changed("name: plain", "name: "), 1, "name = None: must be text"),
    (changed("name: plain", "name: plain\nversion: 2"), 2, "version = '2': no such key; there are name, scale"),
    (changed("name: plain", "name: plain\norder: random"), 2, "order = 'random': must be 'listed' or"),
    (changed("name: plain", "name: plain\nexplain: [scope]"), 2, "explain.0 = 'scope': must be 'reasons' or"),
    # scales
    (changed("high: 5", "high: 0"), 2, "scale = {'high': '0', 'low': '0'}: low 0 is not below high 0"),
    (changed("high: 5", "high: five"), 2, "scale.high = 'five': must be a whole number"),
    (changed("high: 5", "high: 4.5"), 2, "scale.high = '4.5': must be a whole number"),
    (changed("high: 5", "high: 999999999"), 2, "less than or equal to 1000"),
    (changed("high: 5", "high: " + "9" * 10_000), 2, "scale.high = '999"),
    (changed("{low: 0, high: 5}", "5"), 2, "scale = '5': must be `key: value` lines"),
    # principles
    (changed("id: brief", "id: kind"), 7, "principles.1.id: two principles are called 'kind'"),
    (changed("id: brief", "id: ../brief"), 7, "principles.1.id = '../brief': must be 1 to 63 small letters, digits"),
    (changed("id: brief", "id: \u0431rief"), 7, "must be 1 to 63 small letters, digits, `-` and `_`"),
    (changed("id: brief", "id: " + "b" * 64), 7, "must be 1 to 63 small letters, digits, `-` and `_`"),
    (changed("    text: Be brief.\n", ""), 7, "principles.1.text: is missing"),
    (changed("text: Be brief.", "text:"), 8, "principles.1.text = None: must be text"),
    (changed("text: Be brief.", "text: '  '"), 8, "principles.1.text = '  ': must not be empty"),
    (changed("text: Be brief.", "text: [Be brief.]"), 8, "must be text"),
    (changed("Be brief.", "Answer {request} briefly."), 8, "a placeholder that nobody fills: ['request']"),
    (changed("weight: 2", "weight: heavy"), 6, "principles.0.weight = 'heavy': must be a number"),
    (changed("weight: 2", "weight: .nan"), 6, "principles.0.weight = '.nan': must be a number"),
    (changed("weight: 2", "weight: nan"), 6, "principles.0.weight = 'nan': must be a finite number"),
    (changed("weight: 2", "weight: 1e999"), 6, "principles.0.weight = '1e999': must be a finite number"),
    (changed("weight: 2", "weight: 0"), 6, "principles.0.weight = '0': must be greater than 0"),
    (changed("weight: 2", "weight: -1"), 6, "principles.0.weight = '-1': must be greater than 0"),
    (changed("weight: 2", "weight: [2]"), 6, "principles.0.weight = ['2']: must be a number"),
    (changed("weight: 2", "weight:"), 6, "principles.0.weight = None: must be a number"),
    (changed("weight: 2", "wieght: 2"), 6, "principles.0.wieght = '2': no such key; did you mean `weight`?"),
    (changed("weight: 2", "use: []"), 6, "principles.0.use = []: must not be empty"),
    (changed("weight: 2", "use: [judging]"), 6, "principles.0.use.0 = 'judging': must be"),
    (changed("weight: 2", "scope: [private]"), 6, "principles.0.scope.0 = 'private': must be TAG=VALUE, such as"),
    (changed("weight: 2", "scope:\n    - a=b\n    - c"), 8, "principles.0.scope.1 = 'c': must be TAG=VALUE"),
    (changed("weight: 2", "use: [comparison]\n    critique: Where is it rude?"), 6, "`use` leaves critique out"),
    (changed("weight: 2", "critique: Where is {it} rude?"), 6, "a placeholder that nobody fills: ['it']"),
    (changed("weight: 2", "examples: {follows: ['']}"), 6, "principles.0.examples.follows.0 = '': must not be empty"),
    (changed("weight: 2", "provenance: {price: 2}"), 6, "price = '2': no such key; there are source, place"),
    # propositions, response types and questions
    (changed("rude: Is it rude?", "'ru de': Is it rude?"), 10, "must be 1 to 63 small letters, digits, `-` and `_`"),
    (changed("Is it rude?", "Is {this} rude?"), 10, "propositions.rude = 'Is {this} rude?': a placeholder that nobody"),
    (changed("questions:", "response_types:\n  soft: {acceptable: [x]}\nquestions:"), 12, "no proposition: ['x']"),
    (changed("  rubric:", "  verdict:"), 12, "questions.verdict.[key] = 'verdict': must be 'rubric'"),
    (changed("{request}", "{question}"), 12, "questions.rubric: a placeholder that nobody fills: ['question']"),
    (changed("{response}", "the answer"), 12, "questions.rubric: never shows what it asks about: ['response']"),
    (changed("{request}", "nothing"), 12, "questions.rubric: never shows what it asks about: ['request']"),
    (changed("{response}", "{Response}"), 12, "nobody fills: ['Response']; did you mean {response}?"),
    (changed("Asked:", "{ request } {request1}"), 12, "a placeholder that nobody fills: [' request ', 'request1']"),
    (changed("Asked:", "{request-text}"), 12, "questions.rubric: a placeholder that nobody fills: ['request-text']"),
    (PLAIN + "  pairwise: '{request} {response_a} {response_b}'\n", 16, "what it asks about: ['principle']"),
    (PLAIN + "  meta: '{response} {judgment_a} {judgment_b}'\n", 16, "never shows what it asks about: ['request']"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "line", "reason"), HOSTILE, ids=[ascii(case[2])[1:50] for case in HOSTILE])
def test_a_hostile_constitution_is_refused_with_file_line_and_reason(
    tmp_path: Path, content: str | bytes, line: int, reason: str
) -> None:
    path = tmp_path / "constitution.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        load_constitution(path)
    said = str(caught.value).splitlines()
    assert all(sentence.startswith(f"{path}: line ") for sentence in said)
    assert said[0].startswith(f"{path}: line {line}: ")
    assert reason in said[0]
    assert len(said[0]) < 500 and "errors.pydantic.dev" not in said[0]


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "constitution.yaml"
    path.write_text(changed("weight: 2", "weight: heavy").replace("Be brief.", ""))
    with pytest.raises(ConfigError) as caught:
        load_constitution(path)
    assert [sentence.split(": ")[1] for sentence in str(caught.value).splitlines()] == ["line 6", "line 8"]


def test_of_very_many_faults_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    path = tmp_path / "constitution.yaml"
    path.write_text(changed("principles:\n", "principles:\n" + "  - x\n" * 1_000))
    with pytest.raises(ConfigError) as caught:
        load_constitution(path)
    said = str(caught.value).splitlines()
    assert len(said) == 21 and said[-1] == "and 980 more"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        load_constitution(tmp_path / "absent.yaml")


def test_a_list_whose_only_value_is_refused_is_not_called_empty_too(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(changed("weight: 2", "use: [comparision]"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"use\.0 = 'comparision': must be 'critique'") as refused:
        load_constitution(path)
    assert "empty" not in str(refused.value)
