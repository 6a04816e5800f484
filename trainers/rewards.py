"""What an answer is worth: by the judge itself, or by preference models, in the process that samples the answers.

Every reward is a function of prompts (rows of `trainers.rows.TokenPrompt`) and of the token ids of an answer to each.
It returns a number for each answer, or None for one whose reward could not be read; None is never made a number.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from trl.trainer.utils import use_adapter

from runs.records import Message
from trainers.chat import label_ids, render
from trainers.policy import check_loaded
from trainers.preference_model import open_preference_model, score, share_base
from trainers.reward_spec import JudgeReward, PreferenceReward, Rules, SafetyFirstReward, SumReward
from trainers.spec import ModelSpec, RlSpec

Asked = dict[str, Any]
Reward = Callable[[Sequence[Asked], Sequence[list[int]]], list[float | None]]
Means = Callable[[Sequence[str], Mapping[str, float]], list[float | None]]
"""The judge, asked questions: for each the mean worth of the labels, by how likely it says each."""

JUDGE = "judge"
"""The name of the judge's adapter beside the policy's."""
TRUTH = {"no": 0.0, "yes": 1.0}
"""What is said of a proposition, and its worth: the mean is the probability of yes among the two."""
NEVER_MIND = 1e-9
"""A spread of rewards below this is none."""


def open_reward(spec: RlSpec, policy: PeftModel, tokenizer: Any, beat: Callable[[], None]) -> Reward:
    """The reward that the spec asks for, its models loaded; none of them holds a second copy of the base's weights."""
    batch_size = spec.micro_batch_size * spec.completions

    def judge(rule: JudgeReward) -> Reward:
        return judge_reward(policy, tokenizer, rule, spec.reward_models[0], batch_size, beat)

    def models(rule: PreferenceReward | SafetyFirstReward, folders: Sequence[Path | None]) -> Reward:
        opened = [preference_reward(open_beside(policy, spec.model, one), batch_size, beat) for one in folders]
        return safety_first(rule, *opened) if isinstance(rule, SafetyFirstReward) else opened[0]

    match spec.reward:
        case JudgeReward() as rule:
            found = judge(rule)
        case SumReward() as rule:
            found = summed(judge(rule.judge), rule.judge_weight, models(rule.other, spec.reward_models[1:]))
        case rule:
            found = models(rule, spec.reward_models)
    return shortened(found, spec.length_penalty) if spec.length_penalty else found


def judge_reward(
    policy: PeftModel, tokenizer: Any, asked: JudgeReward, judge: Path | None, batch_size: int, beat: Callable[[], None]
) -> Reward:
    """The expected score that the adapter `judge` gives an answer, and the rule reward where there are rules.

    It is laid over -1 to 1 by the ends of the scale. None where the judge puts too little probability on the scale, or
    cannot be asked about the answer: it spells what only a control token may, or leaves no room in the model's context;
    the same of a proposition that counts, and where no response type fits the prompt. The judge shares the base.
    """
    if judge is not None:
        policy.load_adapter(str(judge), JUDGE)
        check_loaded(policy, JUDGE, judge)
    name = None if judge is None else JUDGE
    room = policy.config.get_text_config().max_position_embeddings

    def question(text: str, labels: Sequence[str]) -> tuple[list[int], list[int]] | None:
        messages = (Message("user", text),)
        try:
            ids = render(tokenizer, messages)
        except ValueError:
            return None
        return (ids, label_ids(tokenizer, messages, "", labels)) if len(ids) < room else None

    def means(texts: Sequence[str], worth: Mapping[str, float]) -> list[float | None]:
        questions = [question(text, list(worth)) for text in texts]
        askable = [one for one in questions if one is not None]
        worth_S = torch.tensor(list(worth.values()), dtype=torch.float64)
        read: list[float | None] = []
        with use_adapter(policy, name):
            for start in range(0, len(askable), batch_size):
                logprobs_BS = _label_logprobs(policy, askable[start : start + batch_size])
                read += [_mean(one_S, worth_S, asked.min_mass) for one_S in logprobs_BS]
                beat()
        left = iter(read)
        return [None if one is None else next(left) for one in questions]

    scale = {str(number): float(number) for number in range(asked.low, asked.high + 1)}
    width = asked.high - asked.low

    def rewards(rows: Sequence[Asked], answers: Sequence[list[int]]) -> list[float | None]:
        texts = [tokenizer.decode(one, skip_special_tokens=True, clean_up_tokenization_spaces=False) for one in answers]
        scores = means([text.join(row["question"]) for row, text in zip(rows, texts, strict=True)], scale)
        laid = [None if score is None else 2 * (score - asked.low) / width - 1 for score in scores]
        if asked.rules is None:
            return laid
        weight = 2 * asked.rules.weight / width
        return [
            None if one is None or rule is None else one + weight * rule
            for one, rule in zip(laid, rule_rewards(asked.rules, means, rows, texts), strict=True)
        ]

    return rewards


def rule_rewards(rules: Rules, means: Means, rows: Sequence[Asked], texts: Sequence[str]) -> list[float | None]:
    """What the response type of each row makes of its propositions' probabilities, each asked about the row's text."""
    put = [(number, one) for number, row in enumerate(rows) for one in row["propositions"]]
    said = means([texts[number].join(one["question"]) for number, one in put], TRUTH)
    known: list[dict[str, float]] = [{} for _ in rows]
    for (number, one), chance in zip(put, said, strict=True):
        if chance is not None:
            known[number][one["id"]] = chance
    kinds = [rules.response_types.get(row["response_type"]) for row in rows]
    return [
        kind.reward(chances) if kind and kind.propositions <= chances.keys() else None
        for kind, chances in zip(kinds, known, strict=True)
    ]


def _label_logprobs(policy: PeftModel, questions: Sequence[tuple[list[int], list[int]]]) -> torch.Tensor:
    """How likely each label is as the next token, (B, S), in nats; padded on the left, where all questions end."""
    longest = max(len(ids) for ids, _ in questions)
    padded_BT = torch.tensor([[0] * (longest - len(ids)) + ids for ids, _ in questions], device=policy.device)
    attention_BT = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids, _ in questions]).to(policy.device)
    places_BT = (attention_BT.cumsum(dim=1) - 1).clamp(min=0)
    with torch.no_grad():
        output = policy(
            padded_BT, attention_mask=attention_BT, position_ids=places_BT, logits_to_keep=1, use_cache=False
        )
    logprobs_BV = torch.log_softmax(output.logits[:, -1].double(), dim=-1).cpu()
    return logprobs_BV.gather(1, torch.tensor([labels for _, labels in questions]))


def _mean(logprobs_S: torch.Tensor, worth_S: torch.Tensor, min_mass: float) -> float | None:
    """sum(w_i p_i) / sum(p_i) over the labels; None where they have less probability than `min_mass`."""
    chances_S = logprobs_S.exp()
    mass = chances_S.sum().item()
    if not mass >= max(min_mass, NEVER_MIND):
        return None
    return (worth_S * chances_S).sum().item() / mass


def open_beside(policy: PeftModel, model: ModelSpec, folder: Path | None) -> PeftModel:
    """The preference model in `folder`, on the policy's own base weights from here on."""
    found = open_preference_model(model.model_copy(update={"start": folder}))
    share_base(found, policy)
    return found


def preference_reward(model: PeftModel, batch_size: int, beat: Callable[[], None]) -> Reward:
    """The preference model's reward of prompt and answer; None where that is no finite number."""

    def rewards(rows: Sequence[Asked], answers: Sequence[list[int]]) -> list[float | None]:
        sequences = [row["prompt"] + answer for row, answer in zip(rows, answers, strict=True)]
        found = score(model, sequences, batch_size, beat)
        return [one if math.isfinite(one) else None for one in found]

    return rewards


def safety_first(asked: SafetyFirstReward, safety: Reward, helpfulness: Reward) -> Reward:
    """Safety's reward where the prompt is risky or the answer unsafe, else helpfulness's; the batch then whitened.

    The rewards are logits already, of the probability that the floor is for.
    """

    def rewards(rows: Sequence[Asked], answers: Sequence[list[int]]) -> list[float | None]:
        both = zip(rows, safety(rows, answers), helpfulness(rows, answers), strict=True)
        return whitened([_ruled(row["risky"], safe, helpful, asked.floor) for row, safe, helpful in both])

    return rewards


def _ruled(risky: bool, safe: float | None, helpful: float | None, floor: float) -> float | None:
    unsafe = safe is None or 1 / (1 + math.exp(-max(safe, -700.0))) < floor
    return safe if risky or unsafe else helpful


def whitened(rewards: Sequence[float | None]) -> list[float | None]:
    """The rewards shifted and scaled to mean 0 and deviation 1; None stays and takes no part, equal ones become 0."""
    read = torch.tensor([reward for reward in rewards if reward is not None], dtype=torch.float64)
    if not len(read):
        return list(rewards)
    middle, spread = read.mean().item(), read.std(correction=0).item()
    return [
        None if reward is None else (reward - middle) / spread if spread > NEVER_MIND else 0.0 for reward in rewards
    ]


def summed(first: Reward, weight: float, second: Reward) -> Reward:
    """`weight` times the first reward, and the second; None where either could not be read."""

    def rewards(rows: Sequence[Asked], answers: Sequence[list[int]]) -> list[float | None]:
        both = zip(first(rows, answers), second(rows, answers), strict=True)
        return [None if one is None or other is None else weight * one + other for one, other in both]

    return rewards


def shortened(reward: Reward, penalty: float) -> Reward:
    """The reward less `penalty` for each token of the answer."""

    def rewards(rows: Sequence[Asked], answers: Sequence[list[int]]) -> list[float | None]:
        found = zip(reward(rows, answers), answers, strict=True)
        return [None if one is None else one - penalty * len(answer) for one, answer in found]

    return rewards
