"""What answers are worth: by the judge, by preference models, and by rules over those."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from constitutions.load import Scale
from constitutions.response_types import ResponseType
from judges.expected import expected_score
from runs.records import Message, Unscored
from tests.trainers.tiny import comparisons, prefer, prompts, random_pairs, write_preference_spec, write_rl_spec
from trainers import rewards
from trainers.chat import label_ids, render
from trainers.policy import load_policy
from trainers.preference_model import open_preference_model, score
from trainers.reward_spec import SafetyFirstReward
from trainers.rewards import Asked, Reward, open_beside, open_reward, safety_first, shortened, summed, whitened
from trainers.rows import read_prompts
from trainers.spec import RlSpec

SCALE = Scale(low=1, high=5)


def no_beat() -> None:
    """Nobody listens."""


def asked(spec: RlSpec) -> tuple[Any, list[Asked], list[list[int]]]:
    """A tokenizer, prompts, and an answer to each."""
    tokenizer = AutoTokenizer.from_pretrained(spec.model.base)
    rows = read_prompts(spec.rows, tokenizer, 64).trained
    return tokenizer, rows, [row["chosen_ids"] for row in random_pairs(len(rows), 3)]


@pytest.mark.parametrize("judge", [None, "seed"])
def test_the_judges_reward_is_its_expected_score_and_the_policy_stays_what_is_trained(
    judge: str | None, base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    folder = adapters[judge] if judge else None
    model = {"start": adapters["previous"]}
    spec = write_rl_spec(tmp_path, base, prompts(9), model=model, reward_models=(folder,))
    tokenizer, rows, answers = asked(spec)
    policy = load_policy(spec.model, spec.lora, spec.seed)
    found = open_reward(spec, policy, tokenizer, no_beat)(rows, answers)
    assert policy.active_adapter == "default"
    assert all(".default." in name for name, p in policy.named_parameters() if p.requires_grad)
    plain = AutoModelForCausalLM.from_pretrained(base)
    plain = PeftModel.from_pretrained(plain, str(folder)) if folder else plain
    for row, answer, reward in zip(rows, answers, found, strict=True):
        said = (Message("user", tokenizer.decode(answer, skip_special_tokens=True).join(row["question"])),)
        with torch.no_grad():
            logits = plain(torch.tensor([render(tokenizer, said)])).logits[0, -1]
        logprobs = torch.log_softmax(logits.double(), -1)[label_ids(tokenizer, said, "", list("12345"))].tolist()
        wanted = expected_score(logprobs, SCALE, 0.0).score
        assert not isinstance(wanted, Unscored)
        assert reward == pytest.approx((wanted - 3) / 2, abs=1e-5)


def test_rules_add_what_a_response_type_makes_of_the_probabilities_of_yes(
    base: Path, adapters: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewards, "TRUTH", {"w7": 0.0, "w8": 1.0})  # the tiny model has no word for yes or no
    kind = ResponseType(
        disallowed=("a",), acceptable=("b or not c",), ideal=("not b",), weights={"ideal": 3.0, "c": -1}
    )
    put = [{"id": id, "question": [f"w{n} ", " w5"]} for n, id in enumerate("abc", 10)]
    of_kind = {"response_type": "only", "propositions": put}
    rows = [row | of_kind for row in prompts(3)] + [prompts(1)[0] | {"response_type": "", "propositions": []}]
    judge = {"kind": "judge", "low": 1, "high": 5, "min_mass": 0.0}
    said: dict[bool, list[float | None]] = {}
    for ruled in (False, True):
        rules = {"rules": {"weight": 0.5, "response_types": {"only": kind}}} if ruled else {}
        spec = write_rl_spec(tmp_path / str(ruled), base, rows, reward=judge | rules, reward_models=(adapters["seed"],))
        spec = RlSpec.model_validate_json(spec.model_dump_json())
        tokenizer, read, answers = asked(spec)
        policy = load_policy(spec.model, spec.lora, spec.seed)
        said[ruled] = open_reward(spec, policy, tokenizer, no_beat)(read, answers)
    assert said[True][3] is None
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(adapters["seed"]))
    for answer, without, with_rules in zip(answers[:3], said[False], said[True], strict=False):
        chances = {}
        for one in put:
            text = tokenizer.decode(answer, skip_special_tokens=True).join(one["question"])
            messages = (Message("user", text),)
            with torch.no_grad():
                logits = plain(torch.tensor([render(tokenizer, messages)])).logits[0, -1].double().numpy()
            no, yes = np.exp(logits[label_ids(tokenizer, messages, "", ["w7", "w8"])])
            chances[one["id"]] = yes / (no + yes)
        a, b, c = chances["a"], chances["b"], chances["c"]
        reward = 3 * (1 - a) * (1 - (1 - b) * c) * (1 - b) - c
        assert without is not None and with_rules == pytest.approx(without + 2 * 0.5 * reward / 4, abs=1e-5)


def test_a_judge_that_would_rather_say_something_else_and_one_without_room_have_no_reward(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    spec = write_rl_spec(tmp_path, base, prompts(6))
    tokenizer, rows, answers = asked(spec)
    policy = load_policy(spec.model, spec.lora, spec.seed)
    long = [*answers[:5], [5] * 200]
    read = open_reward(spec, policy, tokenizer, no_beat)(rows, long)
    assert read[5] is None and all(isinstance(one, float) for one in read[:5])
    strict = spec.model_copy(update={"reward": spec.reward.model_copy(update={"min_mass": 0.9})})
    assert open_reward(strict, policy, tokenizer, no_beat)(rows, answers) == [None] * 6


def test_a_preference_models_reward_is_its_own_and_it_holds_no_second_copy_of_the_base(
    base: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    prefer(write_preference_spec(tmp_path / "p", base, comparisons(random_pairs(16)), epochs=1), model)
    spec = write_rl_spec(tmp_path / "rl", base, prompts(5), reward={"kind": "preference"}, reward_models=(model,))
    tokenizer, rows, answers = asked(spec)
    policy = load_policy(spec.model, spec.lora, spec.seed)
    found = open_reward(spec, policy, tokenizer, no_beat)(rows, answers)
    plain = open_preference_model(spec.model.model_copy(update={"start": model}))
    sequences = [row["prompt"] + answer for row, answer in zip(rows, answers, strict=True)]
    assert found == pytest.approx(score(plain, sequences, 8), abs=1e-5)
    opened = open_beside(policy, spec.model, model)
    shared = {parameter.data_ptr() for parameter in policy.get_base_model().parameters()}
    own = {name for name, p in opened.named_parameters() if p.data_ptr() not in shared}
    assert own and all(".lora_" in name or "score" in name for name in own)


def test_a_sum_is_the_judges_reward_by_its_weight_and_the_preference_models(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    model = tmp_path / "model"
    prefer(write_preference_spec(tmp_path / "p", base, comparisons(random_pairs(16)), epochs=1), model)
    judge = {"kind": "judge", "low": 1, "high": 5, "min_mass": 0.0}
    rules: dict[str, tuple[dict[str, Any], tuple[Path, ...]]] = {
        "judge": (judge, (adapters["seed"],)),
        "preference": ({"kind": "preference"}, (model,)),
        "sum": (
            {"kind": "sum", "judge": judge, "judge_weight": 0.5, "other": {"kind": "preference"}},
            (adapters["seed"], model),
        ),
    }
    said = {}
    for name, (rule, models) in rules.items():
        spec = write_rl_spec(tmp_path / name, base, prompts(4), reward=rule, reward_models=models)
        tokenizer, rows, answers = asked(spec)
        policy = load_policy(spec.model, spec.lora, spec.seed)
        said[name] = np.array(open_reward(spec, policy, tokenizer, no_beat)(rows, answers), dtype=np.float64)
    assert said["sum"] == pytest.approx(0.5 * said["judge"] + said["preference"], abs=1e-5)
    with pytest.raises(ValueError, match="the reward sum wants 2 models, not 1"):
        write_rl_spec(tmp_path / "few", base, prompts(4), reward=rules["sum"][0], reward_models=(model,))


def test_a_sum_of_which_a_part_cannot_be_read_cannot_be_read() -> None:
    assert summed(always(1.0, None, 2.0), 3.0, always(0.5, 1.0, None))([{}] * 3, [[1]] * 3) == [3.5, None, None]


def always(*rewards: float | None) -> Reward:
    return lambda rows, answers: list(rewards)


def test_llama_2s_rule_takes_safety_where_the_prompt_is_risky_or_the_answer_unsafe_and_whitens() -> None:
    low = math.log(0.1 / 0.9)  # a probability of 0.1, below the floor
    rows: list[Asked] = [{"risky": risky} for risky in (False, False, True, False, False)]
    rule = safety_first(
        SafetyFirstReward(floor=0.15), always(2.0, low, 1.0, 3.0, None), always(5.0, 6.0, 7.0, None, 8.0)
    )
    chosen = [5.0, low, 1.0]
    mean = sum(chosen) / 3
    spread = math.sqrt(sum((one - mean) ** 2 for one in chosen) / 3)
    found = rule(rows, [[1]] * 5)
    assert found[:3] == pytest.approx([(one - mean) / spread for one in chosen])
    assert found[3:] == [None, None]


def test_whitening_leaves_equal_rewards_at_0_and_what_is_none_alone() -> None:
    assert whitened([None, 2.0, 2.0]) == [None, 0.0, 0.0]
    assert whitened([None]) == [None] and whitened([]) == []
    assert whitened([1.0, None, 3.0]) == [-1.0, None, 1.0]


def test_each_token_costs_the_penalty() -> None:
    assert shortened(always(1.0, None), 0.1)([{}, {}], [[1, 2, 3], [1]]) == pytest.approx([0.7, None])
