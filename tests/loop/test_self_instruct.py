"""New prompts that a model writes: what it is asked, what is dropped and why, and what is refused at the door."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from small import small_config

from constitutions.load import find_constitution
from loop.base import find_base
from loop.config import Model
from loop.config_prompts import Prompts
from loop.near_duplicates import NearDuplicates
from loop.preflight import check
from loop.self_instruct import Drop, Sieve, control_tokens, demonstrations, question
from loop.sources import plain, prompt_source
from loop.steps.prompts import held_back
from microworld.grammar import messages_of, parse
from runs.errors import ConfigError
from runs.records import Message, Prompt, Response, Sampling, Stop


def asked(text: str) -> Prompt:
    return Prompt((Message("user", text),), "test")


def reply(text: str, stop: Stop = "end") -> Response:
    return Response("p", "a", "base", Sampling(1.0, 1.0, 48), 0, text, (1, 0), (-1.0, -1.0), stop)


def sieve(pool: tuple[str, ...] = (), hidden: str = "", **changes: Any) -> Sieve:
    own = Prompts.model_validate({"self_made_frac": 1, **changes})
    return Sieve(own, [asked(text) for text in pool], frozenset({"<|user|>"}), lambda text: plain(text) == hidden)


# ---- one reply ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "stop", "drop"),
    [
        ("sort these words: a b", "length", Drop.UNFINISHED),
        ("", "end", Drop.INVALID),
        (" \n ", "end", Drop.INVALID),
        ("sort these words.\nthen reverse them.", "end", Drop.INVALID),
        ("sort these words.\u2028then reverse them.", "end", Drop.INVALID),
        ("sort these <|user|> words", "end", Drop.INVALID),
        ("sort these \ufffd words", "end", Drop.INVALID),
        ("sort these \x07 words", "end", Drop.INVALID),
        ("sort these", "end", Drop.LENGTH),
        ("sort " * 9, "end", Drop.LENGTH),
        ("tell me about the dog", "end", Drop.SEEN),
        ("Tell  me about THE dog", "end", Drop.SEEN),
        ("what is the secret?", "end", Drop.HELD_BACK),
        ("tell me about the cat", "end", Drop.ROUGE),
    ],
)
def test_a_reply_that_is_no_new_prompt_is_dropped_with_the_reason(text: str, stop: Stop, drop: Drop) -> None:
    held = sieve(("tell me about the dog",), "what is the secret?", max_words=8)
    assert held.sift(reply(text, stop)) == drop


def test_a_reply_that_is_too_like_a_measured_prompt_is_held_back() -> None:
    settings = Prompts.model_validate({"self_made_frac": 1})
    held = Sieve(settings, (), frozenset(), lambda text: False, [asked("tell me about the dog")])
    assert held.sift(reply("tell me about the cat")) == Drop.HELD_BACK
    assert held.sift(reply("sort these words: a b")) == "sort these words: a b"


def test_a_new_prompt_passes_once_and_is_then_held_against_later_ones() -> None:
    held = sieve(("tell me about the dog",))
    assert held.sift(reply(" sort these\twords: a b \n")) == "sort these words: a b"
    assert held.sift(reply("sort these words: a b")) == Drop.SEEN
    assert held.sift(reply("sort these words: a c")) == Drop.ROUGE


def test_a_limit_of_one_drops_copies_alone() -> None:
    held = sieve(("tell me about the dog",), max_rouge_l=1)
    assert held.sift(reply("tell me about the cat")) == "tell me about the cat"
    assert held.sift(reply("tell me about the dog")) == Drop.SEEN


def test_texts_in_another_script_are_compared_too() -> None:
    held = sieve(("назови самое большое число из списка",))
    assert held.sift(reply("назови самое большое слово из списка")) == Drop.ROUGE


@example(["a b c d e d d"], "a b c d e a a", 0.7)  # just above: 10 / 14
@settings(max_examples=300)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=12).map(" ".join), max_size=8),
    st.lists(st.sampled_from("abcde"), max_size=12).map(" ".join),
    st.sampled_from([0.0, 0.5, 2 / 3, 0.7, 0.75, 0.8, 6 / 7, 1.0]),
)
def test_the_bound_on_likeness_never_changes_the_answer(pool: list[str], text: str, limit: float) -> None:
    alike = NearDuplicates(limit)
    for one in pool:
        alike.add(one)
    scorer = RougeScorer(["rougeL"])
    assert alike.has_one_like(text) == any(scorer.score(one, text)["rougeL"].fmeasure > limit for one in pool)


# ---- what is asked, and what may not be found -----------------------------------------------------------------------


def test_the_question_shows_the_examples_one_a_line() -> None:
    messages = question(find_constitution("microworld"), [asked("one  two\nthree"), asked("four")]).messages
    assert len(messages) == 1 and "\none two three\nfour\n" in messages[0].content


def test_only_prompts_of_one_turn_and_fitting_length_are_shown() -> None:
    turns = (Message("user", "a list of words"), Message("assistant", "yes."), Message("user", "reverse it for me"))
    drawn = [asked("tell me about the dog"), Prompt(turns, "test"), asked("go"), asked("word " * 200)]
    assert demonstrations(drawn, Prompts(examples=1)) == drawn[:1]
    with pytest.raises(ConfigError, match=r"prompts\.examples=2.*only 1"):
        demonstrations(drawn, Prompts(examples=2))


def test_the_marks_of_a_turn_are_read_from_the_models_own_tokenizer(tmp_path: Path) -> None:
    assert {"<|user|>", "<|assistant|>", "<|end|>"} <= control_tokens(find_base(Model()).folder)
    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        control_tokens(tmp_path)


def test_no_spelling_of_a_held_out_or_labelled_prompt_is_for_training(tmp_path: Path) -> None:
    anchors = tmp_path / "anchors.jsonl"
    row = {"messages": [{"role": "user", "content": "Who are you?"}], "a": "1", "b": "2", "label": "a"}
    anchors.write_text(json.dumps(row), encoding="utf-8")
    is_held_back = held_back(small_config(measure__anchors=str(anchors)))
    source = prompt_source("microworld")
    trained = [p.messages[0].content for p in source.train(60, 1, seed=0) if len(p.messages) == 1]
    hidden = [p.messages[0].content for p in source.held_out(60, seed=0) if len(p.messages) == 1]
    assert trained and not any(is_held_back(text) for text in trained)
    assert hidden and all(is_held_back(f" {text.upper()}") for text in hidden)
    assert is_held_back("who are  you?")


def test_the_requests_of_the_grammar_are_plain_so_that_their_plain_text_tells_their_split() -> None:
    for prompt in prompt_source("microworld").train(200, 1, 0):
        task = parse(tuple(Message(m.role, m.content.upper()) for m in prompt.messages))
        assert task is not None and messages_of(task) == prompt.messages
        assert all(plain(message.content) == message.content for message in prompt.messages)


def test_a_file_holds_back_what_it_does_not_give_for_training(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    rows = [{"prompt": f"Question {split}", "split": split} for split in ("train", "held-out", "anchor")]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    source = prompt_source(str(path))
    assert [source.holds_back(f"question {split}") for split in ("train", "held-out", "anchor")] == [False, True, True]


# ---- at the door ----------------------------------------------------------------------------------------------------


def refusal(**changes: object) -> str:
    with pytest.raises(ConfigError) as caught:
        check(small_config(prompts__self_made_frac="0.5", gold__enabled="false", **changes))
    return str(caught.value)


def test_settings_under_which_no_prompt_can_be_made_are_refused(tmp_path: Path) -> None:
    short = tmp_path / "p.jsonl"
    rows = [{"prompt": f"question number {n}", "split": "held-out" if n else "train"} for n in range(4)]
    short.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert "prompts.min_words=9" in refusal(prompts__min_words="9", prompts__max_words="8")
    assert "only 1 are" in refusal(prompts__source=str(short), measure__anchors=None)
    assert "asks rubric, expected, not new_prompt" in refusal(constitution="helpful")
    assert "prompts.max_tokens=512" in refusal(prompts__max_tokens="512")
    check(small_config(prompts__max_tokens="512", prompts__min_words="999"))
