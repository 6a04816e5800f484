"""An iteration's work the ordinary way, in one process: `python -P -m benchmarks.ordinary WORK.json OUT.json`.

What a person would write first: transformers' `generate` with a PEFT adapter, a forward pass over each judged answer,
TRL's own `DPOTrainer` on the texts. Batched and left-padded, so that it is slow for no reason but its kind.
WORK.json is what `benchmarks.iteration` writes: the same prompts, judge's questions, pairs and settings as the loop's.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

BATCH = 64


def main(work_path: Path, out_path: Path) -> None:
    """Do the work once and write the seconds of each part to `out_path`."""
    work = json.loads(work_path.read_bytes())
    began = time.perf_counter()
    import torch
    import trl  # noqa: F401  # to be counted as loading, not as training
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(work["threads"])
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(work["base"], padding_side="left")
    base = AutoModelForCausalLM.from_pretrained(work["base"], dtype=torch.float32)
    model = PeftModel.from_pretrained(base, work["adapter"], is_trainable=True)
    seconds = {"load": time.perf_counter() - began}
    for part, do in (("generate", generate), ("judge", judge), ("train", train)):
        began = time.perf_counter()
        do(model, tokenizer, work)
        seconds[part] = time.perf_counter() - began
    out_path.write_text(json.dumps(seconds), encoding="utf-8")


def generate(model: Any, tokenizer: Any, work: dict[str, Any]) -> None:
    """Sample `samples` answers to each prompt."""
    import torch

    model.eval()
    for prompts in _batches(work["prompts"], max(1, BATCH // work["samples"])):
        with torch.inference_mode():
            model.generate(
                **_encoded(tokenizer, prompts),
                do_sample=True,
                temperature=work["temperature"],
                top_k=0,
                num_return_sequences=work["samples"],
                max_new_tokens=work["max_tokens"],
                pad_token_id=tokenizer.pad_token_id,
            )


def judge(model: Any, tokenizer: Any, work: dict[str, Any]) -> None:
    """One forward pass over each question, for the log-probabilities of what is said next."""
    import torch

    model.eval()
    for questions in _batches(work["questions"], BATCH):
        with torch.inference_mode():
            logits = model(**_encoded(tokenizer, questions), logits_to_keep=1).logits
            logits[:, -1].log_softmax(-1).tolist()


def train(model: Any, tokenizer: Any, work: dict[str, Any]) -> None:
    """TRL's DPO on the pairs. Given a PEFT model, it keeps a copy of the adapter as the reference."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    tokenizer.padding_side = "right"
    with tempfile.TemporaryDirectory() as folder:
        settings = DPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            **work["dpo"],
        )
        data = Dataset.from_list(work["pairs"])
        DPOTrainer(model, args=settings, train_dataset=data, processing_class=tokenizer).train()


def _encoded(tokenizer: Any, conversations: Sequence[Any]) -> Any:
    return tokenizer.apply_chat_template(
        list(conversations), add_generation_prompt=True, padding=True, return_dict=True, return_tensors="pt"
    )


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
