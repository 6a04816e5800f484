"""One training by DPO, ours or stock TRL's, on the same pairs: what a step of it takes, in seconds and in memory."""

import json
import random
import resource
import shutil
import statistics
import time
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from datasets import Dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PrinterCallback, TrainerCallback
from trl import DPOConfig, DPOTrainer

import microworld
from loop.base import USED
from loop.label_file import labels_path, read_labels
from trainers.dpo import prepare
from trainers.pace import Pace
from trainers.policy import load_policy
from trainers.rows import read_pairs
from trainers.spec import DpoSpec
from trainers.training import shared_arguments, train

M1 = Path(microworld.__file__).parent / "models" / "m1"


def measured(way: str, model: str, dtype: str, threads: int, folder: Path) -> dict[str, Any]:
    """Train in `folder`, `ours`, `trl` or `trl_precomputed`; `step_s` is the median step without the first."""
    folder.mkdir(parents=True)
    base, rows, batch_size, micro_batch_size = _m1() if model == "m1" else _25m(folder / "base")
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    spec = _spec(base, dtype, threads, folder / "rows.parquet", batch_size, micro_batch_size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu_began = time.time(), time.process_time()
    times = ours(spec, folder / "out") if way == "ours" else stock(spec, folder / "out", way == "trl_precomputed")
    whole, cpu = time.time() - began, time.process_time() - cpu_began
    pairs = read_pairs(spec.rows, AutoTokenizer.from_pretrained(base), spec.max_length_tokens).trained
    lengths = [len(pair["prompt_ids"]) + len(pair[side]) for pair in pairs for side in ("chosen_ids", "rejected_ids")]
    weights = sum(file.stat().st_size for file in base.glob("*.safetensors"))
    shutil.rmtree(folder)
    return {
        "parameters": weights // 4,
        "base_mib": round(weights / 2**20, 1),
        "pairs": len(pairs),
        "batch_size": batch_size,
        "micro_batch_size": micro_batch_size,
        "tokens_mean": round(statistics.fmean(lengths), 1),
        "step_s": statistics.median(later - earlier for earlier, later in pairwise(times)),
        "whole_s": whole,
        "cpu_s": cpu,
        "peak_mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }


def ours(spec: DpoSpec, out: Path) -> list[float]:
    """When each step of the program that a run starts was done."""
    train(spec, out, Pace(spec.checkpoint_every_s), read_pairs, prepare)
    return [json.loads(line)["time_s"] for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def stock(spec: DpoSpec, out: Path, precomputed: bool) -> list[float]:
    """The same of TRL's DPOTrainer with the same settings, which logs after each step too."""
    tokenizer = AutoTokenizer.from_pretrained(spec.model.base)
    rows = read_pairs(spec.rows, tokenizer, spec.max_length_tokens).trained
    arguments = shared_arguments(spec, out, len(rows))
    clock = Clock()
    trainer = OnIds(
        model=load_policy(spec.model, spec.lora, spec.seed),
        args=DPOConfig(**arguments, beta=spec.loss.beta, precompute_ref_log_probs=precomputed),
        train_dataset=Dataset.from_list([{name: row[name] for name in IDS} for row in rows]),
        processing_class=tokenizer,
        callbacks=[clock],
    )
    trainer.model.delete_adapter("ref")  # the reference is the base, as in ours
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock.times


IDS = ("prompt_ids", "chosen_ids", "rejected_ids")


class OnIds(DPOTrainer):
    """TRL's own, but for the step that makes token ids of texts: these are ids already."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset


class Clock(TrainerCallback):
    """When each step was done."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_log(self, *_: Any, logs: dict[str, float] | None = None, **__: Any) -> None:
        if logs and "loss" in logs:
            self.times.append(time.time())


def _m1() -> tuple[Path, list[dict[str, Any]], int, int]:
    """The microworld's model, 256 pairs that its simulated person labelled, and the batch of a recipe."""
    labels = read_labels(labels_path("microworld"))[:256]
    rows = [
        {
            "prompt": [asdict(message) for message in label.prompt.messages],
            "chosen_ids": None,
            "rejected_ids": None,
            "chosen": label.chosen,
            "rejected": label.rejected,
            "label_probability": 1.0,
            "weight": 1.0,
            "held_out": False,
        }
        for label in labels
    ]
    return M1, rows, 16, 8


def _25m(base: Path) -> tuple[Path, list[dict[str, Any]], int, int]:
    """A Llama of 25 million random parameters in `base`, and 64 pairs of random answers of 16 to 96 tokens."""
    base.mkdir()
    for pattern in USED:
        for file in M1.glob(pattern):
            if file.suffix != ".safetensors" and file.name != "config.json":
                shutil.copy(file, base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8192,
        hidden_size=384,
        intermediate_size=1536,
        num_hidden_layers=9,
        num_attention_heads=6,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(base)
    rng = random.Random(0)
    words = sorted(tokenizer.get_vocab())

    def answer() -> list[int]:
        return [rng.randrange(len(words), 8192) for _ in range(rng.randint(16, 96))] + [tokenizer.eos_token_id]

    asked = [label.prompt for label in read_labels(labels_path("microworld"))[:64]]
    rows = [
        {
            "prompt": [asdict(message) for message in prompt.messages],
            "chosen_ids": answer(),
            "rejected_ids": answer(),
            "label_probability": 1.0,
            "weight": 1.0,
            "held_out": False,
        }
        for prompt in asked
    ]
    return base, rows, 8, 4


def _spec(base: Path, dtype: str, threads: int, rows: Path, batch_size: int, micro_batch_size: int) -> DpoSpec:
    model = {"base": base, "dtype": dtype, "device": "cpu", "start": None, "reference": None, "threads": threads}
    loss = {"kind": "sigmoid", "beta": 0.3, "flip_rate": 0.1, "length_normalised": False}
    loss |= {"length_desensitisation": 1.0, "nll_weight": 0.0, "wpo": False}
    return DpoSpec.model_validate(
        {
            "model": model,
            "rows": rows,
            "lora": {"rank": 16, "alpha": 32},
            "learning_rate": 1e-4,
            "epochs": 2,
            "batch_size": batch_size,
            "micro_batch_size": micro_batch_size,
            "warmup_frac": 0.1,
            "schedule": "linear",
            "max_grad_norm": 1.0,
            "max_length_tokens": 512,
            "held_out": {"every_steps": None, "patience": None},
            "seed": 0,
            "checkpoint_every_s": 3600,
            "loss": loss,
        }
    )
