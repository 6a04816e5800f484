"""The pairwise judge: what it asks in which order, and what hand-built replies amount to."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constitutions.load import Constitution, Scale
from constitutions.principle import Principle
from judges.dialogue import Chances, Choose, Item, Question, Round, Text, Verdict, Write
from judges.pairwise import Pairwise
from judges.voting import Voting
from runs.errors import ConfigError
from runs.records import Message, Reply, Unscored

ASKED = "{principle}|{request}|{response_a}|{response_b}"
CONSTITUTION = Constitution(
    name="test",
    scale=Scale(low=0, high=5),
    principles=(
        Principle(id="kind", text="be kind", weight=3.0),
        Principle(id="short", text="be short"),
        Principle(id="safe", text="be safe", scope=("harm=yes",)),
        Principle(id="critic", text="only for critiques", use=("critique",)),
    ),
    propositions={"evasive": "does it evade?"},
    questions={
        "pairwise": ASKED,
        "pairwise_reasoned": f"why?|{ASKED}",
        "proposition": "{proposition}|{request}|{response}",
    },
)
ITEM = Item((Message("user", "Q"),), ("one", "two"))
SWAPPED = Item(ITEM.messages, ("two", "one"))


def judge(voting: Voting | None = None, **settings: Any) -> Pairwise:
    return Pairwise(CONSTITUTION, voting or Voting(), 0.5, **settings)


def saying(first: float, mass: float = 1.0) -> Chances:
    """Probability `first` on the first label, of `mass` on both."""
    return Chances((_log(mass * first), _log(mass * (1 - first))))


def _log(probability: float) -> float:
    return math.log(max(probability, 1e-30))


def answered(judge: Pairwise, item: Item, answer: Callable[[Question], Text | Chances]) -> Verdict:
    """The verdict where each question is answered by `answer`, whatever came before."""
    rounds: list[Round] = []
    while questions := judge.ask(item, rounds):
        rounds.append(tuple(answer(question) for question in questions))
        assert len(rounds) < 4, "a dialogue is bounded"
    return judge.read(item, rounds)


def likes(text: str, sure: float = 0.9, place: float = 0.0) -> Callable[[Question], Text | Chances]:
    """A judge that finds `text` better, with a taste for the first place added to the probability of A."""

    def answer(question: Question) -> Chances:
        shown = question.messages[0].content.split("|")[-2]
        return saying(min(max((sure if shown == text else 1 - sure) + place, 0.0), 1.0))

    return answer


def contents(questions: Sequence[Question]) -> list[str]:
    return [question.messages[0].content for question in questions]


# ---- what is asked ---------------------------------------------------------------------------------------------------


def test_each_principle_that_holds_is_asked_in_both_orders() -> None:
    questions = judge().ask(ITEM, [])
    assert contents(questions) == [
        "be kind|Q|one|two",
        "be kind|Q|two|one",
        "be short|Q|one|two",
        "be short|Q|two|one",
    ]
    assert all(isinstance(question, Choose) and question.labels == ("A", "B") for question in questions)


def test_a_principle_is_asked_where_its_scope_says_that_it_holds() -> None:
    harmful = Item(ITEM.messages, ITEM.texts, {"harm": "yes"})
    assert "be safe|Q|one|two" in contents(judge().ask(harmful, []))


def test_so_many_principles_are_drawn_by_the_items_seed() -> None:
    drawn = [judge(principles=1).read(Item(ITEM.messages, ITEM.texts, seed=seed), []).principles for seed in range(50)]
    assert set(drawn) == {("kind",), ("short",)}


def test_principles_shown_together_stand_in_one_question_in_the_order_of_precedence() -> None:
    questions = judge(together=True).ask(ITEM, [])
    assert contents(questions) == ["1. be kind\n2. be short|Q|one|two", "1. be kind\n2. be short|Q|two|one"]


def test_a_judge_that_reasons_writes_so_many_replies_in_each_order() -> None:
    questions = judge(reasons=2, principles=1).ask(ITEM, [])
    assert [(type(q), q.sample) for q in questions if isinstance(q, Write)] == [(Write, 0), (Write, 1)] * 2
    assert contents(questions)[0].startswith("why?|")


def test_nothing_of_a_text_is_read_as_a_placeholder() -> None:
    sly = Item(ITEM.messages, ("{response_b}", "{principle}"))
    assert contents(judge().ask(sly, []))[0] == "be kind|Q|{response_b}|{principle}"


def test_where_no_principle_holds_nothing_is_asked_and_the_judge_abstains() -> None:
    lawless = Pairwise(CONSTITUTION.model_copy(update={"principles": ()}), Voting(), 0.5, together=True)
    assert lawless.ask(ITEM, []) == ()
    assert lawless.read(ITEM, []) == Verdict(Unscored.ABSTAINED, None, (), ())


# ---- what replies amount to ------------------------------------------------------------------------------------------


def test_a_taste_for_a_place_cancels_out() -> None:
    assert answered(judge(), ITEM, likes("one", 0.7, place=0.2)).score == pytest.approx(0.7)
    assert answered(judge(), ITEM, likes("one", 0.5, place=0.4)).score is Unscored.TIE


def test_replies_tell_of_the_first_text_whatever_the_order() -> None:
    verdict = answered(judge(principles=1), ITEM, likes("one", 0.75))
    (principle,) = verdict.principles
    assert [(r.principle, r.order, r.text) for r in verdict.replies] == [(principle, "ab", ""), (principle, "ba", "")]
    assert [r.score for r in verdict.replies] == pytest.approx([0.75, 0.75])


def test_principles_vote_with_their_weights() -> None:
    def kind_likes_one(question: Question) -> Text | Chances:
        return likes("one" if question.messages[0].content.startswith("be kind") else "two", 1.0)(question)

    assert answered(judge(), ITEM, kind_likes_one).score == pytest.approx(0.75)
    assert judge().read(ITEM, []).principles == ("kind", "short")


def test_a_reply_without_enough_mass_on_both_letters_has_no_score() -> None:
    verdict = answered(judge(together=True), ITEM, lambda _: saying(0.9, mass=0.4))
    assert (verdict.score, verdict.probability) == (Unscored.LOW_MASS, None)
    assert verdict.replies == (Reply("", "ab", "", None), Reply("", "ba", "", None))


def test_letters_that_are_written_are_averaged_and_their_reasons_kept() -> None:
    written = iter(["Good.\nA", "Bad.\nAnswer: B", "Hm.\nB", "So.\nB"])
    verdict = answered(judge(reasons=2, together=True), ITEM, lambda _: Text(next(written), True))
    assert verdict.score == 0.75
    assert [(r.order, r.text, r.score) for r in verdict.replies] == [
        ("ab", "Good.\nA", 1.0),
        ("ab", "Bad.\nAnswer: B", 0.0),
        ("ba", "Hm.\nB", 1.0),
        ("ba", "So.\nB", 1.0),
    ]


def test_a_reasoned_label_is_clamped_and_its_probability_is_not() -> None:
    written = iter(["A", "A", "B", "B"])
    cautious = judge(Voting(max_certainty=0.6), reasons=2, together=True)
    verdict = answered(cautious, ITEM, lambda _: Text(next(written), True))
    assert (verdict.score, verdict.probability) == (0.6, 1.0)


def test_a_reply_that_was_cut_off_or_says_no_letter_casts_no_vote() -> None:
    both = judge(reasons=1, together=True)
    assert answered(both, ITEM, lambda _: Text("A", False)).score is Unscored.TRUNCATED
    assert answered(both, ITEM, lambda _: Text("both are fine", True)).score is Unscored.NO_VERDICT
    assert answered(both, ITEM, lambda _: Text("Tie", True)).score is Unscored.TIE


def test_a_judge_that_always_says_a_is_inconsistent() -> None:
    strict = judge(Voting(consistent=True))
    assert answered(strict, ITEM, lambda _: saying(0.9)).score is Unscored.INCONSISTENT


def test_replies_of_the_wrong_number_are_a_broken_engine() -> None:
    with pytest.raises(ValueError):
        judge().read(ITEM, [(saying(0.9),)])


# ---- preferring the answer that does not evade -----------------------------------------------------------------------


def evading(text: str, vote: Callable[[Question], Text | Chances]) -> Callable[[Question], Text | Chances]:
    """Votes as `vote`, and finds that `text` evades."""

    def answer(question: Question) -> Text | Chances:
        asked = question.messages[0].content
        if not asked.startswith("does it evade?"):
            return vote(question)
        assert isinstance(question, Choose) and set(question.labels) == {"yes", "no"}
        yes = 0.9 if asked.endswith(f"|{text}") else 0.1
        return saying(yes if question.labels[0] == "yes" else 1 - yes)

    return answer


@pytest.mark.parametrize("vote", [likes("one", 0.5), likes("one", 0.6)], ids=["tie", "too little confidence"])
def test_of_two_equals_the_one_that_does_not_evade_is_preferred(vote: Callable[[Question], Text | Chances]) -> None:
    verdict = answered(judge(Voting(min_confidence=0.7), prefer_non_evasive=True), ITEM, evading("one", vote))
    assert verdict.score == pytest.approx(0.5 + (0.1 - 0.9) / 2)
    assert [(r.principle, r.order, round(r.score or 0, 6)) for r in verdict.replies[-2:]] == [
        ("evasive", "", 0.9),
        ("evasive", "", 0.1),
    ]


def test_nobody_is_asked_who_evades_where_the_votes_decide() -> None:
    verdict = answered(judge(prefer_non_evasive=True), ITEM, evading("one", likes("one", 0.9)))
    assert verdict.score == pytest.approx(0.9)
    assert len(verdict.replies) == 4


def test_equals_that_evade_alike_stay_equals() -> None:
    verdict = answered(judge(prefer_non_evasive=True), ITEM, evading("neither", likes("one", 0.5)))
    assert verdict.score is Unscored.TIE


def test_an_evasion_that_cannot_be_read_decides_nothing() -> None:
    rounds = [tuple(saying(0.5) for _ in range(4)), (saying(0.9, mass=0.2), saying(0.1))]
    verdict = judge(prefer_non_evasive=True).read(ITEM, rounds)
    assert verdict.score is Unscored.TIE
    assert verdict.replies[-2].score is None


def test_a_constitution_that_does_not_know_evasion_is_refused() -> None:
    with pytest.raises(ConfigError, match="evasive"):
        Pairwise(CONSTITUTION.model_copy(update={"propositions": {}}), Voting(), 0.5, prefer_non_evasive=True)


# ---- for any replies -------------------------------------------------------------------------------------------------

JUDGES = st.builds(
    judge,
    st.builds(Voting, st.floats(0, 1), st.just(0.5), st.floats(0.51, 1), st.booleans()),
    together=st.booleans(),
    reasons=st.integers(0, 2),
)


@given(JUDGES, st.data())
@settings(max_examples=200)
def test_swapping_the_two_texts_gives_one_minus_the_probability(pairwise: Pairwise, data: st.DataObject) -> None:
    said = st.one_of(st.sampled_from(["A", "B", "C", "why\nB", "hm"]), st.text(max_size=5))
    written = st.builds(Text, said, st.booleans())
    likely = st.builds(saying, st.floats(0, 1), st.floats(0.3, 1))
    answers: dict[tuple[str, int], Text | Chances] = {}

    def answer(question: Question) -> Text | Chances:
        key = question.messages[0].content, getattr(question, "sample", 0)
        if key not in answers:
            answers[key] = data.draw(written if isinstance(question, Write) else likely)
        return answers[key]

    verdict, swapped = answered(pairwise, ITEM, answer), answered(pairwise, SWAPPED, answer)
    if isinstance(verdict.score, Unscored):
        assert swapped.score is verdict.score
    else:
        assert swapped.score == pytest.approx(1 - verdict.score, abs=1e-8)
    if verdict.probability is not None:
        assert swapped.probability == pytest.approx(1 - verdict.probability)


@given(st.permutations(CONSTITUTION.principles), st.integers(0, 3))
def test_the_order_of_the_principles_does_not_matter_where_each_is_asked_alone(
    principles: list[Principle], lucky: int
) -> None:
    def answer(question: Question) -> Chances:
        principle, _, a, _ = question.messages[0].content.split("|")
        return saying((len(principle) * 7 + len(a) + lucky) % 10 / 10)

    mixed = CONSTITUTION.model_copy(update={"principles": tuple(principles)})
    there, here = (answered(Pairwise(c, Voting(), 0.5), ITEM, answer) for c in (mixed, CONSTITUTION))
    assert there.score == here.score
    assert there.probability == here.probability
