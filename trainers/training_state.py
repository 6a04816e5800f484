"""A trainer's state between two steps as files, and back: safetensors and JSON, so that reading it executes nothing.

transformers would pickle the optimizer and the random numbers, and with TRL's adapter `ref` beside the policy it would
not load the policy at all: the training would go on from its start weights (`_load_from_checkpoint` of transformers
5.19 reads only the adapters in subfolders where there are any). A test shows both.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load, load_file, save
from transformers import TrainerState

from runs.canonical import canonical_json
from trainers.adopt import WEIGHTS

OPTIMIZER, RANDOM = "optimizer.safetensors", "random.safetensors"
SCHEDULE = "schedule.json"
STATE = "trainer_state.json"
"""The steps done and the like; transformers wants it under this name."""


def state_files(policy: PeftModel, optimizer: Any, scheduler: Any, state: TrainerState) -> dict[str, bytes]:
    """All that the rest of a training depends on after a whole step, by the names of the files.

    The order of the rows is not among it: it follows from the seed and the epoch.
    """
    moments = optimizer.state_dict()
    settings = {"groups": moments["param_groups"], "scheduler": scheduler.state_dict()}
    named = {f"{row}.{name}": held for row, values in moments["state"].items() for name, held in values.items()}
    return {
        WEIGHTS: policy_weights(policy),
        OPTIMIZER: _packed(named),
        RANDOM: _packed(_random_states()),
        SCHEDULE: canonical_json(settings),
        STATE: canonical_json(replace(state, log_history=[])),
    }


def policy_weights(policy: PeftModel) -> bytes:
    """The weights of the adapter `default` as a safetensors file."""
    return _packed(get_peft_model_state_dict(policy, adapter_name="default", save_embedding_layers=False))


def restore_policy(policy: PeftModel, weights: bytes) -> None:
    """Give the adapter `default` the weights of such a file, and leave `ref` as it is. Raises ValueError."""
    set_peft_model_state_dict(policy, load(weights), adapter_name="default")
    if policy_weights(policy) != weights:  # PEFT only warns of missing keys
        raise ValueError("the weights of a checkpoint are not those of an adapter of this policy")


def restore_optimizer(optimizer: Any, scheduler: Any, folder: Path) -> None:
    """Give optimizer and schedule the state of a checkpoint."""
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for named, held in load_file(folder / OPTIMIZER).items():
        row, _, name = named.partition(".")
        moments.setdefault(int(row), {})[name] = held
    settings = json.loads((folder / SCHEDULE).read_bytes())
    optimizer.load_state_dict({"state": moments, "param_groups": settings["groups"]})
    scheduler.load_state_dict(settings["scheduler"])


def restore_random_numbers(folder: Path) -> None:
    """Give torch's random numbers the state of a checkpoint."""
    stored = load_file(folder / RANDOM)
    torch.set_rng_state(stored["cpu"])
    if "cuda" in stored:
        torch.cuda.set_rng_state(stored["cuda"])


def _random_states() -> dict[str, torch.Tensor]:
    on_gpu = {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_initialized() else {}
    return {"cpu": torch.get_rng_state()} | on_gpu


def _packed(tensors: dict[str, torch.Tensor]) -> bytes:
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
