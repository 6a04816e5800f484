"""What people's answers say of a judge and of one another."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sklearn.metrics import cohen_kappa_score

from judges.audit.records import JudgedPair
from judges.statistics import Label
from loop.people.batch import Batch, Given, Question
from loop.people.consensus import Labelled, chance_of_a, labelled, verdict
from loop.people.exports import anchor_rows, training_rows
from loop.people.report import Report, between, report
from loop.people.report_text import as_json, in_lines
from loop.people.temperature import fitted
from tests.loop.people.made import FIRST, SECOND, asked, compared, judged, of_answer, of_pair, prompt, says

SHOWN = compared(*(of_pair(0.9) for _ in range(20)))
BATCH = asked(SHOWN)


def given(*answers: Given, batch: Batch = BATCH) -> Batch:
    return replace(batch, given=answers)


def all_say(better: Sequence[str], source: str, batch: Batch = BATCH, **more: object) -> list[Given]:
    return [says(q, text, source, **more) for q, text in zip(batch.questions, better, strict=False)]  # type: ignore[arg-type]


def found(*answers: Given) -> Report:
    return report(SHOWN, labelled([given(*answers)]))


def test_the_first_answer_and_the_last_one_are_both_kept() -> None:
    question = BATCH.questions[0]
    (pair,) = labelled(
        [given(says(question, FIRST, "ann", "1"), says(question, SECOND, "ann", "2", reasons_seen=True))]
    )
    assert (pair.blind["ann"], pair.final["ann"]) == (("a", "b") if question.a == FIRST else ("b", "a"))
    assert pair.informed == {"ann"}


def test_an_answer_counts_for_the_text_however_it_was_shown() -> None:
    batches = [asked(SHOWN, name) for name in ("ann", "bob")]
    pairs = labelled([given(*all_say([FIRST] * 20, b.source, b), batch=b) for b in batches])
    assert len(pairs) == 20
    assert all(pair.final["ann"] == pair.final["bob"] for pair in pairs)
    assert any(one.a != next(q.a for q in batches[1].questions if q.pair == one.pair) for one in batches[0].questions)


def test_skipping_is_no_label() -> None:
    assert labelled([given(says(BATCH.questions[0], "skip", "ann"))]) == []


@pytest.mark.parametrize(
    ("labels", "chance", "most"),
    [(("a", "a", "b"), 2 / 3, "a"), (("a", "b"), 0.5, "tie"), (("tie", "b"), 0.25, "b"), (("tie",), 0.5, "tie")],
)
def test_several_people_together_say_what_most_of_them_say(labels: tuple[Label, ...], chance: float, most: str) -> None:
    assert chance_of_a(labels) == pytest.approx(chance)
    assert verdict(labels) == most


def test_a_judge_that_agrees_is_right_and_one_that_disagrees_is_not() -> None:
    agrees = found(*all_say([FIRST] * 20, "ann"))
    assert agrees.blind.accuracy.value == 1
    assert "1.00 (no interval)" in in_lines(agrees) and "no pair says anything else" in in_lines(agrees)
    against = found(*all_say([SECOND] * 15 + [FIRST] * 5, "ann"))
    assert against.blind.accuracy.value == 0.25
    assert against.by_reason["uncertain"].decided_n == 20


def test_of_two_pairs_no_rank_correlation_is_told() -> None:
    lines = in_lines(found(*all_say([FIRST] * 2, "ann"))).splitlines()
    (row,) = (line for line in lines if line.startswith("all, first answers"))
    assert row.count("too few") == 2 and "1.00" not in row
    assert lines[-1].startswith("Too few: of fewer than 10 pairs")


def test_answers_before_and_after_the_judges_reasons_are_told_apart() -> None:
    first = all_say([SECOND] * 20, "ann", time="1")
    after = all_say([FIRST] * 5 + [SECOND] * 3, "ann", time="2", reasons_seen=True)
    seen = found(*first, *after)
    assert seen.blind.accuracy.value == 0
    assert (seen.informed_before.n, seen.informed_before.accuracy.value) == (8, 0)
    assert (seen.informed_after.n, seen.informed_after.accuracy.value) == (8, 5 / 8)


def test_labels_of_answers_that_the_judge_never_saw_are_counted_apart() -> None:
    other = judged({(prompt(99).digest, "x", "y"): of_pair(0.5)}, [prompt(99)])
    about = report(other, labelled([given(*all_say([FIRST] * 20, "ann"))]))
    assert (about.pairs, about.not_judged, about.blind.n) == (20, 20, 0)
    assert "never saw" in in_lines(about)


def test_the_kappa_of_two_people_is_that_of_scikit_learn() -> None:
    lot = random.Random(4)
    ann = [lot.choice((FIRST, SECOND, "tie")) for _ in range(20)]
    bob = [text if lot.random() < 0.6 else "tie" for text in ann]
    pairs = labelled([given(*all_say(ann, "ann"), *all_say(bob, "bob"))])
    (both,) = between(["ann", "bob"], pairs, "blind")
    expected = cohen_kappa_score([p.blind["ann"] for p in pairs], [p.blind["bob"] for p in pairs])
    assert both.kappa.value == pytest.approx(expected)
    assert both.kappa.low is not None and both.kappa.high is not None
    assert both.kappa.low < expected < both.kappa.high
    assert (both.n, both.same_frac) == (20, sum(a == b for a, b in zip(ann, bob, strict=True)) / 20)


def test_people_without_a_pair_in_common_are_not_compared() -> None:
    answers = [says(BATCH.questions[0], FIRST, "ann"), says(BATCH.questions[1], FIRST, "bob")]
    assert found(*answers).between_blind == ()


def sure(n: int, true_temperature: float) -> list[JudgedPair]:
    """Pairs whose label follows the judge's chance with its log-odds divided by the temperature."""
    from scipy.special import expit, logit

    lot = random.Random(1)
    chances = [lot.choice((0.05, 0.2, 0.8, 0.95)) for _ in range(n)]
    right = [float(expit(logit(chance) / true_temperature)) for chance in chances]
    return [JudgedPair("a" if lot.random() < p else "b", c, None, 1, 1) for c, p in zip(chances, right, strict=True)]


def test_an_overconfident_judge_is_cooled_and_errs_less() -> None:
    cooled = fitted(sure(400, 3.0))
    assert cooled.temperature.low is not None and cooled.temperature.high is not None
    assert cooled.temperature.low < 3 < cooled.temperature.high and cooled.temperature.low > 1
    assert cooled.brier_before.value is not None and cooled.brier_after.value is not None
    assert cooled.brier_after.value < cooled.brier_before.value - 0.03


def test_too_few_pairs_give_no_temperature() -> None:
    few = fitted(sure(8, 1.0))
    assert few.n == 8 and few.temperature.value is None and few.brier_after.value is None


def test_a_judge_of_single_answers_has_no_temperature_and_the_report_says_so() -> None:
    p = prompt(0)
    shown = judged({(p.digest, FIRST): of_answer(4), (p.digest, SECOND): of_answer(2)}, [p])
    batch = asked(shown)
    about = report(shown, labelled([given(*all_say([FIRST], "ann", batch), batch=batch)]))
    assert about.temperature is None and about.blind.accuracy.value == 1
    assert "single answers" in in_lines(about)


def test_a_report_as_a_document_names_every_number() -> None:
    document = as_json(found(*all_say([FIRST] * 20, "ann"), *all_say([FIRST] * 20, "bob")))
    assert document["blind"]["accuracy"]["value"] == 1
    assert document["between_final"][0]["people"] == ["ann", "bob"]
    assert document["temperature"]["n"] == 20


def pair_of(*labels: Label) -> Labelled:
    question: Question = BATCH.questions[0]
    said = {f"person{n}": label for n, label in enumerate(labels)}
    return Labelled(question, "r1@1", said, said, frozenset())


def test_training_pairs_carry_who_said_so_and_how_many_agree() -> None:
    (row,) = training_rows([pair_of("b", "b", "a"), pair_of("a", "b"), pair_of("tie")])
    question = BATCH.questions[0]
    assert row["chosen"] == [{"role": "assistant", "content": question.b}]
    assert row["rejected"] == [{"role": "assistant", "content": question.a}]
    assert row["label_probability"] == pytest.approx(2 / 3)
    assert (row["label_source"], row["weight"]) == ("person:person0,person1,person2", 1.0)


def test_an_anchor_is_one_row_a_pair_and_may_be_a_tie() -> None:
    rows = anchor_rows([pair_of("b", "b", "a"), pair_of("a", "b")])
    assert [row["label"] for row in rows] == ["b", "tie"]
    assert rows[1]["source"] == "person:person0,person1"


def test_an_anchor_says_who_wrote_its_answers_where_that_is_known() -> None:
    known = pair_of("a")
    written = replace(known, question=replace(known.question, a_by="s1:fox", b_by="s1:hen"))
    rows = anchor_rows([known, written])
    assert "a_by" not in rows[0] and (rows[1]["a_by"], rows[1]["b_by"]) == ("s1:fox", "s1:hen")


def test_an_anchor_holds_what_was_said_before_the_judge_gave_its_reasons_and_a_training_pair_what_was_said_after() -> (
    None
):
    persuaded = replace(pair_of("a"), final={"person0": "b"}, informed=frozenset({"person0"}))
    assert anchor_rows([persuaded])[0]["label"] == "a"
    assert training_rows([persuaded])[0]["chosen"][0]["content"] == BATCH.questions[0].b
