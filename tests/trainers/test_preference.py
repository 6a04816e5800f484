"""The preference model with the real TRL and PEFT, on values."""

import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch
from peft import PeftModel
from scipy.special import expit
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback
from trl import RewardTrainer

from loop.workers.trainers import Trainers
from runs.errors import WorkerError
from runs.records import Message
from tests.trainers.outcome import FILES, assert_same, ends, log_of, result_of, weights_of
from tests.trainers.tiny import END, WORDS, comparisons, prefer, random_pairs, write_preference_spec
from trainers.adopt import HEAD_WEIGHTS, adopt
from trainers.chat import render
from trainers.losses import reward_losses
from trainers.preference import preference_trainer
from trainers.preference_model import open_preference_model, score
from trainers.rows import read_comparisons, read_pairs
from trainers.spec import Lora, ModelSpec, PreferenceSpec, ProbeSpec, RewardProbe, ScoreSpec


def rows(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """Pairs of which the answer with the larger share of words from `w30` on is the chosen one."""

    def merit(answer: list[int]) -> float:
        return sum(id_ >= 34 for id_ in answer[:-1]) / len(answer[:-1])

    def ordered(row: dict[str, Any]) -> dict[str, Any]:
        worse, better = sorted((row["chosen_ids"], row["rejected_ids"]), key=merit)
        return row | {"chosen_ids": better, "rejected_ids": worse}

    return comparisons([ordered(row) for row in random_pairs(n, seed)])


def opened(spec: PreferenceSpec, folder: Path) -> PeftModel:
    return open_preference_model(spec.model.model_copy(update={"start": folder}))


def sequences(base: Path, pairs: list[dict[str, Any]], side: str) -> list[list[int]]:
    tokenizer = AutoTokenizer.from_pretrained(base)
    return [render(tokenizer, [Message(**m) for m in row["prompt"]]) + row[f"{side}_ids"] for row in pairs]


@pytest.fixture(scope="module")
def spec(base: Path, tmp_path_factory: pytest.TempPathFactory) -> PreferenceSpec:
    """96 pairs to learn, 32 held out, looked at after each of three epochs."""
    marked = [row | {"held_out": number % 4 == 3} for number, row in enumerate(rows(128))]
    return write_preference_spec(tmp_path_factory.mktemp("preference"), base, marked, epochs=3)


@pytest.fixture(scope="module")
def whole(spec: PreferenceSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    prefer(spec, out)
    return out


def test_the_loss_and_its_gradient_are_bradley_and_terrys_in_expectation_over_the_label() -> None:
    rng = np.random.default_rng(0)
    gap, label, weight, margin = rng.normal(0, 4, 64), rng.random(64), rng.random(64), rng.random(64)
    wanted = weight * (label * np.logaddexp(0, margin - gap) + (1 - label) * np.logaddexp(0, gap + margin))
    slope = weight * ((1 - label) * expit(gap + margin) - label * expit(margin - gap))
    gaps = torch.tensor(gap, requires_grad=True)
    found = reward_losses(gaps, *map(torch.tensor, (label, weight, margin)))
    found.sum().backward()
    assert np.allclose(found.detach().numpy(), wanted, rtol=1e-12, atol=1e-12)
    assert gaps.grad is not None and np.allclose(gaps.grad.numpy(), slope, rtol=1e-12, atol=1e-12)


def test_the_loss_is_stock_trls_and_each_pair_counts_by_its_weight(base: Path, tmp_path: Path) -> None:
    spec = write_preference_spec(tmp_path, base, rows(8))
    tokenizer = AutoTokenizer.from_pretrained(base)
    read = read_comparisons(spec.rows, tokenizer, 64).trained
    trainer = preference_trainer(spec, tmp_path, read, tokenizer, TrainerCallback())
    trainer.model.config.pad_token_id = 3  # TRL's own choice, the end token, would have it skip the answers' ends
    batch = trainer.data_collator(read)
    ours = trainer.compute_loss(trainer.model, batch).item()
    for margin in (0.0, 0.7):
        held = {name: batch[name] for name in ("input_ids", "attention_mask")}
        held["input_ids"] = torch.where(batch["attention_mask"] == 1, batch["input_ids"], 3)
        held["margin"] = torch.full((8,), margin)
        theirs = RewardTrainer.compute_loss(trainer, trainer.model, held).item()
        ours = trainer.compute_loss(trainer.model, batch | {"margin": held["margin"]}).item()
        assert ours == pytest.approx(theirs, abs=1e-6)
    halved = trainer.compute_loss(trainer.model, batch | {"weight": torch.full((8,), 0.5), "margin": held["margin"]})
    assert halved.item() == pytest.approx(ours / 2, abs=1e-6)


def test_it_learns_which_answer_is_preferred_and_is_calibrated_on_the_held_out_pairs(
    whole: Path, spec: PreferenceSpec, base: Path
) -> None:
    result = result_of(whole)
    assert (result["rows_used"], result["rows_held_out"], result["steps"]) == (96, 32, 18)
    held_out = [row for number, row in enumerate(rows(128)) if number % 4 == 3]
    model = opened(spec, whole)
    chosen, rejected = (np.array(score(model, sequences(base, held_out, side), 8)) for side in ("chosen", "rejected"))
    gaps, told = chosen - rejected, result["calibration"]
    assert told["after"]["accuracy"] == pytest.approx((gaps > 0).mean()) and told["after"]["accuracy"] > 0.65
    assert told["after"]["brier"] == pytest.approx(((expit(gaps) - 1) ** 2).mean(), abs=1e-5)
    before = gaps * told["temperature"]
    assert told["before"]["loss"] == pytest.approx(np.logaddexp(0, -before).mean(), abs=1e-4)
    assert result["held_out"]["best"]["loss"] == pytest.approx(told["before"]["loss"], abs=1e-5)
    assert told["temperature"] != pytest.approx(1, abs=0.01)


def test_plain_transformers_and_peft_open_it_and_say_the_same_rewards(
    whole: Path, spec: PreferenceSpec, base: Path, tmp_path: Path
) -> None:
    adopted = adopt(whole, base, spec.lora, head=True)
    (tmp_path / FILES[0]).write_bytes(adopted.weights.read_bytes())
    (tmp_path / FILES[1]).write_bytes(adopted.config)
    told = json.loads((whole / "probe.json").read_bytes())
    answered = sequences(base, rows(6, seed=9), "chosen")
    ours = score(opened(spec, tmp_path), answered, 4)
    plain = PeftModel.from_pretrained(
        AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float32), str(tmp_path)
    )
    with torch.no_grad():
        theirs = [plain(torch.tensor([ids])).logits.item() for ids in answered]
        plain.config.pad_token_id = 3
        longest = max(map(len, answered))
        padded = plain(torch.tensor([ids + [3] * (longest - len(ids)) for ids in answered])).logits[:, 0].tolist()
        prompt = render(AutoTokenizer.from_pretrained(base), [Message(**m) for m in told["messages"]])
        probed = plain(torch.tensor([prompt + told["token_ids"]])).logits.item()
    assert ours == pytest.approx(theirs, abs=1e-5) and ours == pytest.approx(padded, abs=1e-5)
    assert probed == pytest.approx(told["reward"], abs=1e-5)
    assert json.loads(adopted.config)["modules_to_save"] == ["score"]


def test_the_mean_and_the_spread_of_the_rewards_of_what_it_was_trained_on_are_told(
    whole: Path, spec: PreferenceSpec, base: Path
) -> None:
    learnt = [row for number, row in enumerate(rows(128)) if number % 4 != 3]
    model = opened(spec, whole)
    found = np.array([score(model, sequences(base, learnt, side), 8) for side in ("chosen", "rejected")])
    for told in (result_of(whole), json.loads((whole / "probe.json").read_bytes())):
        assert told["reward_mean"] == pytest.approx(found.mean(), abs=1e-4)
        assert told["reward_std"] == pytest.approx(found.std(), abs=1e-4)


def test_a_reward_does_not_depend_on_the_batch_and_its_padding(whole: Path, spec: PreferenceSpec, base: Path) -> None:
    model, answered = opened(spec, whole), sequences(base, rows(9, seed=4), "rejected")
    alone = score(model, answered, 1)
    assert score(model, answered, 4) == pytest.approx(alone, abs=1e-5)
    assert score(model, answered[::-1], 9)[::-1] == pytest.approx(alone, abs=1e-5)


def test_the_scoring_program_gives_texts_the_rewards_of_their_tokens_and_refuses_a_model_that_is_not_as_it_was(
    whole: Path, spec: PreferenceSpec, base: Path, trainers: Trainers, tmp_path: Path
) -> None:
    asked = rows(5, seed=7)
    texts = [" ".join(WORDS[id_] for id_ in row["chosen_ids"][:-1]) for row in asked]
    table = [{"prompt": row["prompt"], "answer": text} for row, text in zip(asked, texts, strict=True)]
    parquet.write_table(pa.Table.from_pylist(table), tmp_path / "rows.parquet")
    told = json.loads((whole / "probe.json").read_bytes())
    probe = RewardProbe(messages=told["messages"], token_ids=told["token_ids"], reward=told["reward"])
    model = spec.model.model_copy(update={"start": whole})
    asks = ScoreSpec(model=model, rows=tmp_path / "rows.parquet", batch_size=2, probe=probe)
    trainers.run("trainers.score", asks, tmp_path / "out", timeout_s=120)
    found = json.loads((tmp_path / "out" / "rewards.json").read_bytes())
    assert found == pytest.approx(score(opened(spec, whole), sequences(base, asked, "chosen"), 5), abs=1e-5)
    other = asks.model_copy(update={"probe": probe.model_copy(update={"reward": told["reward"] + 0.1})})
    with pytest.raises(WorkerError, match="gives its probe the reward"):
        trainers.run("trainers.score", other, tmp_path / "out", timeout_s=120)


def test_one_process_scores_shard_after_shard_with_weights_that_it_loaded_once(
    whole: Path, spec: PreferenceSpec, base: Path, adapters: dict[str, Path], trainers: Trainers, tmp_path: Path
) -> None:
    told = json.loads((whole / "probe.json").read_bytes())
    probe = RewardProbe(messages=told["messages"], token_ids=told["token_ids"], reward=told["reward"])
    model = spec.model.model_copy(update={"start": whole})

    def scored(number: int, probe: RewardProbe = probe) -> tuple[str, list[float]]:
        """Who scored shard `number`, and what."""
        folder = tmp_path / str(number)
        folder.mkdir(exist_ok=True)
        table = [{"prompt": row["prompt"], "answer": "w1 w2"} for row in rows(3, seed=number)]
        parquet.write_table(pa.Table.from_pylist(table), folder / "rows.parquet")
        asks = ScoreSpec(model=model, rows=folder / "rows.parquet", batch_size=2, probe=probe)
        trainers.run("trainers.score", asks, folder / "out", timeout_s=120)
        return (folder / "out" / "beat").read_text().split()[0], json.loads(
            (folder / "out" / "rewards.json").read_bytes()
        )

    (first, one), (second, two) = scored(1), scored(2)
    assert first == second and one != two
    with pytest.raises(WorkerError, match="gives its probe the reward"):
        scored(3, probe.model_copy(update={"reward": told["reward"] + 0.1}))
    third, again = scored(1)  # a process that failed is not asked again
    assert third != first and again == one
    os.kill(int(third), signal.SIGKILL)
    with pytest.raises(WorkerError, match="SIGKILL"):
        scored(2)
    assert scored(2)[1] == two
    fourth = scored(4)[0]
    trainers.run(
        "trainers.probe", ProbeSpec(model=model.model_copy(update={"start": adapters["seed"]})), tmp_path / "p", 120
    )
    assert not Path(f"/proc/{fourth}").exists()  # its memory is free before anything else is run
    assert scored(2)[1] == two


def test_killed_and_started_again_it_ends_with_the_same_bytes(
    whole: Path, spec: PreferenceSpec, trainers: Trainers, tmp_path: Path
) -> None:
    eager = spec.model_copy(update={"checkpoint_every_s": 0.0})
    for at, number in (("row", 9), ("disk", 90)):
        assert ends(trainers, eager, tmp_path / "out", at, number) == "SIGKILL"
    trainers.run("trainers.preference", eager, tmp_path / "out", timeout_s=120)
    assert_same(tmp_path / "out", spec, whole)


def test_a_micro_batch_of_another_size_gives_the_same_gradients(base: Path, tmp_path: Path) -> None:
    logs = []
    for size in (8, 4):
        spec = write_preference_spec(tmp_path / str(size), base, rows(29), micro_batch_size=size)
        prefer(spec, tmp_path / f"out-{size}")
        logs.append(log_of(tmp_path / f"out-{size}"))
    for ours, theirs in zip(*logs, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-4)
        assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-3)


def test_it_goes_on_from_another_preference_model_and_from_a_policy_which_gets_a_head(
    whole: Path, spec: PreferenceSpec, base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    nothing = [row | {"weight": 0.0} for row in rows(8)]
    for start in (whole, adapters["previous"]):
        prefer(write_preference_spec(tmp_path, base, nothing, model={"start": start}), tmp_path / start.name)
        before, after = weights_of(start), weights_of(tmp_path / start.name)
        assert all(torch.equal(after[name], before[name]) for name in before)
        assert after.keys() - before.keys() == (set() if start == whole else {HEAD_WEIGHTS})
    with pytest.raises(ValueError, match=r"rank 4 .* rank 8"):
        lora = Lora(rank=8, alpha=8)
        prefer(write_preference_spec(tmp_path, base, nothing, model={"start": whole}, lora=lora), tmp_path)


def test_an_undecided_label_teaches_the_head_nothing_of_the_order(base: Path, tmp_path: Path) -> None:
    undecided = [row | {"label_probability": 0.5} for row in rows(32)]
    prefer(write_preference_spec(tmp_path, base, undecided), tmp_path)
    assert log_of(tmp_path)[-1]["rewards/accuracies"] == 0.5
    assert log_of(tmp_path)[-1]["loss"] == pytest.approx(math.log(2), abs=0.2)
    assert result_of(tmp_path)["calibration"] == {}  # nothing was held out


def test_texts_of_people_are_read_as_whole_answers(base: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)

    def spelt(row: dict[str, Any]) -> dict[str, Any]:
        texts = {side: " ".join(WORDS[id_] for id_ in row[f"{side}_ids"][:-1]) for side in ("chosen", "rejected")}
        return row | {"chosen_ids": None, "rejected_ids": None} | texts

    said = rows(4)
    one, other = (
        read_comparisons(write_preference_spec(tmp_path / name, base, taught).rows, tokenizer, 64).trained
        for name, taught in (("said", said), ("spelt", [spelt(row) for row in said]))
    )
    assert one == other and all(row["chosen_ids"][-1] == END for row in one)


def test_texts_in_pairs_for_dpo_are_read_as_whole_answers_beside_pairs_of_ids(base: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    sampled, spelt = rows(2)
    texts = {side: " ".join(WORDS[id_] for id_ in spelt[f"{side}_ids"][:-1]) for side in ("chosen", "rejected")}
    beside = [sampled | dict.fromkeys(texts), spelt | {"chosen_ids": None, "rejected_ids": None} | texts]
    path = write_preference_spec(tmp_path, base, beside).rows
    first, second = read_pairs(path, tokenizer, 64).trained
    assert [first["chosen_ids"], second["chosen_ids"]] == [sampled["chosen_ids"], spelt["chosen_ids"]]
    assert second["rejected_ids"] == spelt["rejected_ids"]


@pytest.mark.parametrize("margin", [-1.0, math.nan, math.inf])
def test_a_margin_that_means_nothing_is_refused_with_its_row(margin: float, base: Path, tmp_path: Path) -> None:
    taught = rows(4)
    taught[2]["margin"] = margin
    with pytest.raises(ValueError, match=r"row 2 of .* the margin"):
        prefer(write_preference_spec(tmp_path, base, taught), tmp_path)


def test_a_policy_is_no_preference_model_and_a_preference_model_no_policy(
    whole: Path, spec: PreferenceSpec, base: Path, adapters: dict[str, Path]
) -> None:
    with pytest.raises(WorkerError, match="describes no preference model"):
        adopt(adapters["previous"], base, spec.lora, head=True)
    with pytest.raises(WorkerError, match="modules_to_save"):
        adopt(whole, base, spec.lora)
    with pytest.raises(ValueError, match="is a policy, and no preference model"):
        opened(spec, adapters["previous"])
    with pytest.raises(ValueError, match="no preference model is named"):
        open_preference_model(ModelSpec(**spec.model.model_dump() | {"start": None}))
