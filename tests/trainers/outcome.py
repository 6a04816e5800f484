"""What a training left in its folder, how a killed one ended, and what its weights say."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from loop.workers.trainers import Trainers
from runs.errors import WorkerError
from runs.records import Message
from trainers.adopt import adopt
from trainers.chat import render
from trainers.spec import STOPPED, DpoSpec, PreferenceSpec, RlSpec, SftSpec, TrainingSpec

FILES = ("adapter_model.safetensors", "adapter_config.json")
DYING = "tests.trainers.dying"
PROGRAMS = {
    DpoSpec: "trainers.dpo",
    SftSpec: "trainers.sft",
    PreferenceSpec: "trainers.preference",
    RlSpec: "trainers.rl",
}


def result_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_bytes())


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / FILES[0])


def mean_answer_logprob(base: Path, adapter: Path | None, rows: list[dict[str, Any]], side: str) -> float:
    """What a plain forward pass says, one answer at a time, with nothing of ours or TRL's in between."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, str(adapter))
    total = 0.0
    for row in rows:
        prompt = render(tokenizer, [Message(**message) for message in row["prompt"]])
        ids = torch.tensor([prompt + row[side]])
        with torch.no_grad():
            logprobs = torch.log_softmax(model(ids).logits[0, :-1], dim=-1)
        total += logprobs.gather(1, ids[0, 1:, None])[len(prompt) - 1 :].sum().item()
    return total / len(rows)


def curve_of(out: Path) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "time_s"} for row in log_of(out)]


def assert_same(out: Path, spec: TrainingSpec, wanted: Path) -> None:
    head = isinstance(spec, PreferenceSpec)
    ours, theirs = (adopt(folder, spec.model.base, spec.lora, head) for folder in (out, wanted))
    assert ours.weights.read_bytes() == theirs.weights.read_bytes()
    assert ours.config == theirs.config
    for name in ("probe.json", "result.json"):
        assert (out / name).read_bytes() == (wanted / name).read_bytes()
    assert curve_of(out) == curve_of(wanted)


def ends(trainers: Trainers, spec: TrainingSpec, out: Path, at: str, number: int, send: int = signal.SIGKILL) -> str:
    """How a program that is to end there did end."""
    out.mkdir(exist_ok=True)
    order = {"program": PROGRAMS[type(spec)], "at": at, "number": number, "send": send}
    (out / "order.json").write_text(json.dumps(order))
    with pytest.raises(WorkerError) as ended:
        trainers.run(DYING, spec, out, timeout_s=120)
    assert not (out / "result.json").exists()
    return next(way for way in ("SIGKILL", f"exit code {STOPPED}") if way in str(ended.value))
