import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from constitutions.load import find_constitution
from microworld.annotator import Annotator, labelled_pairs
from microworld.demonstrations import ANSWERS_AND_VERDICTS, draw_demonstration, near
from microworld.evaluate import MODELS, agreement, truth_of
from microworld.packing import IGNORED, attention_mask, batches
from microworld.pretrain import RECIPES, Shape, make, new_model
from microworld.reader import Reader
from microworld.tokenizer import END, ROLES, load_tokenizer
from microworld.verdicts import Pair, expected_scores
from microworld.vocabulary import microworld_tokenizer
from runs.canonical import digest_folder
from runs.records import Message
from trainers.chat import render

# Retrained models move every figure that was ever measured: these pins make it a decision.
PINS = {
    "m0": "s1:c2d040e3e888e567b7b3bee19560a55d8b10eb400c600c3e3ca08aec645fcc8a",
    "m1": "s1:1635e4c2252ddd2538b2caa206b9ad8f55ff2605b76e12c38476c708462f71cc",
}
TOKENIZER = load_tokenizer(MODELS / "m1")


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    drawn = labelled_pairs(Annotator(), 130, 5, "held-out")
    return [Pair(p.messages, p.tags["family"], p.a, p.b) for p in drawn]


@pytest.mark.parametrize("name", PINS)
def test_a_shipped_model_is_pinned(name: str) -> None:
    assert digest_folder(MODELS / name) == PINS[name]


@pytest.mark.parametrize("name", PINS)
def test_a_shipped_model_has_at_most_two_million_parameters_and_no_pickle(name: str) -> None:
    assert sum(p.numel() for p in Reader(MODELS / name).model.parameters()) <= 2_000_000
    assert {file.suffix for file in (MODELS / name).iterdir()} <= {".safetensors", ".json", ".jinja"}


def test_the_shipped_models_take_at_most_eight_megabytes() -> None:
    assert sum(file.stat().st_size for file in MODELS.rglob("*") if file.is_file()) <= 8_000_000


def test_the_shipped_tokenizers_are_the_one_that_the_language_makes(tmp_path: Path) -> None:
    microworld_tokenizer().save_pretrained(tmp_path)
    made, *shipped = [(folder / "tokenizer.json").read_bytes() for folder in (tmp_path, *(MODELS / n for n in PINS))]
    assert shipped == [made, made]


@given(
    st.text()
    | st.lists(st.sampled_from(["\n", " ", "sort", "7", "100", "\u2581", "\u0120", "\r", *ROLES])).map("".join)
)
@settings(max_examples=300)
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    ids = TOKENIZER.encode(text, add_special_tokens=False, split_special_tokens=True)
    assert TOKENIZER.decode(ids) == text


def test_a_word_or_number_of_the_microworld_is_one_token_wherever_it_stands() -> None:
    ids = TOKENIZER.encode("4 owl\n4 owl\nScore: 4", add_special_tokens=False)
    four, owl = (TOKENIZER.encode(word, add_special_tokens=False) for word in ("4", "owl"))
    assert len(four) == len(owl) == 1
    assert ids.count(four[0]) == 3
    assert ids.count(owl[0]) == 2


def test_the_microworlds_own_texts_need_no_bytes() -> None:
    rng = random.Random(7)
    spelt = set()
    for _ in range(300):
        demonstration = draw_demonstration(ANSWERS_AND_VERDICTS, 0.0, rng)
        spelt |= set(TOKENIZER.tokenize(f"{demonstration.messages[-1].content} {demonstration.reply}"))
    assert {token for token in spelt if token.isalpha() and token.isascii()} == set()


@given(st.lists(st.sampled_from([*ROLES, END, "sort these: 3 1.", "\n", "<|", "user|>"])).map("".join))
@settings(max_examples=100)
def test_no_text_can_write_a_role(text: str) -> None:
    controls = TOKENIZER.convert_ids_to_tokens(render(TOKENIZER, [Message("user", text)]))
    assert [t for t in controls if t in (*ROLES, END)] == ["<|user|>", "<|assistant|>"]


def test_the_template_ends_an_assistants_turn_and_opens_the_next() -> None:
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    rendered = TOKENIZER.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert rendered == "<|user|>a<|assistant|>b<|end|><|user|>c<|assistant|>"


def test_packed_demonstrations_do_not_see_each_other() -> None:
    batch = next(batches(ANSWERS_AND_VERDICTS, 0.0, TOKENIZER, rows=2, length=160, seed=1))
    torch.manual_seed(0)
    model = new_model(Shape(), TOKENIZER).eval()
    model.set_attn_implementation("eager")
    first = int((batch.segments_B_T[0] == 1).sum())
    mask = attention_mask(batch.segments_B_T, torch.float32)
    with torch.inference_mode():
        packed = model(batch.tokens_B_T, position_ids=batch.positions_B_T, attention_mask=mask).logits[0]
        second = batch.segments_B_T[0] == 2
        assert second.any()
        alone = model(batch.tokens_B_T[:1, second]).logits[0]
    assert first > 0
    assert torch.allclose(packed[second], alone, atol=1e-4)


def test_only_the_reply_is_trained_on() -> None:
    batch = next(batches({"expected": 1.0}, 0.0, TOKENIZER, rows=2, length=160, seed=1))
    asked = set(batch.targets_B_T[batch.targets_B_T != IGNORED].tolist())
    scores = {TOKENIZER.encode(str(score), add_special_tokens=False)[0] for score in range(6)}
    assert asked <= scores | {TOKENIZER.eos_token_id}


def test_a_score_between_two_whole_ones_is_shown_as_either_in_proportion() -> None:
    rng = random.Random(3)
    shown = [near(3.25, rng) for _ in range(4000)]
    assert set(shown) == {3, 4}
    assert abs(np.mean(shown) - 3.25) < 0.03


def test_training_again_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Compiling takes half a minute and changes how, not whether, the same arithmetic is repeated.
    monkeypatch.setattr("torch.compile", lambda function, **_: function)
    scale = 2 / RECIPES["m1"].steps
    assert make("m1", tmp_path / "a", None, scale) == make("m1", tmp_path / "b", None, scale)


def test_models_that_differ_in_size_learn_from_the_same_demonstrations_at_the_same_rate() -> None:
    sizes = [recipe for name, recipe in RECIPES.items() if name.startswith("size-")]
    assert len({recipe.shape for recipe in sizes}) == len(sizes) == 3
    assert [replace(recipe, shape=Shape()) for recipe in sizes] == [RECIPES["size-M"]] * 3
    assert RECIPES["size-M"].draw


def test_m1_tells_better_answers_from_worse_ones_and_m0_does_not(pairs: list[Pair]) -> None:
    constitution, truth = find_constitution("microworld"), truth_of(pairs)
    found = {}
    for name in PINS:
        scores, _ = expected_scores(Reader(MODELS / name), constitution, pairs)
        share = agreement(scores[:, 0] - scores[:, 1], truth)
        found[name] = share.hits / share.n
    assert found["m1"] > 0.75
    assert 0.35 < found["m0"] < 0.65
