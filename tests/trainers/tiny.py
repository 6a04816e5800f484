"""A Llama of 20,000 parameters, a tokenizer and random pairs: enough for the real TRL and PEFT, and quick."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from trainers import dpo, preference, rl, sft, training
from trainers.pace import Pace
from trainers.rows import read_answers, read_comparisons, read_pairs, read_prompts
from trainers.spec import DpoSpec, PreferenceSpec, RlSpec, SftSpec

WORDS = ["<|user|>", "<|assistant|>", "<|end|>", "<|unk|>", *(f"w{i}" for i in range(55)), *"12345"]
END = 2
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_base(folder: Path) -> Path:
    """A random base model and its tokenizer in `folder`."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<|unk|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|end|>",
        unk_token="<|unk|>",
        additional_special_tokens=WORDS[:2],
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=END,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def random_pairs(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """`n` rows as `DpoSpec` wants them, of differing lengths."""
    rng = random.Random(seed)

    def answer() -> list[int]:
        return [rng.randrange(4, len(WORDS)) for _ in range(rng.randint(1, 9))] + [END]

    return [
        {
            "prompt": [{"role": "user", "content": " ".join(rng.choices(WORDS[4:], k=rng.randint(1, 7)))}],
            "chosen_ids": answer(),
            "rejected_ids": answer(),
            "label_probability": 1.0,
            "weight": 1.0,
            "held_out": False,
        }
        for _ in range(n)
    ]


def rehearsed(pairs: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """The pairs, of which each `n`th is a demonstration that has no rejected answer."""
    return [
        {**row, "rehearsed": True, "rejected_ids": None, "rejected": None} if not number % n else row
        for number, row in enumerate(pairs)
    ]


LOSS: dict[str, Any] = {
    "kind": "sigmoid",
    "beta": 0.3,
    "flip_rate": 0.1,
    "length_normalised": False,
    "length_desensitisation": 1.0,
    "nll_weight": 0.0,
    "wpo": False,
}
"""DPO as it was published."""


def demonstrations(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chosen answers of the pairs as rows for `SftSpec`."""
    return [
        {
            "prompt": row["prompt"],
            "answer_ids": row["chosen_ids"],
            "answer": None,
            "weight": row["weight"],
            "held_out": row["held_out"],
        }
        for row in pairs
    ]


def _settings(folder: Path, base: Path, rows: list[dict[str, Any]], changes: dict[str, Any]) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rows.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path)
    model = {"base": base, "dtype": "float32", "device": "cpu", "start": None, "reference": None, "threads": 1}
    settings: dict[str, Any] = {
        "rows": path,
        "lora": {"rank": 4, "alpha": 8.0},
        "learning_rate": 0.02,
        "epochs": 2,
        "batch_size": 16,
        "micro_batch_size": 8,
        "warmup_frac": 0.0,
        "schedule": "constant",
        "max_grad_norm": 1.0,
        "max_length_tokens": 64,
        "held_out": {"every_steps": None, "patience": None},
        "seed": 5,
        "checkpoint_every_s": 3600.0,
    }
    return settings | changes | {"model": model | changes.get("model", {})}


def write_spec(
    folder: Path, base: Path, rows: list[dict[str, Any]], loss: dict[str, Any] | None = None, **changes: Any
) -> DpoSpec:
    """A spec over `rows`, which are written to `folder`. By default one batch holds 16, in two micro-batches."""
    return DpoSpec.model_validate(_settings(folder, base, rows, changes) | {"loss": LOSS | (loss or {})})


def write_sft_spec(folder: Path, base: Path, rows: list[dict[str, Any]], **changes: Any) -> SftSpec:
    """The same for supervised fine-tuning."""
    return SftSpec.model_validate(_settings(folder, base, rows, changes))


def comparisons(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pairs as rows for `PreferenceSpec`."""
    return [{"margin": 0.0, "chosen": None, "rejected": None, **row} for row in pairs]


def write_preference_spec(folder: Path, base: Path, rows: list[dict[str, Any]], **changes: Any) -> PreferenceSpec:
    """The same for a preference model."""
    return PreferenceSpec.model_validate(_settings(folder, base, rows, changes))


def train(spec: DpoSpec, out: Path) -> None:
    """`trainers.dpo` in this process, where nobody asks it to stop."""
    training.train(spec, out, Pace(spec.checkpoint_every_s), read_pairs, dpo.prepare)


def fine_tune(spec: SftSpec, out: Path) -> None:
    """`trainers.sft` in this process."""
    training.train(spec, out, Pace(spec.checkpoint_every_s), read_answers, sft.prepare)


def prefer(spec: PreferenceSpec, out: Path) -> None:
    """`trainers.preference` in this process."""
    training.train(spec, out, Pace(spec.checkpoint_every_s), read_comparisons, preference.prepare)


QUESTION = ["w3 w4 ", " w5"]
"""What the judge of the tests is asked: words before the answer, and after it."""


def prompts(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """`n` rows as `RlSpec` wants them."""
    wanted = [row["prompt"] for row in random_pairs(n, seed)]
    return [{"prompt": prompt, "question": QUESTION, "risky": False, "held_out": False} for prompt in wanted]


def write_rl_spec(folder: Path, base: Path, rows: list[dict[str, Any]], **changes: Any) -> RlSpec:
    """A spec of four answers to each of `rows`, judged by the base. A batch holds 4 rows, in two micro-batches."""
    asked: dict[str, Any] = {
        "completions": 4,
        "max_tokens": 8,
        "kl_coef": 0.05,
        "max_kl_nats": 50.0,
        "length_penalty": 0.0,
        "reward": {"kind": "judge", "low": 1, "high": 5, "min_mass": 0.0},
        "reward_models": (None,),
        "batch_size": 4,
        "micro_batch_size": 2,
    }
    return RlSpec.model_validate(_settings(folder, base, rows, asked | changes))


def reinforce(spec: RlSpec, out: Path) -> None:
    """`trainers.rl` in this process."""
    training.train(spec, out, Pace(spec.checkpoint_every_s), read_prompts, rl.prepare)
