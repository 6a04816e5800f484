"""The base model with an adapter on it, as training and probing programs see it."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from trainers.adopt import WEIGHTS
from trainers.spec import PROJECTIONS, Lora, ModelSpec


def load_base(model: ModelSpec, kind: Any = AutoModelForCausalLM, **settings: Any) -> PreTrainedModel:
    """The base model from its folder, as a `kind` of transformers' auto classes: safetensors only, no code of its own,
    nothing fetched."""
    disable_progress_bar()
    torch.set_num_threads(model.threads)
    return kind.from_pretrained(
        model.base,
        dtype=getattr(torch, model.dtype),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        **settings,
    ).to(model.device)


def load_policy(model: ModelSpec, lora: Lora, seed: int) -> PeftModel:
    """The base with the adapter to train, called `default`: the one to go on from, or a new one drawn from `seed`.

    A new adapter changes nothing yet: its B matrices are zero. Raises ValueError if the adapter to go on from has
    another shape than `lora` asks for.
    """
    base = load_base(model)
    if model.start is None:
        torch.manual_seed(seed)
        config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=PROJECTIONS, task_type="CAUSAL_LM")
        return get_peft_model(base, config)
    policy = PeftModel.from_pretrained(base, model.start, is_trainable=True)
    check_loaded(policy, "default", model.start)
    check_shape(policy.peft_config["default"], lora, model.start)
    if lora.frozen:
        freeze(policy, lora.frozen)
    return policy


def freeze(policy: PeftModel, ranks: int) -> None:
    """Have the first ranks of the adapter to train stay as they are, to the bit.

    They get no gradient, and AdamW moves nothing that has had none: there is no weight decay.
    """

    def without(gradient: torch.Tensor, first: int) -> torch.Tensor:
        gradient = gradient.clone()
        gradient.narrow(first, 0, ranks).zero_()
        return gradient

    for name, parameter in policy.named_parameters():
        if parameter.requires_grad:
            # A is (rank, inputs), B is (outputs, rank).
            parameter.register_hook(partial(without, first=0 if ".lora_A." in name else 1))


def check_shape(config: LoraConfig, lora: Lora, start: Path) -> None:
    """Raise ValueError unless the adapter in `start` has the shape that `lora` asks for."""
    if (config.r, config.lora_alpha) != (lora.rank, lora.alpha):
        raise ValueError(
            f"{start} has rank {config.r} and alpha {config.lora_alpha}, but the configuration asks for rank "
            f"{lora.rank} and alpha {lora.alpha}; set train.lora_rank and train.lora_alpha to its own"
        )


def check_loaded(policy: PeftModel, name: str, folder: Path, may_lack: str = "") -> None:
    """Raise ValueError unless adapter `name` holds exactly the weights of `folder`: PEFT only warns of missing keys.

    The tensor `may_lack` need not be in the folder.
    """
    held = get_peft_model_state_dict(policy, adapter_name=name, save_embedding_layers=False)
    stored = load_file(folder / WEIGHTS)
    if may_lack and may_lack not in stored:
        del held[may_lack]
    if held.keys() != stored.keys():
        odd = sorted(held.keys() ^ stored.keys())
        raise ValueError(f"{folder} does not fit the base model: {len(odd)} tensors without a match, first {odd[0]}")
    for key, tensor in held.items():
        if not torch.equal(tensor.cpu(), stored[key].to(tensor.dtype)):
            raise ValueError(f"{key} of adapter {name} is not what {folder} holds")


def set_reference(policy: PeftModel, reference: Path | None) -> None:
    """Make the adapter `ref`, which TRL takes for the reference, hold the weights of `reference`; or drop it.

    Without it TRL takes the base. TRL's own is a copy of whatever training starts from.
    """
    policy.delete_adapter("ref")
    if reference is not None:
        policy.load_adapter(str(reference), "ref")
        check_loaded(policy, "ref", reference)


def save_adapter(policy: PeftModel, out: Path) -> None:
    """Write the trained adapter's two files to `out`. TRL's copy of the reference stays out of it."""
    # "auto" would ask the Hub whether the vocabulary grew.
    policy.save_pretrained(str(out), selected_adapters=["default"], save_embedding_layers=False)
