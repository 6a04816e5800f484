"""What is doubtful about a constitution by its words: each rule on one that breaks it, and where the finding points."""

import json
from pathlib import Path

import pytest

from constitutions.finding import Finding, Linted
from constitutions.lint import grade, lint
from constitutions.load import load_with_origins
from judges.principle_votes import Voted
from loop.cli import main
from loop.constitution_lint import Measured, lint_measured

HEAD = """\
name: own
scale: {low: 0, high: 5}
provenance: {licence: CC0-1.0, author: A. Clerk, approver: B. Chair}
questions:
  pairwise: "{principle} {request} {response_a} {response_b}"
principles:
"""
KIND = "  - {id: kind, text: The response speaks kindly to the person., reasons: They are there.}\n"
APART = "use: [comparison], reasons: It matters."


def found(folder: Path, principles: str, head: str = HEAD) -> list[Finding]:
    path = folder / "own.yaml"
    path.write_text(head + principles, encoding="utf-8")
    return lint(*load_with_origins(path))


def test_a_constitution_that_is_plain_complete_and_approved_has_no_finding(tmp_path: Path) -> None:
    assert found(tmp_path, KIND) == []


@pytest.mark.parametrize(
    ("principle", "rule", "says"),
    [
        ("{id: x, text: The response is appropriate to all., use: [comparison]}", "vague", "'appropriate'"),
        (
            f"{{id: x, text: Care about everybody and feel it., {APART}}}",
            "unactionable",
            "'care' is about",
        ),
        (f"{{id: x, text: Be new., {APART}}}", "unactionable", "2 words"),
        (f"{{id: x, text: '{'The response says it well. ' * 15}', {APART}}}", "long", "75 words"),
        (
            f"{{id: x, text: The response demonstrates comprehensive multidisciplinary argumentation., {APART}}}",
            "readability",
            "years of school",
        ),
        (
            f"{{id: x, text: The response speaks kindly to the person and all., {APART}}}",
            "overlapping",
            "what kind",
        ),
        (f"{{id: x, text: The response never speaks kindly to the person., {APART}}}", "contradictory", "the contrary"),
        (
            f"{{id: x, text: The response is written in one short paragraph., opposite: kind, {APART}}}",
            "contradictory",
            "the opposite of kind, and both of them vote",
        ),
        ("{id: x, text: The response praises nobody at all., use: [probe]}", "uncovered", "no principle has it"),
        (
            "{id: x, text: The response says how long it took to write., use: [comparison]}",
            "no reasons",
            "x do not",
        ),
    ],
)
def test_what_a_principle_lacks_is_found_where_it_stands(tmp_path: Path, principle: str, rule: str, says: str) -> None:
    findings = found(tmp_path, f"{KIND}  - {principle}\n")
    (finding,) = [one for one in findings if one.rule != "no reasons"] or findings
    assert finding.rule == rule and says in finding.why and finding.todo
    if finding.principle:
        assert (finding.file.name, finding.line, finding.principle) == ("own.yaml", 8, "x")


def test_a_vague_word_that_is_explained_is_none(tmp_path: Path) -> None:
    told = "  - {id: x, text: The response is appropriate to all., reasons: It fits a school., use: [comparison]}\n"
    assert found(tmp_path, KIND + told) == []


def test_prompts_that_no_principle_holds_for_are_found(tmp_path: Path) -> None:
    scoped = "  - {id: x, text: The response speaks kindly to people., reasons: So., scope: [harm=yes]}\n"
    why = [one.why for one in found(tmp_path, scoped) if one.rule == "uncovered"]
    assert why == [f"a prompt with none of harm=yes has no principle for {use}" for use in ("comparison", "critique")]


def test_a_question_that_nobody_asks_leaves_its_principles_unseen(tmp_path: Path) -> None:
    only = HEAD.replace('pairwise: "{principle} {request} {response_a} {response_b}"', 'new_prompt: "{examples}"')
    (finding,) = found(tmp_path, f"  - {{id: x, text: The response says it once., {APART}}}\n", only)
    assert finding.rule == "uncovered" and finding.why.endswith("no question asks for comparison")


@pytest.mark.parametrize(("never", "says"), [(5, "100% of the weight is on avoiding"), (0, "0% of the weight")])
def test_principles_that_only_forbid_or_never_do_are_found(tmp_path: Path, never: int, says: str) -> None:
    about = ("weather", "parliament", "chemistry", "football", "grammar")
    lines = [
        f"  - {{id: {name}, text: The response says {'nothing' if nth < never else 'much'} on {name}., {APART}}}\n"
        for nth, name in enumerate(about)
    ]
    assert [one.why.startswith(says) for one in found(tmp_path, "".join(lines)) if one.rule == "balance"] == [True]


@pytest.mark.parametrize("field", ["licence", "author", "approver"])
def test_nobody_named_is_found_unless_each_principle_names_somebody(tmp_path: Path, field: str) -> None:
    said = {"licence": "CC0-1.0", "author": "A. Clerk", "approver": "B. Chair"}
    head = HEAD.replace(f"{field}: {said[field]}", f"source: here{', ' if field != 'approver' else ''}").replace(
        ", ,", ","
    )
    assert [one.rule for one in found(tmp_path, KIND, head)] == [f"no {field}"]
    each = KIND.replace("reasons:", f"provenance: {{{field}: somebody}}, reasons:")
    assert found(tmp_path, each, head) == []


def test_a_question_that_names_other_numbers_than_the_scale_is_found(tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    for scale, found in (("{low: 1, high: 10}", ["expected"]), ("{low: 0, high: 5}", [])):
        over.write_text(f"extends: microworld\nname: over\nscale: {scale}\n", encoding="utf-8")
        findings = [one for one in lint(*load_with_origins(over)) if one.rule == "scale"]
        assert [one.why.split()[0] for one in findings] == found
        assert all("from 0 to 5, and `scale` is 1 to 10" in one.why for one in findings)


def test_an_overlay_is_resolved_and_each_finding_points_into_its_own_file(tmp_path: Path) -> None:
    found(tmp_path, KIND + f"  - {{id: x, text: Be new., {APART}}}\n")
    over = tmp_path / "over.yaml"
    over.write_text(
        f"extends: own.yaml\nname: over\nprinciples:\n  - {{id: y, text: Be old., {APART}}}\n", encoding="utf-8"
    )
    findings = [one for one in lint(*load_with_origins(over)) if one.rule == "unactionable"]
    assert [(one.file.name, one.line, one.principle) for one in findings] == [
        ("over.yaml", 4, "y"),
        ("own.yaml", 8, "x"),
    ]


def test_long_words_and_sentences_take_more_years_of_school() -> None:
    assert grade("The cat sat. The dog ran.") < 2 < 12 < grade("Comprehensive multidisciplinary argumentation matters.")


def test_a_finding_is_no_error_unless_it_is_asked_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found(tmp_path, "  - {id: x, text: Be new.}\n")
    path = str(tmp_path / "own.yaml")
    assert main(["constitution", "lint", path, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {one["rule"] for one in document["findings"]} == {"unactionable", "no reasons"}
    assert main(["constitution", "lint", path, "--strict"]) == 78
    assert f"{path}:7: unactionable [x]: 2 words" in capsys.readouterr().out
    found(tmp_path, KIND)
    assert main(["constitution", "lint", path, "--strict"]) == 0


def test_questions_are_measured_in_the_judges_own_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found(tmp_path, KIND)
    ask = ["constitution", "lint", str(tmp_path / "own.yaml"), "--model", "microworld:m1", "--json", "--context"]
    findings = []
    for context in ("40", "76", "400"):
        assert main([*ask, context]) == 0
        findings.append(json.loads(capsys.readouterr().out)["findings"])
    (by_itself, *_), (by_principle, *_), none = findings
    assert by_itself["rule"] == by_principle["rule"] == "context" and none == []
    assert by_itself["principle"] == "" and "--like microworld" in by_itself["todo"]
    assert by_principle["principle"] == "kind" and "shorten the principle" in by_principle["todo"]
    assert main([*ask[:3], "--context", "40"]) == 2
    assert "--context is of the judge that --model names" in capsys.readouterr().err


def test_votes_show_what_never_decides_what_turns_with_the_order_and_what_votes_alike(tmp_path: Path) -> None:
    ids = ("idle", "rare", "turning", "sound", "alike", "unasked")
    about = ("weather", "parliament", "chemistry", "football", "grammar", "music")
    lines = [f"  - {{id: {id}, text: The response is on {on}., {APART}}}\n" for id, on in zip(ids, about, strict=True)]
    found(tmp_path, "".join(lines))
    read = Linted(*load_with_origins(tmp_path / "own.yaml"))
    votes = {
        "idle": Voted(asked=100, decided=1),
        "rare": Voted(asked=8, decided=0),  # of so few nobody can say
        "turning": Voted(asked=100, decided=90, both=100, flipped=70),
        "sound": Voted(asked=100, decided=90, both=100, flipped=45),
        "alike": Voted(asked=100, decided=90, both=100, flipped=45),
    }
    same = {("alike", "sound"): (100, 100), ("alike", "turning"): (97, 100)}
    turned = {"sound": (25, 100), "turning": (40, 100), "rare": (1, 1)}
    measured = Measured("r1@1", 100, 3, votes, same, turned)
    told = [(one.rule, one.principle, one.why) for one in lint_measured(read, measured)]
    assert told == [
        ("never decides", "idle", "it prefers an answer in 1 of 100 comparisons"),
        ("flips with order", "turning", "its verdict turns with the order in 70 of 100 comparisons"),
        ("turns with wording", "turning", "said in other words it prefers the other answer in 40 of 100 comparisons"),
        ("uncovered", "unasked", "no comparison of r1@1 asked by it alone"),
        ("overlapping", "sound", "it prefers what alike does in 100 of 100 comparisons"),
    ]
