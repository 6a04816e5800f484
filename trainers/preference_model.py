"""A preference model: the base with an adapter and a head that says one number, the reward, of a prompt with an answer.

sigma(r_a - r_b) is the probability that answer a is preferred (Bradley and Terry). On the disk it is a plain PEFT
adapter of task type SEQ_CLS whose head, `score`, is among its saved modules: transformers'
AutoModelForSequenceClassification with one label, and PEFT's PeftModel on it, open it and say the same numbers. The
reward is read at the last token of the sequence, the one that ends the answer. (transformers reads it at the last token
that is not its padding token: pad with a token that ends no answer there.)
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification
from trl.trainer.reward_trainer import suppress_seqcls_warning

from trainers.adopt import HEAD, HEAD_WEIGHTS, WEIGHTS
from trainers.policy import check_loaded, check_shape, load_base
from trainers.spec import PROJECTIONS, Lora, ModelSpec

PADDING = 0
"""Stands behind a shorter sequence of a batch, where nothing reads it."""


def new_preference_model(model: ModelSpec, lora: Lora, seed: int) -> PeftModel:
    """A preference model to train, on the adapter `default`.

    It goes on from `model.start`: another preference model, or a policy, which then gets a head. Without one it is a
    new adapter on the base. A new head is drawn from `seed`, so that rewards begin with a variance of about 1
    (Stiennon, 2009.01325, appendix B). Raises ValueError if the adapter to go on from has another shape than `lora`.
    """
    base = _load(model)
    torch.manual_seed(seed)
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, target_modules=PROJECTIONS, task_type="SEQ_CLS", modules_to_save=[HEAD]
    )
    found = get_peft_model(base, config)
    width = base.config.get_text_config().hidden_size
    head = _head(found).float().weight
    with torch.no_grad():
        head.copy_(torch.randn(1, width) / math.sqrt(width + 1))
    if model.start is not None:
        check_shape(LoraConfig.from_pretrained(str(model.start)), lora, model.start)
        held = {HEAD_WEIGHTS: head.detach()} | load_file(model.start / WEIGHTS)
        set_peft_model_state_dict(found, held, adapter_name="default")
        check_loaded(found, "default", model.start, may_lack=HEAD_WEIGHTS)
    return found


def open_preference_model(model: ModelSpec) -> PeftModel:
    """The preference model in `model.start`, to ask for rewards. Raises ValueError if that is none of this base."""
    if model.start is None:
        raise ValueError("no preference model is named: model.start is null")
    if LoraConfig.from_pretrained(str(model.start)).task_type != "SEQ_CLS":
        raise ValueError(f"{model.start} is a policy, and no preference model")
    found = PeftModel.from_pretrained(_load(model), str(model.start)).eval()
    _head(found).float()
    check_loaded(found, "default", model.start)
    return found


def share_base(model: PeftModel, other: PeftModel) -> None:
    """Have the model hold the base weights of `other`, a policy or a preference model, and no copy of its own."""
    held = dict(other.get_base_model().named_parameters())
    for name, parameter in model.get_base_model().named_parameters():
        if name in held and ".lora_" not in name and f"{HEAD}." not in name:
            parameter.data = held[name].data


def rewards(model: PeftModel, ids_BT: torch.Tensor, attention_BT: torch.Tensor) -> torch.Tensor:
    """The reward of each of B sequences, (B,), float32; they are padded on the right. Gradients go through it."""
    net = model.get_base_model()
    hidden_BTD = getattr(net, net.base_model_prefix)(ids_BT, attention_mask=attention_BT, use_cache=False)[0]
    last_B = attention_BT.sum(dim=1) - 1
    ends_BD = hidden_BTD[torch.arange(len(last_B), device=last_B.device), last_B]
    with torch.autocast(ids_BT.device.type, enabled=False):  # of the one number that is wanted, all the digits
        return net.score(ends_BD.float())[:, 0]


def score(
    model: PeftModel,
    sequences: Sequence[Sequence[int]],
    batch_size: int,
    after_batch: Callable[[], None] = lambda: None,
) -> list[float]:
    """The reward of each sequence: the token ids of a prompt (`trainers.chat.render`) and of an answer after it.

    In batches of sequences of like lengths. Which others a sequence shares its batch with changes its last bits only.
    """
    found: dict[int, float] = {}
    for numbers in _like_lengths(sequences, batch_size):
        ids = [torch.tensor(sequences[number]) for number in numbers]
        padded_BT = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=PADDING)
        lengths_B1 = torch.tensor([[len(one)] for one in ids])
        attention_BT = (torch.arange(padded_BT.shape[1]) < lengths_B1).long()
        with torch.no_grad():
            rewards_B = rewards(model, padded_BT.to(model.device), attention_BT.to(model.device))
        found |= dict(zip(numbers, rewards_B.tolist(), strict=True))
        after_batch()
    return [found[number] for number in range(len(sequences))]


def scale_rewards(model: PeftModel, factor: float) -> None:
    """Multiply every reward by `factor`: the head has no bias, so that its weights are all that needs it."""
    with torch.no_grad():
        _head(model).weight.mul_(factor)


def _like_lengths(sequences: Sequence[Sequence[int]], batch_size: int) -> Iterator[list[int]]:
    order = sorted(range(len(sequences)), key=lambda number: -len(sequences[number]))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def _load(model: ModelSpec) -> torch.nn.Module:
    with suppress_seqcls_warning():  # that the head is new, and the language model's not needed
        return load_base(model, AutoModelForSequenceClassification, num_labels=1)


def _head(model: PeftModel) -> torch.nn.Linear:
    return model.get_base_model().score.modules_to_save["default"]
