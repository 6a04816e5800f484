"""Importing: what becomes a principle, what is said once, where it comes from, and that it reads back the same."""

import csv
import json
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest

from constitutions.contradiction import avoids, contrary
from constitutions.extends import Part
from constitutions.load import Constitution, load_constitution, validated
from constitutions.principle import Principle, Provenance, Votes
from constitutions.writing import as_text
from loop.cli import main
from loop.constitution_import import Ways, imported
from runs.errors import ConfigError, UsageError

DATA = Path(os.environ.get("SELFSAME_TEST_DATA", "nowhere")) / "cai"
THE_PAPERS = (
    "CritiqueRevisionInstructions.json",
    "RLMadisonInstructions.json",
    "CritiqueRevisionFewShotPrompts.json",
    "RLMadisonFewShotPrompts.json",
)


def constitution_of(*files: Path, out: str = "own.yaml", **ways: Any) -> Constitution:
    folder = files[0].parent
    found = imported(files, folder / out, "own", "helpful", Ways(**ways), Provenance())
    (folder / out).write_text(found.text, encoding="utf-8")
    assert load_constitution(folder / out) == found.constitution
    return found.constitution


def texts(constitution: Constitution) -> list[str]:
    return [principle.text for principle in constitution.principles]


# ---- Constitutional AI


@pytest.mark.skipif(not DATA.is_dir(), reason="SELFSAME_TEST_DATA does not hold the files of Constitutional AI")
def test_the_papers_principles_and_few_shots_import_render_and_read_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cai.yaml"
    files = [str(DATA / name) for name in THE_PAPERS]
    assert main(["constitution", "import", *files, "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    constitution = load_constitution(out)
    assert document["digest"] == constitution.digest and document["merged"] == []
    uses = [principle.use for principle in constitution.principles]
    assert uses == [("critique",)] * 16 + [("comparison",)] * 16
    assert len(constitution.exemplars_compared) == len(constitution.exemplars_revised) == 5
    assert not any(label in " ".join(texts(constitution)) for label in ("Options:", "Request:", "Critique:"))
    assert main(["constitution", "show", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["questions"]
    assert set(shown) == {"pairwise", "pairwise_reasoned", "critique", "revision", "direct_revision"}
    assert constitution.principles[16].text in shown["pairwise"]
    assert constitution.exemplars_compared[4].better in shown["pairwise"]
    assert constitution.exemplars_revised[0].revision in shown["revision"]
    assert as_text(constitution, out) == out.read_text(encoding="utf-8")
    assert main(["constitution", "lint", str(out), "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {(one["rule"], one["principle"]) for one in findings} >= {
        ("vague", "harmful4"), ("overlapping", "compare13"), ("no licence", "")
    }  # fmt: skip


@pytest.mark.parametrize(
    "ways", [{"votes": Path("v.csv")}, {"min_agreement": 0.9}, {"explained": True}, {"max_words": 50}]
)
def test_an_option_that_would_do_nothing_is_refused(tmp_path: Path, ways: dict[str, Any]) -> None:
    path = tmp_path / "list.txt"
    path.write_text("Be kind.", encoding="utf-8")
    with pytest.raises(UsageError, match=f"--{next(iter(ways)).replace('_', '-')} "):
        constitution_of(path, **ways)


@pytest.mark.parametrize("text", ["no json", '{"a": 1}', "[1, 2]", '[{"prompt": "no talk", "corrects": [], "x": 1}]'])
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"other\.json: "):
        constitution_of(path)


# ---- lists and documents


def test_a_list_gives_a_principle_for_each_line_or_each_item_with_its_line(tmp_path: Path) -> None:
    plain, items = tmp_path / "plain.txt", tmp_path / "items.md"
    plain.write_text("Be kind.\n\nBe brief.\n", encoding="utf-8")
    items.write_text("# Ours\n\nWe want:\n\n- Be *kind*\n  to all.\n- Be brief.\n\nThat is all.\n", encoding="utf-8")
    assert texts(constitution_of(plain)) == ["Be kind.", "Be brief."]
    read = constitution_of(items)
    assert texts(read) == ["Be *kind* to all.", "Be brief."]
    assert [one.id for one in read.principles] == ["be-kind-to-all", "be-brief"]
    assert [one.provenance.place for one in read.principles] == ["line 5", "line 7"]


def test_what_is_no_item_of_a_list_is_left_out_and_told_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "own.md", str(tmp_path / "own.yaml")
    path.write_text("# Rules\nNever lie.\n\nBe warm.\n- Be kind.\n  To all.\nAnd fair.\n", encoding="utf-8")
    assert main(["constitution", "import", str(path), "--out", out]) == 0
    assert "own.md: left out, as it is no item of the list: 3 (line 2, line 4, line 7)" in capsys.readouterr().err
    assert main(["constitution", "import", str(path), "--out", out, "--force", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["text"] for one in document["principles"]] == ["Be kind. To all."]
    assert [one["text"] for one in document["left_out"]] == ["Never lie.", "Be warm.", "And fair."]


def test_what_says_the_same_is_said_once_and_its_contrary_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    lines = [
        "The response shares nothing private about people who do not agree to it.",
        "A response shares nothing private about the people who did not agree to it.",
        "The response shares what is private about people who did not agree to it.",
        "The shorter response is better than the other one.",
        "The longer response is better than the other one.",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    constitution = constitution_of(path)
    assert texts(constitution) == [lines[0], *lines[2:]]
    assert constitution.principles[0].provenance.merged == (f"list.txt, line 2: {lines[1]}",)


def test_short_texts_that_mean_different_things_are_kept_and_told_unless_the_near_are_to_be_merged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "list.txt", tmp_path / "own.yaml"
    lines = ["The response is honest.", "The response is kind.", "The response may decline.", "A response is kind."]
    path.write_text("\n".join(lines), encoding="utf-8")
    command = ["constitution", "import", str(path), "--out", str(out), "--force"]
    assert main(command) == 0
    told = capsys.readouterr().err
    assert texts(load_constitution(out)) == lines[:3]
    assert "list.txt, line 4 says, but for words such as `the` and `is`, what the-response-is-kind says" in told
    assert "(--merge-near leaves out the later one): 1 (list.txt, line 2 ~ the-response-is-honest)" in told
    assert main([*command, "--json"]) == 0
    (near,) = json.loads(capsys.readouterr().out)["near"]
    assert near == {"principle": "the-response-is-honest", "text": lines[1], "place": "line 2"}
    assert main([*command, "--merge-near"]) == 0
    assert "list.txt, line 2 has most words in common with the-response-is-honest" in capsys.readouterr().err
    assert texts(load_constitution(out)) == [lines[0], lines[2]]


def test_a_long_document_is_split_into_short_parts_and_loses_nothing(tmp_path: Path) -> None:
    luck = random.Random(1)
    words = [f"word{n}" for n in range(3000)]
    sections = []
    for nth in range(60):
        sentences = [" ".join(luck.choices(words, k=luck.randrange(5, 30))) + "." for _ in range(24)]
        paragraphs = [" ".join(sentences[:2]), " ".join(sentences[2:16]), " ".join(sentences[16:])]
        sections.append(f"## About {words[nth]}\n\n" + "\n\n".join(paragraphs))
    document = tmp_path / "long.md"
    text = "# Long\n\n" + "\n\n".join(sections)
    document.write_text(text, encoding="utf-8")
    assert len(text.split()) > 20_000
    constitution = constitution_of(document, out="own.md", explained=True, max_words=120)
    for one in constitution.principles:
        assert len(f"{one.text} {one.reasons}".split()) <= 120
    assert (
        " ".join(f"{one.text} {one.reasons}" for one in constitution.principles).split()
        == " ".join(line for line in text.splitlines() if not line.startswith("#")).split()
    )


# ---- votes


def voted(
    folder: Path, statements: dict[str, tuple[float, float]], voters: int = 12, seed: int = 3
) -> tuple[Path, Path]:
    """Polis' two files: how probably somebody of the first and of the second half of the people agrees to each."""
    luck = random.Random(seed)
    comments, votes = folder / "comments.csv", folder / "votes.csv"
    with comments.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["timestamp", "datetime", "comment-id", "author-id", "agrees", "disagrees", "moderated", "comment-body"]
        )
        for nth, text in enumerate(statements):
            rows.writerow([0, "", nth, 1, 0, 0, -1 if text.startswith("spam") else 1, text])
    with votes.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow("timestamp datetime comment-id voter-id vote".split())
        for voter in range(voters):
            for nth, agree in enumerate(statements.values()):
                if luck.random() < 0.9:
                    likes = luck.random() < agree[voter % 2]
                    rows.writerow([0, "", nth, voter, 1 if likes else -1])
    return comments, votes


BOTH, FIRST, SECOND = (0.97, 0.97), (0.97, 0.03), (0.03, 0.97)
STATEMENTS = {
    "The AI is honest.": BOTH,
    "The AI takes sides with workers, always.": FIRST,
    "The AI takes sides with owners, always.": SECOND,
    "The AI keeps secrets.": BOTH,
    "The AI praises the government.": FIRST,
    "The AI mocks the government.": SECOND,
    "The AI may be rude.": (0.03, 0.03),
    "spam spam": BOTH,
}


def test_two_opposed_groups_leave_only_what_both_hold(tmp_path: Path) -> None:
    for seed in range(3):
        comments, votes = voted(tmp_path, STATEMENTS, voters=40, seed=seed)
        constitution = constitution_of(comments, votes=votes)
        assert set(texts(constitution)) == {"The AI is honest.", "The AI keeps secrets."}
        for one in constitution.principles:
            assert len(one.provenance.votes) == 2
            assert all(group.agree > 5 * group.disagree for group in one.provenance.votes.values())


def test_an_import_of_votes_says_how_many_are_in_each_group_and_how_each_voted_on_what_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    comments, votes = voted(tmp_path, STATEMENTS, voters=40)
    command = ["constitution", "import", str(comments), "--votes", str(votes), "--out", str(tmp_path / "own.yaml")]
    assert main(command) == 0
    told = capsys.readouterr().err
    assert "comments.csv: 2 groups of opinion: 20 people in group-1, 20 people in group-2" in told
    assert re.search(r"not every group of opinion holds it: 5 \(line 3: \d+ of \d+ and \d+ of \d+ agree", told)
    assert main([*command, "--force", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["groups"] == {str(comments): {"group-1": 20, "group-2": 20}}
    agreed = sorted(
        own["agree"] / (own["agree"] + own["disagree"]) for own in document["left_out"][0]["votes"].values()
    )
    assert agreed[0] < 0.2 and agreed[1] > 0.8


def test_where_no_statement_is_held_surely_enough_the_agreement_that_one_has_is_told(tmp_path: Path) -> None:
    comments, votes = voted(tmp_path, STATEMENTS, voters=40)
    says = r"comments\.csv: --min-agreement 0\.99: .* which takes --min-agreement (0\.\d+)$"
    with pytest.raises(ConfigError, match=says) as refused:
        constitution_of(comments, votes=votes, min_agreement=0.99)
    (enough,) = re.findall(says, str(refused.value))
    assert len(constitution_of(comments, votes=votes, min_agreement=float(enough)).principles) >= 1


def test_prose_that_is_read_as_a_list_is_told_of_the_way_to_read_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.md").write_text("# Charter\n\nThe response is honest.\n\nIt says what is true.\n")
    command = ["constitution", "import", str(tmp_path / "own.md"), "--out", str(tmp_path / "own.yaml"), "--force"]
    assert main(command) == 0
    assert "own.md: no line is an item of a list" in (told := capsys.readouterr().err) and "--explained" in told
    assert main([*command, "--explained"]) == 0
    assert "own.md: each section is a principle, also what introduces the document" in capsys.readouterr().err
    (tmp_path / "own.md").write_text("- The response is honest.\n")
    assert main(command) == 0
    assert "own.md" not in capsys.readouterr().err


def test_a_misspelt_name_after_like_is_told_as_that_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("The response is honest.\n")
    with pytest.raises(ConfigError, match=r"^--like microwold: no such file; did you mean microworld\?"):
        imported([tmp_path / "own.txt"], tmp_path / "own.yaml", "own", "microwold", Ways(), Provenance())


def test_a_large_group_does_not_outvote_a_small_one(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    lines = ["statement,voter,vote"]
    for voter in range(40):
        of_few = voter >= 34
        for text, agree in (("Be honest.", True), ("Side with us.", not of_few), ("Side with them.", of_few)):
            lines.append(f"{text},{voter},{'agree' if agree else 'disagree'}")
    path.write_text("\n".join(lines), encoding="utf-8")
    constitution = constitution_of(path)
    assert texts(constitution) == ["Be honest."]
    assert constitution.principles[0].provenance.votes == {
        "group-1": Votes(agree=34, disagree=0),
        "group-2": Votes(agree=6, disagree=0),
    }
    assert constitution.principles[0].provenance.place == "line 2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("statement,voter,vote\nBe honest.,1,yes\n", r"line 2: vote = 'yes': must be one of -1, 0, 1, disagree"),
        ("statement,voter,vote\nBe honest.,1,1\n", r"votes\.csv: 1 people voted on 1 statements or more: too few"),
        ("what,who\nBe honest.,1\n", "no column comment-body or statement or text; there are what, who"),
        ("comment-body,comment-id\nBe honest.,1\n", "no column vote; there are .* votes.csv with --votes"),
    ],
)
def test_votes_that_cannot_be_counted_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        constitution_of(path)


# ---- the file that is written


def test_whatever_a_principle_says_reads_back_and_what_markdown_cannot_hold_is_refused(
    tmp_path: Path,
) -> None:
    odd = Principle(id="odd", text="yes: no\n\n# not a heading", reasons="- a\n- 1e5\n\ntrue", scope=("a=b",))
    plain = Principle(id="plain", text="True", reasons="One.\n\nTwo.", weight=2.0, use=("comparison",))
    for principles in ((odd, plain), (plain,)):
        one = Constitution(name="one", scale={"low": 0, "high": 5}, principles=principles, questions={})  # type: ignore[arg-type]
        path = tmp_path / "one.yaml"
        assert validated((Part(path, as_text(one, path)),))[0] == one
    page = tmp_path / "one.md"
    assert validated((Part(page, as_text(one, page)),))[0] == one
    with pytest.raises(ConfigError, match=r"'odd' cannot stand in Markdown.*\.yaml"):
        as_text(one.model_copy(update={"principles": (odd,)}), page)


def test_a_file_that_is_there_is_not_written_over_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "list.txt", tmp_path / "own.yaml"
    path.write_text("Be kind.", encoding="utf-8")
    out.write_text("mine", encoding="utf-8")
    assert main(["constitution", "import", str(path), "--out", str(out)]) == 2
    assert out.read_text(encoding="utf-8") == "mine" and "--force" in capsys.readouterr().err
    assert main(["constitution", "import", str(path), "--out", str(out), "--force", "--licence", "CC0-1.0"]) == 0
    assert load_constitution(out).provenance == Provenance(source="list.txt", licence="CC0-1.0")


@pytest.mark.parametrize(("like", "fits"), [("microworld", True), ("helpful-honest-harmless", False)])
def test_the_command_that_is_named_next_is_one_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], like: str, fits: bool
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    path, out = tmp_path / "list.txt", tmp_path / "own.yaml"
    path.write_text("Be kind.", encoding="utf-8")
    assert main(["constitution", "import", str(path), "--out", str(out), "--like", like]) == 0
    told, command = capsys.readouterr().out, ["run", "self-rewarding", f"constitution={out}", "judge.method=pairwise"]
    assert (f"selfsame {' '.join(command)}" in told, "--like microworld" in told) == (fits, not fits)
    assert main([*command, "--dry-run"]) == (0 if fits else 78)


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ("share it", "do not share it", True),
        ("the longer answer", "the shorter answer", True),
        ("never the longer answer", "the shorter answer", False),
        ("share nothing", "do not share", False),
        ("be kind", "be kinder", False),
    ],
)
def test_texts_that_are_alike_are_contrary_where_one_is_negated_or_has_the_opposite_word(
    a: str, b: str, says: bool
) -> None:
    assert contrary(a, b) is contrary(b, a) is says
    assert avoids("share nothing") and not avoids("share all")
