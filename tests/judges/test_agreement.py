"""A reward for what the judge would have said itself: on the scale, asked once a prompt, blind to how answers talk."""

import pytest

from constitutions.load import find_constitution
from judges.agreement import Agreement, in_common
from judges.dialogue import Chances, Item, Text, Write
from loop.config import Config
from loop.config_judge import Judge as Settings
from loop.configured_judge import configured_judge
from loop.preflight_judges import check_judges
from runs.errors import ConfigError
from runs.records import Message, Unscored

CONSTITUTION = find_constitution("microworld")
ASKED = (Message("user", "say this backwards: happy duck fox."),)
JUDGE = Agreement(CONSTITUTION.scale)


def item(text: str) -> Item:
    return Item(ASKED, (text,))


def score(own: str, text: str) -> float | Unscored:
    return JUDGE.read(item(text), [(Text(own, True),)]).score


def test_the_judge_is_asked_the_request_itself_and_sees_no_candidate() -> None:
    assert JUDGE.ask(item("one"), []) == JUDGE.ask(item("other"), []) == (Write(ASKED, of_prompt=True),)
    assert JUDGE.ask(item("one"), [(Text("x", True),)]) == ()


def test_the_same_words_get_the_top_of_the_scale_and_none_in_common_the_bottom() -> None:
    low, high = CONSTITUTION.scale.low, CONSTITUTION.scale.high
    assert score("fox duck happy", " Fox, duck happy.") == high
    assert score("fox duck happy", "i cannot say") == low
    part = score("fox duck happy", "fox happy duck")
    assert isinstance(part, float) and low < part < high


def test_praise_around_the_answer_gains_nothing() -> None:
    bare, praised = (score("fox duck happy", text) for text in ("fox duck happy", "a great one: fox duck happy!"))
    assert isinstance(bare, float) and isinstance(praised, float) and praised < bare


def test_an_own_answer_that_is_cut_off_commits_to_nothing() -> None:
    assert JUDGE.read(item("fox"), [(Text("fox du", False),)]).score is Unscored.TRUNCATED
    assert in_common("", "") == 1.0 and in_common("", "fox") == 0.0


def test_the_rest_of_the_score_is_the_verdict() -> None:
    judge = configured_judge(Settings(agreement=0.25), CONSTITUTION)
    _, write = judge.ask(item("fox"), [])
    assert isinstance(write, Write) and write.of_prompt
    assert Settings(agreement=0.25).on_scale and "agreement" not in Settings().way()


def test_where_agreement_does_not_count_the_verdict_is_all_and_nothing_more_is_asked() -> None:
    judge = configured_judge(Settings(agreement=0.5, agreement_tags=("harm=none",)), CONSTITUTION)
    asked = {harm: judge.ask(Item(ASKED, ("fox",), {"harm": harm}), []) for harm in ("none", "obvious")}
    assert len(asked["none"]) == 2 and asked["obvious"] == asked["none"][:1]
    sure = Chances((-20.0, -20.0, -20.0, -20.0, -20.0, 0.0))
    scores = {
        harm: judge.read(Item(ASKED, ("fox",), {"harm": harm}), [(sure, Text("duck", True))[: len(questions)]]).score
        for harm, questions in asked.items()
    }
    assert scores == pytest.approx({"none": 2.5, "obvious": 5.0}, abs=1e-6)


def test_comparisons_have_no_score_that_agreement_could_be_a_part_of() -> None:
    with pytest.raises(ConfigError, match=r"judge\.agreement"):
        check_judges(Config.model_validate({"judge": {"method": "pairwise", "agreement": 0.5}}))
