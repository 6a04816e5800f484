"""Reinforcement learning with the real TRL and PEFT, on values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from loop.workers.trainers import Trainers
from runs.errors import DivergedError
from runs.records import Message
from tests.trainers.outcome import FILES, assert_same, curve_of, ends, log_of, result_of, weights_of
from tests.trainers.tiny import END, prompts, reinforce, write_rl_spec
from trainers.adopt import adopt
from trainers.chat import render
from trainers.online_trainer import OnlineTrainer, PromptBatches
from trainers.rewards import Asked
from trainers.rl import online_trainer
from trainers.rows import read_prompts
from trainers.spec import RlSpec

KL_COEF = 0.3


@pytest.fixture(scope="module")
def spec(base: Path, adapters: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> RlSpec:
    """10 prompts, the last batch of an epoch filled up, judged by an adapter that is neither policy nor reference."""
    model = {"start": adapters["previous"], "reference": adapters["previous"]}
    folder = tmp_path_factory.mktemp("rl")
    return write_rl_spec(folder, base, prompts(10), model=model, reward_models=(adapters["seed"],), epochs=3)


@pytest.fixture(scope="module")
def whole(spec: RlSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    reinforce(spec, out)
    return out


def length_reward(rows: Sequence[Asked], answers: Sequence[list[int]]) -> list[float | None]:
    """A reward with no model: the share of small words; answers that begin with an odd word cannot be read."""
    return [None if answer[0] % 2 else sum(id_ < 34 for id_ in answer) / len(answer) for answer in answers]


def trainer_of(spec: RlSpec, out: Path) -> OnlineTrainer:
    tokenizer = AutoTokenizer.from_pretrained(spec.model.base)
    rows = read_prompts(spec.rows, tokenizer, spec.max_length_tokens - spec.max_tokens)
    trainer = online_trainer(spec, out, rows.trained, tokenizer, TrainerCallback())
    trainer.reward_with(length_reward)
    return trainer


def logprobs(model: Any, prompt: list[int], answer: list[int]) -> torch.Tensor:
    """The log-probability of each token of an answer, the plain way, with its gradient."""
    logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits, dim=-1).gather(1, torch.tensor(answer)[:, None])[:, 0]


def in_float64(base: Path, adapter: Path | None) -> Any:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float64)
    return PeftModel.from_pretrained(model, str(adapter), is_trainable=True).double() if adapter else model


def leave_one_out(rewards: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Each row's rewards less the mean of the row's others; what is no number has no advantage and no say."""
    found = np.zeros_like(rewards)
    for row, column in zip(*np.nonzero(~np.isnan(rewards)), strict=True):
        others = np.delete(rewards[row], column)
        others = others[~np.isnan(others)]
        found[row, column] = rewards[row, column] - others.mean() if len(others) else 0.0
    return found


def test_advantages_and_gradient_are_those_of_float64_with_the_kl_in_the_reward_and_the_others_as_baseline(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    model = {"start": adapters["previous"], "reference": adapters["seed"]}
    spec = write_rl_spec(tmp_path, base, prompts(4), model=model, kl_coef=KL_COEF)
    trainer = trainer_of(spec, tmp_path)
    rows = [row for row in trainer.train_dataset.to_list() for _ in range(4)]
    trainer.model.train()
    found = trainer._generate_and_score_completions(rows)
    answers = [
        ids[mask.bool()].tolist() for ids, mask in zip(found["completion_ids"], found["completion_mask"], strict=True)
    ]
    policy, reference = (in_float64(base, adapters[name]) for name in ("previous", "seed"))
    said = [logprobs(policy, row["prompt"], answer) for row, answer in zip(rows, answers, strict=True)]
    held = [logprobs(reference, row["prompt"], answer).detach() for row, answer in zip(rows, answers, strict=True)]
    kl = np.array([(p.detach() - q).sum().item() for p, q in zip(said, held, strict=True)])
    read = np.array([np.nan if one is None else one for one in length_reward(rows, answers)])
    assert 0 < np.isnan(read).sum() < len(read)
    wanted = leave_one_out((read - KL_COEF * kl).reshape(4, 4)).ravel()
    assert np.allclose(found["advantages"].numpy(), wanted, atol=2e-5)
    assert trainer._metrics["train"]["kl_nats"][-1] == pytest.approx(kl.mean(), abs=1e-4)
    assert trainer._metrics["train"]["unreadable_frac"][-1] == np.isnan(read).mean()

    trainer.compute_loss(trainer.model, found).backward()
    loss = -sum(a * p.sum() for a, p in zip(wanted, said, strict=True)) / len(said)
    assert isinstance(loss, torch.Tensor)
    loss.backward()
    ours, theirs = (
        {name: p.grad for name, p in one.named_parameters() if p.grad is not None} for one in (trainer.model, policy)
    )
    assert ours.keys() == theirs.keys() and all(".default." in name for name in ours)
    assert max(grad.abs().max() for grad in theirs.values()) > 0.01
    for name, grad in theirs.items():
        assert torch.allclose(ours[name].double(), grad, atol=1e-5), name


def test_answers_are_drawn_from_the_policy_and_end_with_their_end_token(spec: RlSpec, tmp_path: Path) -> None:
    trainer = trainer_of(spec, tmp_path)
    row = trainer.train_dataset[0]
    trainer.model.train()
    found = trainer._generate_and_score_completions([row] * 400)
    answers = [
        ids[mask.bool()].tolist() for ids, mask in zip(found["completion_ids"], found["completion_mask"], strict=True)
    ]
    assert all(END not in answer[:-1] and (len(answer) == 8 or answer[-1] == END) for answer in answers)
    chances = torch.softmax(trainer.model(torch.tensor([row["prompt"]])).logits[0, -1].detach(), dim=-1).numpy()
    drawn = np.bincount([answer[0] for answer in answers], minlength=len(chances)) / 400
    assert np.abs(drawn - chances).max() < 4 * np.sqrt(chances.max() / 400)


def test_a_training_without_a_pause_raises_the_reward_and_accounts_for_it(whole: Path, spec: RlSpec) -> None:
    result, log = result_of(whole), log_of(whole)
    assert (result["rows_in"], result["rows_used"], result["rows_too_long"], result["steps"]) == (10, 10, 0, 9)
    assert result["first"]["kl_nats"] == pytest.approx(0, abs=1e-5)
    assert all(row["unreadable_frac"] == 0 and row["length_tokens"] <= 8 for row in log)
    assert adopt(whole, spec.model.base, spec.lora).weights == whole / FILES[0]


def test_a_training_raises_its_own_reward(base: Path, adapters: dict[str, Path], tmp_path: Path) -> None:
    model = {"start": adapters["previous"], "reference": adapters["previous"]}
    reinforce(write_rl_spec(tmp_path, base, prompts(8), model=model, epochs=8, kl_coef=0.01), tmp_path)
    rewards = [row["reward"] for row in log_of(tmp_path)]
    assert np.mean(rewards[-5:]) > np.mean(rewards[:5]) + 0.1


def test_killed_within_an_epoch_and_at_its_end_and_started_again_it_ends_with_the_same_bytes(
    whole: Path, spec: RlSpec, trainers: Trainers, tmp_path: Path
) -> None:
    eager, out = spec.model_copy(update={"checkpoint_every_s": 0.0}), tmp_path / "out"
    for number in (3, 2):
        assert ends(trainers, eager, out, "row", number) == "SIGKILL"
    assert [row["step"] for row in log_of(out)] == [1, 2, 3]  # three steps an epoch
    before = log_of(out)
    trainers.run("trainers.rl", eager, out, timeout_s=120)
    assert_same(out, spec, whole)
    assert log_of(out)[:3] == before  # none of it was done twice


def test_a_micro_batch_of_another_size_gives_the_same_gradients(whole: Path, spec: RlSpec, tmp_path: Path) -> None:
    reinforce(spec.model_copy(update={"micro_batch_size": 4, "epochs": 1}), tmp_path)
    for ours, theirs in zip(curve_of(tmp_path), curve_of(whole), strict=False):
        assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-3)
        assert ours["reward"] == pytest.approx(theirs["reward"], abs=1e-4)


def test_rewards_that_cannot_be_read_teach_nothing_and_are_no_number(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    start = adapters["previous"]
    unreadable = {"kind": "judge", "low": 1, "high": 5, "min_mass": 1.0}
    spec = write_rl_spec(tmp_path, base, prompts(4), model={"start": start}, reward=unreadable)
    reinforce(spec, tmp_path)
    before, after = weights_of(start), weights_of(tmp_path)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(row["unreadable_frac"] == 1 and "reward" not in row for row in log_of(tmp_path))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"max_kl_nats": 0.01, "learning_rate": 0.5},
            "nats an answer from the reference, above train.max_kl_nats=0.01",
        ),
        ({"learning_rate": 1e30, "max_grad_norm": 1e30}, "diverged at step"),
    ],
)
def test_a_policy_that_runs_away_ends_the_training_as_diverged(
    changes: dict[str, float], said: str, spec: RlSpec, trainers: Trainers, tmp_path: Path
) -> None:
    with pytest.raises(DivergedError, match=said):
        trainers.run("trainers.rl", spec.model_copy(update=changes), tmp_path / "out", timeout_s=120)


def test_a_prompt_that_leaves_no_room_for_an_answer_is_counted_and_left_out(base: Path, tmp_path: Path) -> None:
    rows = prompts(6)
    tokenizer = AutoTokenizer.from_pretrained(base)
    lengths = [len(render(tokenizer, [Message(**m) for m in row["prompt"]])) for row in rows]
    longest = max(lengths)
    reinforce(write_rl_spec(tmp_path, base, rows, max_length_tokens=longest - 1 + 8, epochs=1), tmp_path)
    assert result_of(tmp_path)["rows_too_long"] == lengths.count(longest)
    reinforce(write_rl_spec(tmp_path, base, rows, max_length_tokens=9, epochs=1), tmp_path / "none")
    assert result_of(tmp_path / "none") == {
        "rows_in": 6,
        "rows_used": 0,
        "rows_rehearsed": 0,
        "rows_too_long": 6,
        "rows_held_out": 0,
    }


def test_a_batch_holds_each_prompt_once_an_answer_and_the_last_one_is_filled_up() -> None:
    sampler = PromptBatches(rows=5, batch_size=4, seed=3, completions=2, micro_batches=2)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == 2 * 4 * 2 * 2
    assert drawn[:8] == drawn[8:16] and drawn[16:24] == drawn[24:]
    assert drawn[:8:2] == drawn[1:8:2] and {*drawn[:8], drawn[16]} == set(range(5))
    assert drawn[18:24:2] == drawn[:6:2]
    sampler.set_epoch(1)
    assert list(sampler) != drawn
    assert len(list(PromptBatches(rows=1, batch_size=4, seed=3, completions=2, micro_batches=1))) == 8
