"""The admission gate: what is asked of the seed's judge, and that no answer is no pass."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from small import chain, run_small

from judges.statistics import Label, LabelledPair
from loop.config_guards import Guards
from loop.guards.admission import admission
from loop.steps.measure import anchor_faults, anchor_metrics, position_consistency
from runs.lineage import decision_of
from runs.records import Judgment, Reply, Unscored

LABELS: Sequence[Label] = ("a", "b") * 50


def failed(numbers: dict[str, float | None], compares: bool, labels: Sequence[Label] = LABELS) -> set[str]:
    found = admission(Guards(), {"": numbers}, {"": labels}, compares)
    return {finding.guard for finding in found if not finding.passed}


def judgment(score: float | None, ab: float | None = None, ba: float | None = None) -> Judgment:
    orders = (("ab", ab), ("ba", ba))
    replies = tuple(Reply("p", order, "", read) for order, read in orders if read is not None)
    reason = Unscored.TIE if score is None else None
    return Judgment("pair", ("x", "y"), "who", "base", "pairwise", "c", ("p",), replies, score, reason, score, 0)


def test_a_judge_that_ties_all_answers_is_not_admitted() -> None:
    pairs = [LabelledPair(label, 3.0, 3.0) for label in LABELS]
    numbers = anchor_metrics(pairs, 0) | anchor_faults([judgment(3.0)] * 100)
    assert failed(numbers, compares=False) == {"min_anchor_accuracy"}


def test_a_family_of_which_the_judge_decides_no_pair_is_no_evidence_against_it() -> None:
    tied = anchor_metrics([LabelledPair("a", 3.0, 3.0)] * 3, 0) | anchor_faults([judgment(3.0)] * 3)
    sound = anchor_metrics([LabelledPair("a", 4.0, 3.0)] * 100, 0) | anchor_faults([judgment(3.0)] * 100)
    labels: dict[str, Sequence[Label]] = {"": ["a"] * 100, "family=sort": ["a"] * 3}
    for overall, passes in ((sound, True), (tied, False)):
        found = admission(Guards(), {"": overall, "family=sort": tied}, labels, False)
        assert all(finding.passed for finding in found) == passes


def test_labels_that_are_all_ties_ask_nothing_of_accuracy() -> None:
    numbers = anchor_metrics([LabelledPair("tie", 3.0, 3.0)] * 9, 0) | anchor_faults([judgment(3.0)] * 9)
    assert failed(numbers, compares=False, labels=["tie"] * 9) == set()


def test_a_judge_of_pairs_that_was_heard_in_one_order_is_not_admitted() -> None:
    rows = [judgment(0.9, ab=0.9)] * 100
    right = anchor_metrics([LabelledPair("a", 0.9, 0.1)] * 100, 0) | anchor_faults(rows) | position_consistency(rows)
    assert failed(right, compares=True) == {"min_position_consistency"}
    assert failed(right, compares=False) == set()


def test_what_was_never_measured_fails_all_that_is_asked() -> None:
    assert failed({}, compares=True) == {"min_anchor_accuracy", "min_position_consistency", "max_unscored_frac"}
    unasked = Guards(min_anchor_accuracy=0, min_position_consistency=0, max_unscored_frac=1)
    assert admission(unasked, {}, {"": LABELS}, True) == []
    assert admission(Guards(), {}, {"": []}, True) == []


def test_a_panel_is_as_consistent_as_its_members() -> None:
    always_first = judgment(0.5 + 1e-6, ab=0.9, ba=0.1)
    members = position_consistency([always_first, always_first, judgment(0.9, ab=0.9, ba=0.9)])
    assert members["judge/anchor_position_consistency_frac"] == pytest.approx(1 / 3)


def test_families_are_those_of_the_labelled_pairs(tmp_path: Path) -> None:
    """Held-out prompts without tags do not hide the family in which the judge fails."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(f'{{"prompt": "Say {n}."}}\n' for n in range(60)))
    anchors = tmp_path / "anchors.jsonl"
    rows = [
        {
            "messages": [{"role": "user", "content": f"Ask {n}."}],
            "a": f"yes {n}",
            "b": f"no {n}",
            "label": "ab"[n % 2],
            "tags": {"family": "odd" if n % 2 else "even"},
        }
        for n in range(40)
    ]
    anchors.write_text("".join(json.dumps(row) + "\n" for row in rows))
    store, outcome = run_small(
        tmp_path / "home",
        iterations="0",
        gold__enabled="false",
        prompts__source=str(prompts),
        measure__anchors=str(anchors),
        measure__anchor_count="40",
        guards__min_anchor_accuracy="1",
    )
    assert outcome.kind == "halted"
    (seed,) = chain(store)
    found = {finding["metric"] for finding in decision_of(store, seed)["evidence"]}
    assert {f"judge/anchor_accuracy_high (family={name})" for name in ("odd", "even")} <= found
    tags = {row.tag for row in store.all_rows("measurements", store.output(seed.outputs["measure"]))}
    assert tags == {"", "family=odd", "family=even"}


def test_the_members_of_a_panel_are_asked_for_consistency(tmp_path: Path) -> None:
    store, outcome = run_small(
        tmp_path,
        iterations="0",
        judge__method="pairwise",
        judge__panel=["seed"],
        judge__adapter="base",
        judge__base="microworld:m0",
        guards__min_position_consistency="1",
        guards__max_unscored_frac="1",
    )
    assert outcome.kind == "halted"
    (seed,) = chain(store)
    failing = [one["guard"] for one in decision_of(store, seed)["evidence"] if not one["passed"]]
    assert set(failing) == {"min_position_consistency"}
