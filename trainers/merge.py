"""Fold an adapter into its base: `python -P -m trainers.merge SPEC.json OUT`. See `trainers.spec` for both ends.

The sum is computed in float32 and rounded once, as it is written: a base in bfloat16 that the adapter were added to in
bfloat16 would lose most of a small change.
"""

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import torch
from peft import PeftModel
from transformers import AutoConfig, AutoTokenizer

from runs.canonical import canonical_json
from runs.records import Message
from trainers.beat import Beat
from trainers.chat import render
from trainers.policy import check_loaded, load_base
from trainers.probe import answer_logprobs
from trainers.spec import MergeSpec

MODEL = "model"
"""The folder in OUT with the configuration and the weights."""


def main(spec_path: Path, out: Path) -> None:
    """Leave the merged model in `out`/model, and an account of how far it is from base and adapter in float32.

    The account counts the tokens that both were asked about, and holds the mean and the largest absolute difference of
    their log-probabilities, in nats. Raises ValueError for an adapter that is none of the base's.
    """
    spec = MergeSpec.model_validate_json(spec_path.read_bytes())
    if spec.model.start is None:
        raise ValueError(f"{spec_path} names no adapter to merge: model.start is null")
    beat = Beat(out)
    beat()
    tokenizer = AutoTokenizer.from_pretrained(spec.model.base, local_files_only=True)
    asked = [
        (render(tokenizer, [Message(m["role"], m["content"]) for m in row["prompt"]]), row["answer_ids"])
        for row in parquet.read_table(spec.rows).to_pylist()
    ]
    policy = PeftModel.from_pretrained(load_base(spec.model), str(spec.model.start)).eval()
    check_loaded(policy, "default", spec.model.start)
    beat()
    wanted = _logprobs(policy, asked, beat)
    merged = policy.merge_and_unload()
    dtype = spec.dtype or _own_dtype(spec.model.base)
    merged.to(getattr(torch, dtype)).save_pretrained(out / MODEL)
    del policy, merged
    beat()
    saved = spec.model.model_copy(update={"base": out / MODEL, "start": None})
    # In float32, which holds every number of the file: what is measured is the rounding and not another arithmetic.
    found = _logprobs(load_base(saved).eval(), asked, beat)
    apart = [abs(ours - theirs) for ours, theirs in zip(found, wanted, strict=True)]
    account = {
        "dtype": dtype,
        "rows": len(asked),
        "tokens": len(apart),
        "max_apart_nats": max(apart),
        "mean_apart_nats": sum(apart) / len(apart),
    }
    (out / "result.json").write_bytes(canonical_json(account))


def _logprobs(model: Any, asked: list[tuple[list[int], list[int]]], beat: Beat) -> list[float]:
    """The log-probability of each token of each answer."""
    found: list[float] = []
    for prompt_ids, token_ids in asked:
        found += answer_logprobs(model, prompt_ids, token_ids)
        beat()
    return found


def _own_dtype(base: Path) -> str:
    """The type of the base's own weights, as its configuration says."""
    config = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
    return str(config.dtype or torch.float32).removeprefix("torch.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
