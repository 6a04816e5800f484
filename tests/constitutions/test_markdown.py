"""A constitution as Markdown: the same tree as YAML, the same digest, and faults named with their line in the page."""

from pathlib import Path

import pytest

from constitutions.load import load_constitution
from constitutions.prose import unwrapped
from runs.errors import ConfigError

PAGE = """\
---
name: plain
scale: {low: 0, high: 5}
questions:
  rubric: |-
    Asked: {request}
    Answered: {response}
---

# How to be plain

This is for whoever reads the page.

## kind

Be kind,
and mean it.

Kindness is remembered
long after.

It has two parts:

- to notice
- to act
  on it

```yaml
weight: 2
scope: [mood=sad]
```

## brief

Be brief.
"""
TREE = r"""
questions: {rubric: "Asked: {request}\nAnswered: {response}"}
principles:
  - id: kind
    weight: 2
    scope: [mood=sad]
    text: Be kind, and mean it.
    reasons: |
      Kindness is remembered long after.

      It has two parts:

      - to notice
      - to act on it
  - {id: brief, text: Be brief.}
scale: {low: 0, high: 5}
name: plain
"""


def write(tmp_path: Path, text: str, suffix: str = ".md") -> Path:
    path = tmp_path / f"constitution{suffix}"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_a_page_and_a_tree_that_say_the_same_are_the_same_constitution(tmp_path: Path) -> None:
    page, tree = load_constitution(write(tmp_path, PAGE)), load_constitution(write(tmp_path, TREE, ".yaml"))
    assert page == tree and page.digest == tree.digest
    assert [p.id for p in page.principles] == ["kind", "brief"]
    assert page.principles[0].reasons.endswith("It has two parts:\n\n- to notice\n- to act on it")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("Be kind,\nand mean it.", "Be kind, and\nmean  it."),
        ("This is for whoever reads the page.", "Nobody reads this."),
        ("## brief\n\n", "## brief\n"),
        ("weight: 2", "weight: 2.0  # twice"),
        ("```yaml\nweight: 2\nscope: [mood=sad]\n```\n", ""),
    ],
    ids=["Windows line ends", "other lines", "other introduction", "no blank line", "a comment", "fields moved up"],
)
def test_the_layout_of_a_page_and_what_is_for_its_reader_do_not_change_the_digest(
    tmp_path: Path, old: str, new: str
) -> None:
    changed = PAGE.replace(old, new)
    if not new:
        changed = changed.replace("## kind\n", f"## kind\n{old}")
    assert changed != PAGE
    assert load_constitution(write(tmp_path, changed)).digest == load_constitution(write(tmp_path, PAGE)).digest


def test_the_order_of_sections_is_the_order_of_precedence(tmp_path: Path) -> None:
    head, kind, brief = PAGE.partition("## kind")[0], *PAGE.partition("## kind")[2].split("## brief\n")
    turned = load_constitution(write(tmp_path, f"{head}## brief\n{brief}\n## kind{kind}"))
    assert [p.id for p in turned.principles] == ["brief", "kind"]
    assert turned.digest != load_constitution(write(tmp_path, PAGE)).digest


def test_a_front_matter_may_hold_the_principles_itself(tmp_path: Path) -> None:
    assert load_constitution(write(tmp_path, f"---{TREE}---\n")) == load_constitution(write(tmp_path, TREE, ".yaml"))


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        (PAGE, "", 1, "begins with a front matter between two lines ---"),
        (PAGE, "# kind\n\nBe kind.", 1, "begins with a front matter between two lines ---"),
        ("---\n\n# How", "\n# How", 1, "the front matter never ends"),
        ("name: plain\n", "", 2, "name: is missing"),
        ("low: 0", "low: &x 0", 3, "aliases and anchors are not read"),
        ("low: 0", "low: a", 3, "scale.low = 'a': must be a whole number"),
        ("{request}", "{question}", 5, "questions.rubric: a placeholder that nobody fills: ['question']"),
        ("name: plain", "name: plain\nprinciples: []", 3, "principles stand here and, from line 15 on, in sections"),
        ("## kind", "## Kind", 14, "principles.0.id = 'Kind': must be 1 to 63 small letters, digits, `-` and `_`"),
        ("## brief", "## kind", 33, "principles.1.id: two principles are called 'kind'"),
        ("Be kind,\n", "Be {kind},\n", 16, "principles.0.text = 'Be {kind},\\nand mean it.': a placeholder"),
        ("Kindness", "{response}", 19, "a placeholder that nobody fills: ['response']"),
        ("Be brief.\n", "", 33, "principles.1.text: is missing"),
        ("weight: 2", "weight: heavy", 29, "principles.0.weight = 'heavy': must be a number"),
        ("weight: 2", "wieght: 2", 29, "principles.0.wieght = '2': no such key; did you mean `weight`?"),
        ("weight: 2", "- weight", 30, "expected <block end>"),
        ("weight: 2\nscope: [mood=sad]", "heavy", 29, "the fields of 'kind' must be `key: value` lines"),
        ("weight: 2", "weight: *x", 29, "aliases and anchors are not read"),
        ("weight: 2", "weight: 2\nweight: 3", 30, "the key 'weight' stands here twice"),
        ("weight: 2", "id: good", 29, "id is not read here: it is the heading of the section"),
        ("weight: 2", "text: Be good.", 29, "text is not read here: it is the first paragraph of the section"),
        ("weight: 2", "reasons: none", 29, "reasons is not read here: it is the paragraphs after the first"),
        ("mood=sad]\n```\n", "mood=sad]\n", 28, "a block that never ends"),
        ("## brief", "```yaml\nuse: [critique]\n```", 33, "a second block of fields in the section 'kind'"),
        ("## brief", "## brief\n\n```yaml\n" + "# x\n" * 60_000 + "```", 9, "more than the 200000 characters"),
        ("Be brief.", "Be \x1b[31mbrief.", 35, "the character U+001B, which nobody sees, is not read"),
        ("## brief", "# brief", 33, "the heading '# brief' is no principle's; a principle's is `## id`"),
        ("## brief", "### brief", 33, "the heading '### brief' is no principle's"),
        ("Be brief.", "```\nbrief\n```", 35, "the fence '```' is not read"),
        ("Be brief.", "Be brief. <!-- Or not. -->", 35, "a comment, which a reader of the page does not see"),
        (PAGE[PAGE.index("## kind") :], "", 9, "what follows has no section `## id`"),
    ],
)  # fmt: skip
def test_a_hostile_page_is_refused_with_file_line_and_reason(
    tmp_path: Path, old: str, new: str, line: int, reason: str
) -> None:
    assert PAGE.count(old) == 1
    path = write(tmp_path, PAGE.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_constitution(path)
    said = str(caught.value).splitlines()[0]
    assert said.startswith(f"{path}: line {line}: ")
    assert reason in said


def test_a_page_of_very_many_sections_is_read_in_a_time_that_grows_with_it(tmp_path: Path) -> None:
    head = PAGE.partition("# How")[0]
    sections = "".join(f"## p{nth}\n\nx\n\n```yaml\nweight: 2\n```\n" for nth in range(1000))
    assert len(load_constitution(write(tmp_path, head + sections)).principles) == 1000


def test_a_page_of_23000_words_is_read_whole_and_in_no_time(tmp_path: Path) -> None:
    sections = [f"## p{nth}\n\nBe good in respect {nth}.\n\n" + "reason " * 224 + "\n" for nth in range(100)]
    head = PAGE.partition("# How")[0]
    long = load_constitution(write(tmp_path, head + "\n".join(sections)))
    assert sum(len(f"{p.text} {p.reasons}".split()) for p in long.principles) == 22_900


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ""),
        (" a\n b \n", "a b"),
        ("a\n\n\n\nb", "a\n\nb"),
        ("a\n \nb", "a\n\nb"),
        ("a:\n- b\n  c\n* d\n1. e\n2) f", "a:\n- b c\n* d\n1. e\n2) f"),
        ("a\n-b", "a -b"),
    ],
)
def test_prose_is_read_without_its_line_breaks_but_for_paragraphs_and_lists(text: str, read: str) -> None:
    assert unwrapped(text) == read
    assert unwrapped(read) == read
