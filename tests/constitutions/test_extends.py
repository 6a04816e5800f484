"""Overlays: what a constitution says that extends another one, and what is refused about it."""

import re
from pathlib import Path

import pytest

from constitutions.load import find_constitution, load_constitution, load_with_origins
from runs.errors import ConfigError

BASE = """
name: base
scale: {low: 0, high: 5}
explain: [reasons]
provenance: {author: A. Clerk, approver: B. Chair}
principles:
  - {id: kind, text: Be kind., weight: 2, provenance: {approver: B. Chair}}
  - {id: brief, text: Be brief., provenance: {approver: B. Chair}}
  - {id: true, text: Be right.}
questions:
  expected: "{request} {response} From 0 to 5?"
"""
OVER = """
extends: base.yaml
name: over
without: [brief]
principles:
  - {id: new, text: Be new.}
  - {id: kind, text: Be kinder.}
questions:
  pairwise: "{principle} {request} {response_a} {response_b}"
"""
WHOLE = """
name: over
scale: {low: 0, high: 5}
explain: [reasons]
principles:
  - {id: kind, text: Be kinder., weight: 2}
  - {id: true, text: Be right.}
  - {id: new, text: Be new.}
questions:
  expected: "{request} {response} From 0 to 5?"
  pairwise: "{principle} {request} {response_a} {response_b}"
"""


def written(folder: Path, **files: str) -> dict[str, Path]:
    paths = {name: folder / f"{name}.yaml" for name in files}
    for name, path in paths.items():
        path.write_text(files[name], encoding="utf-8")
    return paths


def test_an_overlay_means_what_the_same_constitution_written_out_would(tmp_path: Path) -> None:
    files = written(tmp_path, base=BASE, over=OVER, whole=WHOLE)
    over = load_constitution(files["over"])
    assert over.said == load_constitution(files["whole"]).said
    assert over.digest == load_constitution(files["whole"]).digest


def test_nobody_who_approved_the_base_has_approved_what_an_overlay_changes(tmp_path: Path) -> None:
    over = load_constitution(written(tmp_path, base=BASE, over=OVER)["over"])
    assert over.provenance.approver == over.principle("kind").provenance.approver == ""
    kept = written(tmp_path, base=BASE, plain="extends: base.yaml\nname: plain\n")["plain"]
    assert load_constitution(kept).principle("brief").provenance.approver == "B. Chair"


def test_each_value_of_an_overlay_is_known_by_the_file_and_line_that_it_comes_from(tmp_path: Path) -> None:
    files = written(tmp_path, base=BASE, over=OVER)
    _, origins = load_with_origins(files["over"])
    assert origins["principles", 0, "text"] == (files["over"], 7)
    assert origins["principles", 0, "weight"] == (files["base"], 7)
    assert origins["principles", 1, "text"] == (files["base"], 9)
    assert origins["principles", 2, "text"] == (files["over"], 6)
    assert origins["questions", "expected"] == (files["base"], 11)


def test_a_change_of_what_is_extended_changes_the_digest_at_once(tmp_path: Path) -> None:
    files = written(tmp_path, base=BASE, over=OVER)
    before = load_constitution(files["over"]).digest
    files["base"].write_text(BASE.replace("Be right.", "Be righter."), encoding="utf-8")
    assert load_constitution(files["over"]).digest != before


def test_a_fault_of_what_is_extended_is_told_with_its_own_file(tmp_path: Path) -> None:
    files = written(tmp_path, base=BASE.replace("weight: 2", "weight: heavy"), over=OVER)
    with pytest.raises(ConfigError, match=r"base\.yaml: line 7: principles\.0\.weight = 'heavy'"):
        load_constitution(files["over"])


def test_a_shipped_constitution_can_be_extended_by_name_and_in_markdown(tmp_path: Path) -> None:
    page = tmp_path / "mine.md"
    page.write_text("---\nextends: helpful\nname: mine\n---\n\n## brief\n\nBe brief.\n", encoding="utf-8")
    mine, shipped = load_constitution(page), find_constitution("helpful")
    assert [principle.id for principle in mine.principles] == [*(p.id for p in shipped.principles), "brief"]
    assert mine.questions == shipped.questions


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ("extends: over.yaml\nname: over\n", "line 1: .*would in the end extend itself"),
        ("extends: nothing.yaml\nname: over\n", "line 1: .*no such constitution"),
        ("extends: [base.yaml]\nname: over\n", "line 1: .*must name a constitution"),
        ("extends: base.yaml\n", "line 1: name: is missing"),
        ("extends: base.yaml\nname: over\nwithout: [polite]\n", "line 3: without = 'polite': .*only kind, brief, true"),
        ("extends: base.yaml\nname: over\nwithout: brief\n", "line 3: without = 'brief': must be a list"),
        (
            "extends: base.yaml\nname: over\nwithout: [kind]\nprinciples:\n  - {id: kind, weight: 3}\n",
            "line 5: 'kind' is left out and changed",
        ),
        (
            "extends: base.yaml\nname: over\nprinciples:\n  - {id: a, text: A.}\n  - {id: a, text: B.}\n",
            "two principles are called 'a'",
        ),
        (
            "extends: base.yaml\nname: over\nprinciples:\n  - {id: kindd, weight: 5}\n",
            "line 4: what is extended has no principle 'kindd' to change; did you mean 'kind'?",
        ),
        ("name: over\nwithout: [kind]\nscale: {low: 0, high: 5}\nquestions: {}\n", "line 2: without.*no such key"),
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused_with_its_line(tmp_path: Path, over: str, says: str) -> None:
    with pytest.raises(ConfigError, match=f"over.yaml: {says}" if says.startswith("line") else says):
        load_constitution(written(tmp_path, base=BASE, over=over)["over"])


def test_two_files_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    files = written(tmp_path, a="extends: b.yaml\nname: a\n", b="extends: a.yaml\nname: b\n")
    with pytest.raises(ConfigError, match=r"b\.yaml: line 1: .*would in the end extend itself"):
        load_constitution(files["a"])


def test_an_overlay_of_something_that_is_no_tree_is_told_what_is_wrong_with_it(tmp_path: Path) -> None:
    files = written(tmp_path, base="- a list\n", over="extends: base.yaml\nname: over\n")
    with pytest.raises(ConfigError, match=r"base\.yaml: line 1: constitution = .*must be `key: value` lines"):
        load_constitution(files["over"])


def test_leaving_out_what_another_principle_is_the_opposite_of_is_refused_with_the_way_that_is_read(
    tmp_path: Path,
) -> None:
    over = "extends: microworld\nname: over\nwithout: [thorough]\n"
    says = r"over\.yaml: line 3: without = 'thorough': 'concise' names it as its opposite; .*`(\{.*\})` under"
    with pytest.raises(ConfigError, match=says) as refused:
        load_constitution(written(tmp_path, over=over)["over"])
    (change,) = re.findall(says, str(refused.value))
    mended = load_constitution(written(tmp_path, over=f"{over}principles:\n  - {change}\n")["over"])
    assert mended.principle("concise").opposite is None
