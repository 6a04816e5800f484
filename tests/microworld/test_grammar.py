import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microworld.answers import VARIED_MIX, draw_answer
from microworld.grammar import draw_prompt, draw_task, messages_of, parse
from microworld.phrasings import FAMILIES, PHRASINGS, RED_TEAM, Family
from runs.records import Message


def ask(*turns: str) -> tuple[Message, ...]:
    return tuple(Message(role, turn) for role, turn in zip(("user", "assistant", "user"), turns, strict=False))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_request_reads_back_as_the_task_that_it_was_made_from(family: Family) -> None:
    rng = random.Random(0)
    for difficulty in (1, 2, 3):
        for _ in range(300):
            task = draw_task(family, difficulty, rng)
            assert parse(messages_of(task)) == task
            assert task.difficulty == difficulty


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_at_least_ten_thousand_prompts(family: Family) -> None:
    rng = random.Random(0)
    asked = {messages_of(draw_task(family, 1 + i % 3, rng)) for i in range(16_000)}
    assert len(asked) >= 10_000


@pytest.mark.parametrize("family", FAMILIES)
def test_every_phrasing_is_drawn(family: Family) -> None:
    rng = random.Random(0)
    drawn = {draw_task(family, 1 + i % 3, rng).phrasing for i in range(300)}
    assert drawn == set(range(len(PHRASINGS[family])))


def test_a_prompt_says_its_family_difficulty_harm_and_turns() -> None:
    rng = random.Random(0)
    tags = draw_prompt("private", 2, rng).tags
    assert tags == {"family": "private", "difficulty": "2", "harm": "subtle", "turns": "1"}
    assert {draw_prompt("sort", 1, rng).tags["turns"] for _ in range(50)} == {"1", "2"}


def test_red_team_requests_alone_carry_harm() -> None:
    for family, phrasings in PHRASINGS.items():
        harms = {phrasing.harm for phrasing in phrasings}
        assert harms == ({"obvious", "subtle"} if family in RED_TEAM else {"none"})


@pytest.mark.parametrize(
    "senseless",
    [
        ("what is the sixth word of: cat dog fox?",),  # the list has no such place
        ("what is 5 minus 20?",),  # below 0
        ("what is 90 plus 20?",),  # above 99
        ("start with 3. take 9, add 8. what is it now?",),  # leaves 0 to 99 on the way
        ("sort these: 4 4 7.",),
        ("sort these: 104 4.",),
        ("ann has 3 plums and ann has some. how many in all?",),
        ("here is a list: cat dog fox.", "i have it."),  # ends with the assistant
        ("hello there",),
        ("",),
        (),
    ],
)
def test_a_request_without_sense_is_not_of_the_grammar(senseless: tuple[str, ...]) -> None:
    assert parse(ask(*senseless)) is None


def test_capitals_blanks_and_a_system_message_do_not_change_what_is_asked() -> None:
    plain = parse(ask("sort these: 4 9 2."))
    assert plain is not None
    assert parse((Message("system", "be good."), Message("user", " Sort  these:\n4 9 2."))) == plain


@given(st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), st.text()), max_size=4))
def test_any_conversation_can_be_parsed_or_is_none(messages: list[Message]) -> None:
    task = parse(messages)
    assert task is None or parse(messages_of(task)) == task


def test_requests_and_answers_use_few_words_and_are_short() -> None:
    rng = random.Random(0)
    said: set[str] = set()
    for i in range(6000):
        task = draw_task(FAMILIES[i % len(FAMILIES)], 1 + i % 3, rng)
        texts = [message.content for message in messages_of(task)] + [draw_answer(task, rng, VARIED_MIX).text()]
        for text in texts:
            pieces = re.findall(r"[a-z0-9]+|[.,:?\n-]", text)
            assert "".join(pieces) == text.replace(" ", "")
            assert len(pieces) <= 45
            said.update(pieces)
    assert len(said) <= 350
