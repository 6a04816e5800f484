"""Supervised fine-tuning with the real TRL and PEFT, on values."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, TrainerCallback
from trl import SFTTrainer
from trl.trainer.utils import add_fused_lm_head

from loop.workers.trainers import Trainers
from runs.records import Message
from tests.trainers.outcome import FILES, assert_same, ends, log_of, mean_answer_logprob, result_of, weights_of
from tests.trainers.tiny import END, WORDS, demonstrations, fine_tune, random_pairs, write_sft_spec
from trainers.adopt import adopt
from trainers.chat import render
from trainers.rows import read_answers
from trainers.sft import answer_trainer
from trainers.spec import SftSpec


def rows(n: int) -> list[dict[str, Any]]:
    return demonstrations(random_pairs(n))


@pytest.fixture(scope="module")
def spec(base: Path, adapters: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> SftSpec:
    """24 demonstrations to learn, 6 held out, looked at after each of three epochs, going on from an adapter."""
    marked = [row | {"held_out": number % 5 == 4} for number, row in enumerate(rows(30))]
    folder, model = tmp_path_factory.mktemp("sft"), {"start": adapters["previous"]}
    return write_sft_spec(folder, base, marked, model=model, epochs=3, batch_size=8, micro_batch_size=4)


@pytest.fixture(scope="module")
def whole(spec: SftSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    fine_tune(spec, out)
    return out


def test_the_loss_is_stock_trls_and_each_row_counts_by_its_weight(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    spec = write_sft_spec(tmp_path, base, rows(8), model={"start": adapters["previous"]})
    tokenizer = AutoTokenizer.from_pretrained(base)
    read = read_answers(spec.rows, tokenizer, 64).trained
    trainer = answer_trainer(spec, tmp_path, read, tokenizer, TrainerCallback())
    batch = trainer.data_collator(read)
    ours = trainer.compute_loss(trainer.model, batch).item()
    each = [-mean_answer_logprob(base, adapters["previous"], [row], "answer_ids") for row in rows(8)]
    tokens = [len(row["answer_ids"]) for row in rows(8)]
    assert ours == pytest.approx(sum(each) / sum(tokens), abs=1e-5)
    weights = [0.0, 0.5, 2.0, 1.0, 0.0, 1.0, 3.0, 1.0]
    weighed = trainer.compute_loss(trainer.model, batch | {"weight": torch.tensor(weights)}).item()
    assert weighed == pytest.approx(sum(w * x for w, x in zip(weights, each, strict=True)) / sum(tokens), abs=1e-5)
    add_fused_lm_head(trainer.model.get_base_model(), outputs=("log_probs", "entropy", "is_top1"))
    held = {name: values for name, values in batch.items() if name != "weight"}
    assert ours == pytest.approx(SFTTrainer.compute_loss(trainer, trainer.model, held).item(), abs=1e-6)


def test_what_is_demonstrated_becomes_likelier_and_the_account_says_so(
    whole: Path, base: Path, adapters: dict[str, Path]
) -> None:
    learnt = [row for number, row in enumerate(rows(30)) if number % 5 != 4]
    before, after = (
        mean_answer_logprob(base, adapter, learnt, "answer_ids") for adapter in (adapters["previous"], whole)
    )
    result = result_of(whole)
    assert after > before + 1
    assert (result["rows_in"], result["rows_used"], result["rows_held_out"], result["steps"]) == (30, 24, 6, 9)
    assert result["first"]["logps/answer"] == pytest.approx(before, abs=6)
    looks = [row["held_out/loss"] for row in log_of(whole) if "held_out/loss" in row]
    assert len(looks) == 3 and result["held_out"]["best"]["loss"] == min(looks)


def test_killed_and_started_again_it_ends_with_the_same_bytes(
    whole: Path, spec: SftSpec, trainers: Trainers, tmp_path: Path
) -> None:
    eager = spec.model_copy(update={"checkpoint_every_s": 0.0})
    for number in (4, 3):
        assert ends(trainers, eager, tmp_path / "out", "row", number) == "SIGKILL"
    trainers.run("trainers.sft", eager, tmp_path / "out", timeout_s=120)
    assert_same(tmp_path / "out", spec, whole)


def test_a_micro_batch_of_another_size_gives_the_same_gradients(whole: Path, spec: SftSpec, tmp_path: Path) -> None:
    fine_tune(spec.model_copy(update={"micro_batch_size": 2}), tmp_path)
    for ours, theirs in zip(log_of(tmp_path), log_of(whole), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-4)


def test_a_text_is_learnt_as_its_tokens_with_the_token_that_ends_an_answer(base: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    said = rows(4)
    spelt = [
        row | {"answer_ids": None, "answer": " ".join(WORDS[id_] for id_ in row["answer_ids"][:-1])} for row in said
    ]
    one, other = (
        read_answers(write_sft_spec(tmp_path / name, base, taught).rows, tokenizer, 64).trained
        for name, taught in (("said", said), ("spelt", spelt))
    )
    assert one == other and all(row["answer_ids"][-1] == END for row in one)
    assert one[0]["prompt_ids"] == render(tokenizer, [Message(**message) for message in said[0]["prompt"]])


def test_answers_of_weight_0_teach_nothing_and_too_long_ones_are_counted(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    start = adapters["previous"]
    nothing = [row | {"weight": 0.0} for row in rows(8)]
    long = rows(1)[0] | {"answer_ids": [5] * 80}
    fine_tune(write_sft_spec(tmp_path, base, [*nothing, long], model={"start": start}), tmp_path)
    before, after = weights_of(start), weights_of(tmp_path)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert (result_of(tmp_path)["rows_used"], result_of(tmp_path)["rows_too_long"]) == (8, 1)
    assert adopt(tmp_path, base, None).weights == tmp_path / FILES[0]
