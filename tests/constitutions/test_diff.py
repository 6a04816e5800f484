"""In what two constitutions differ, and how much both speak of the same: held against labels of people."""

import json
from pathlib import Path
from typing import Any

import pytest

from constitutions.diff import Change, changes, other_parts, overlap
from constitutions.load import Constitution, Scale
from constitutions.principle import Principle
from constitutions.similarity import SAME, Relevance, similarities
from loop.cli import main
from loop.constitution_diff import text
from loop.constitution_import import said_once

KIND = Principle(id="kind", text="Be kind to people.")
BRIEF = Principle(id="brief", text="Be brief.", weight=2)
RIGHT = Principle(id="right", text="Be right about facts.")
SAFE = Principle(id="safe", text="Do no harm.")


def constitution(*principles: Principle, **parts: Any) -> Constitution:
    return Constitution(name="own", scale=Scale(low=0, high=5), principles=principles, questions={}, **parts)


BEFORE = constitution(KIND, BRIEF, RIGHT, SAFE)


@pytest.mark.parametrize(
    ("after", "change"),
    [
        ((KIND, BRIEF, RIGHT), Change("removed", "safe", "Do no harm.", None)),
        ((KIND, BRIEF, RIGHT, SAFE, Principle(id="new", text="N.")), Change("added", "new", None, "N.")),
        ((KIND, BRIEF.model_copy(update={"weight": 1.0}), RIGHT, SAFE), Change("reweighted", "brief", 2.0, 1.0)),
        (
            (KIND.model_copy(update={"text": "Be kind."}), BRIEF, RIGHT, SAFE),
            Change("reworded", "kind", "Be kind to people.", "Be kind."),
        ),
        (
            (KIND, BRIEF, RIGHT.model_copy(update={"scope": ("harm=no",)}), SAFE),
            Change("rescoped", "right", {"scope": []}, {"scope": ["harm=no"]}),
        ),
        ((SAFE, KIND, BRIEF, RIGHT), Change("reordered", "safe", 4, 1)),
        ((KIND, BRIEF, RIGHT, SAFE.model_copy(update={"id": "mild"})), Change("renamed", "safe", "safe", "mild")),
    ],
)
def test_one_edit_is_one_change(after: tuple[Principle, ...], change: Change) -> None:
    assert changes(BEFORE, constitution(*after)) == [change]


def test_a_principle_that_stands_under_another_id_is_not_gone_whatever_else_changed() -> None:
    curt = BRIEF.model_copy(update={"id": "curt", "weight": 1.0})
    assert changes(BEFORE, constitution(curt, KIND, RIGHT, SAFE)) == [
        Change("renamed", "brief", "brief", "curt"),
        Change("reweighted", "brief", 2.0, 1.0),
        Change("reordered", "brief", 2, 1),
    ]
    opposed, now = (SAFE.model_copy(update={"opposite": opposite}) for opposite in ("brief", "curt"))
    renamed = BRIEF.model_copy(update={"id": "curt"})
    expected = [Change("renamed", "brief", "brief", "curt")]
    assert changes(constitution(BRIEF, opposed), constitution(renamed, now)) == expected


def test_what_is_the_same_is_no_change_and_what_nobody_sees_is_none_either() -> None:
    approved = KIND.model_copy(update={"provenance": KIND.provenance.model_copy(update={"approver": "B. Chair"})})
    assert changes(BEFORE, constitution(approved, BRIEF, RIGHT, SAFE)) == []
    assert other_parts(BEFORE, BEFORE) == []


def test_what_changes_beside_the_principles_is_named() -> None:
    after = constitution(KIND, BRIEF, RIGHT, SAFE, order="shuffled", propositions={"right": "Is it right?"})
    assert other_parts(BEFORE, after) == ["order", "propositions.right"]


def test_a_proposition_that_did_not_change_is_not_gone_and_new_because_its_name_did() -> None:
    kept = {"kind": "It is kind.", "safe": "It is safe."}
    before = constitution(propositions={**kept, "brief": "It is brief."})
    after = constitution(propositions={**kept, "curt": "It is brief.", "right": "It is right."})
    assert other_parts(before, after) == ["propositions.brief, now propositions.curt", "propositions.right"]
    assert other_parts(before, constitution(propositions=kept)) == ["propositions.brief"]


LABELLED = [
    (
        "The response gives no real help in doing serious harm, such as violence or weapons.",
        "The AI does not help anybody to do violence or to build weapons.",
        True,
    ),
    (
        "The response is as short as the request allows, with no filler.",
        "The answer is short and has no filler or repetition.",
        True,
    ),
    (
        "The response exposes nothing private about a person who has not agreed to it.",
        "The AI should protect the privacy of people and expose nothing private about them.",
        True,
    ),
    (
        "The response states as true only what is true, and makes up no facts or sources.",
        "The AI should be truthful and not make up facts or sources.",
        True,
    ),
    (
        "The response treats all people as equals, and demeans nobody for who they are.",
        "The AI should treat all people equally and demean nobody.",
        True,
    ),
    (
        "The response leaves decisions about a person's own life to that person.",
        "The AI should respect that decisions about a person's life are that person's own.",
        True,
    ),
    (
        "The response says how sure it is.",
        "The AI says how sure it is of what it states.",
        True,
    ),
    (
        "The response gives no real help in doing serious harm, such as violence or weapons.",
        "The response is as short as the request allows, with no filler.",
        False,
    ),
    (
        "The response exposes nothing private about a person who has not agreed to it.",
        "The response states as true only what is true, and makes up no facts or sources.",
        False,
    ),
    (
        "The response treats all people as equals, and demeans nobody for who they are.",
        "The response leaves decisions about a person's own life to that person.",
        False,
    ),
    (
        "The response is kind to the person.",
        "The response is right about the facts.",
        False,
    ),
    (
        "The AI should be accessible to people with disabilities.",
        "The AI should be truthful and not make up facts or sources.",
        False,
    ),
    (
        "The response does not lecture or moralise.",
        "The response does what the person asked for, correctly.",
        False,
    ),
    (
        "The AI should be creative.",
        "The AI should be objective.",
        False,
    ),
]
"""Pairs of principles, and whether they speak of the same, as somebody labelled them. SAME was chosen on them."""


def test_overlap_agrees_with_what_people_say_of_the_same_principles() -> None:
    a = constitution(
        *(Principle(id=f"a{n}", text=f"The response {one}.") for n, (one, _, _) in enumerate(LABELLED[:7]))
    )
    b = constitution(*(Principle(id=f"b{n}", text=f"The AI {one}.") for n, (_, one, _) in enumerate(LABELLED[:7])))
    strange = constitution(Principle(id="x", text="The AI speaks Latin."), Principle(id="y", text="The AI sings."))
    found = overlap(a, b)
    assert [(one.a, one.b) for one in found.counterparts] == [(f"a{n}", f"b{n}") for n in range(7)]
    assert (found.of_a, found.of_b) == (1.0, 1.0)
    assert overlap(a, strange).of_a == 0.0
    assert overlap(a, constitution()).of_b is None
    half = constitution(*b.principles[:2], *strange.principles)
    assert overlap(half, a).of_a == 0.5 and overlap(half, a).of_b == 2 / 7


def test_pairs_labelled_by_hand_are_told_apart() -> None:
    firsts, seconds = [a for a, _, _ in LABELLED], [b for _, b, _ in LABELLED]
    alike = similarities(firsts, seconds)
    assert [alike[n][n] >= SAME for n in range(len(LABELLED))] == [label for _, _, label in LABELLED]


def test_texts_without_a_word_of_their_own_are_like_nothing() -> None:
    assert similarities(["the AI should"], ["please choose"]) == [[0.0]]
    assert Relevance(("the AI",)).to("kindness") == [0.0]
    assert Relevance(("be kind to animals", "the weather in May")).to("which animal is it?")[0] > 0.1


def test_said_once_keeps_the_first_of_each_use() -> None:
    other = KIND.model_copy(update={"id": "other", "use": ("critique",)})
    once = said_once([KIND, KIND.model_copy(update={"id": "again"}), other])
    assert [one.id for one in once.kept] == ["kind", "other"]
    assert [(place, one.id) for place, one in once.merged] == [(0, "again")] and not once.near


def test_diff_says_all_of_it_for_people_and_as_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: helpful-honest-harmless\nname: mine\nwithout: [does-not-preach]\n"
        "principles:\n  - {id: truthful, weight: 5}\n",
        encoding="utf-8",
    )
    assert main(["constitution", "diff", "helpful-honest-harmless", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["principle"]) for one in document["principles"]] == [
        ("reweighted", "truthful"),
        ("removed", "does-not-preach"),
    ]
    assert document["overlap"]["of_b"] == 1.0 and document["labels"] is None and document["other"] == []
    assert main(["constitution", "diff", "helpful-honest-harmless", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "~ reweighted truthful: 2.0 -> 5.0" in shown and "- removed does-not-preach: " in shown


def test_an_edit_of_several_fields_is_told_field_by_field_and_files_of_one_name_apart() -> None:
    scoped = KIND.model_copy(update={"scope": ("harm=yes",), "use": ("comparison",)})
    shown = text(BEFORE, constitution(scoped, BRIEF, RIGHT, SAFE))
    assert "~ rescoped kind: scope [] -> [harm=yes]; use [comparison, critique] -> [comparison]" in shown
    assert "of the principles of the first have a counterpart in the second" in shown
    assert "{" not in shown


def test_a_similarity_is_at_most_one() -> None:
    texts = [text for pair in LABELLED for text in pair[:2]]
    assert max(max(row) for row in similarities(texts, texts)) == 1.0
