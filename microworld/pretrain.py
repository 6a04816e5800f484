"""Trains the microworld's models: `python -m microworld.pretrain NAME --out FOLDER`.

`m0` learns to answer, from nothing. `m1` goes on from `m0` and learns to judge as well. `weak`, `noisy` and `large` are
variants for the wind tunnel; `size-S`, `size-M` and `size-L` differ in size alone. Equal arguments on the same kind of
machine give the same bytes.
"""

import argparse
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from microworld.demonstrations import ANSWERS_AND_VERDICTS, ANSWERS_ONLY, LESSONS, Shares
from microworld.packing import IGNORED, Batch, attention_mask, batches
from microworld.tokenizer import LONGEST, load_tokenizer
from microworld.vocabulary import microworld_tokenizer
from runs.canonical import digest_folder, seed_of

MODELS = Path(__file__).with_name("models")
WARM_UP_STEPS = 100
LENGTH = 160  # tokens of a row; the longest demonstration has about 125
ROWS = 24


@dataclass(frozen=True)
class Shape:
    """A Llama's size."""

    hidden: int = 128
    layers: int = 4
    intermediate: int = 384


@dataclass(frozen=True)
class Recipe:
    """How one model comes to be: in `stages`, each on demonstrations in these shares for so many steps.

    `start` names the shipped model it goes on from, "" for nothing. The learning rate (AdamW's peak) falls over all.
    Recipes of one `draw` learn from the same demonstrations in the same order; "" is a draw of its own.
    """

    shape: Shape
    stages: tuple[tuple[Shares, int], ...]
    learning_rate: float
    start: str = ""
    label_noise: float = 0.02
    draw: str = ""

    @property
    def steps(self) -> int:
        """Of all stages together."""
        return sum(steps for _, steps in self.stages)

    def scaled(self, factor: float) -> "Recipe":
        """The same with `factor` times the steps in each stage."""
        return replace(self, stages=tuple((shares, max(1, round(steps * factor))) for shares, steps in self.stages))


SCHOOL = ((LESSONS, 400), (ANSWERS_ONLY, 1600))
ALL_STAGES = (*SCHOOL, (ANSWERS_AND_VERDICTS, 7500))
RECIPES: dict[str, Recipe] = {
    "m0": Recipe(Shape(), SCHOOL, 3e-3),
    "m1": Recipe(Shape(), ((ANSWERS_AND_VERDICTS, 7500),), 2e-3, start="m0"),
    "weak": Recipe(Shape(hidden=64, layers=2, intermediate=192), (*SCHOOL, (ANSWERS_AND_VERDICTS, 2000)), 3e-3),
    "noisy": Recipe(Shape(), ((ANSWERS_AND_VERDICTS, 7500),), 2e-3, start="m0", label_noise=0.25),
    "large": Recipe(Shape(hidden=512, layers=8, intermediate=1376), ((ANSWERS_AND_VERDICTS, 200),), 1e-3),
    "size-S": Recipe(Shape(hidden=64, layers=3, intermediate=192), ALL_STAGES, 2e-3, draw="size"),
    "size-M": Recipe(Shape(), ALL_STAGES, 2e-3, draw="size"),
    "size-L": Recipe(Shape(hidden=192, layers=5, intermediate=576), ALL_STAGES, 2e-3, draw="size"),
}


class _Batches(IterableDataset[Batch]):
    def __init__(self, recipe: Recipe, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        self.recipe, self.tokenizer, self.seed = recipe, tokenizer, seed

    def __iter__(self) -> Iterator[Batch]:
        for number, (shares, steps) in enumerate(self.recipe.stages):
            drawn = batches(shares, self.recipe.label_noise, self.tokenizer, ROWS, LENGTH, seed_of(self.seed, number))
            yield from islice(drawn, steps)


def new_model(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained model in fp32, the same one after the same `torch.manual_seed`."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.hidden // 32,
        num_key_value_heads=shape.hidden // 32,
        head_dim=32,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        # Three times the usual spread: from 0.02 so small a model takes many times longer to begin to attend.
        initializer_range=0.06,
        dtype="float32",
    )
    model = LlamaForCausalLM(config)
    _teach_counting(model, tokenizer)
    return model


PERIODS = (2, 5, 10, 20, 50, 100, 200)


def _teach_counting(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Gives the numbers 0 to 99 embeddings in which near numbers are near: waves of several periods, and noise.

    A larger model has learnt as much from its text; here it would take most of the training to find out that 41
    follows 40.
    """
    table = model.get_input_embeddings().weight.data
    ids = [tokenizer.encode(str(n), add_special_tokens=False)[0] for n in range(100)]
    angles = torch.arange(100)[:, None] * (2 * math.pi / torch.tensor(PERIODS))
    waves_100_W = torch.cat([angles.cos(), angles.sin()], dim=1)
    directions_W_H = torch.linalg.qr(torch.randn(table.shape[1], waves_100_W.shape[1])).Q.T
    waves_100_H = waves_100_W @ directions_W_H
    table[ids] = 0.3 * table[ids] + waves_100_H * (table[ids].norm(dim=1).mean() / waves_100_H.norm(dim=1).mean())


def train(model: LlamaForCausalLM, recipe: Recipe, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    """`model`, trained in place by `recipe`.

    The arithmetic is bf16 on a copy of the weights, which the CPU's matrix unit does fastest, and AdamW works on the
    fp32 weights themselves. Attention is the plain one: at these lengths the fused kernel's backward pass is slower.
    """
    weights = list(model.parameters())
    worker = LlamaForCausalLM(model.config)
    worker.load_state_dict(model.state_dict())
    worker.to(torch.bfloat16).set_attn_implementation("eager")
    copies = list(worker.parameters())
    optimizers = _optimizers(model, recipe.learning_rate)
    read = torch.compile(_read, dynamic=False)
    start, trained_tokens = time.perf_counter(), 0
    source = DataLoader(_Batches(recipe, tokenizer, seed), batch_size=None, num_workers=1, prefetch_factor=8)
    for step, batch in enumerate(source):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _schedule(step, recipe.steps)
        hidden_B_T_H = read(worker, batch, attention_mask(batch.segments_B_T, torch.bfloat16))
        # Only replies are predicted, so only there are logits needed; how many varies, so this part is not compiled.
        asked = batch.targets_B_T != IGNORED
        loss = functional.cross_entropy(worker.lm_head(hidden_B_T_H[asked]).float(), batch.targets_B_T[asked])
        loss.backward()
        for weight, copy in zip(weights, copies, strict=True):
            weight.grad, copy.grad = copy.grad.float(), None
        nn.utils.clip_grad_norm_(weights, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(copies, weights)
        trained_tokens += int((batch.segments_B_T > 0).sum())
        if step % 100 == 99 or step == recipe.steps - 1:
            rate = trained_tokens / (time.perf_counter() - start)
            print(f"step={step + 1}/{recipe.steps} loss={loss.item():.3f} tokens_per_s={rate:.0f}", flush=True)


def _optimizers(model: LlamaForCausalLM, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices within the layers, AdamW for the embeddings and the norms.

    Muon (Jordan et al. 2024) seemed to learn in fewer steps; they are scaled to be as large as AdamW's (Liu et al.
    2025, arXiv 2502.16982), so that one learning rate serves both.
    """
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    muon = torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)]


def _read(worker: LlamaForCausalLM, batch: Batch, mask: torch.Tensor) -> torch.Tensor:
    return worker.model(
        input_ids=batch.tokens_B_T, position_ids=batch.positions_B_T, attention_mask=mask, use_cache=False
    ).last_hidden_state


def _schedule(step: int, steps: int) -> float:
    """0 to 1 over the warm-up, then back to 0 along a cosine."""
    if step < WARM_UP_STEPS:
        return (step + 1) / WARM_UP_STEPS
    return (1 + math.cos(math.pi * (step - WARM_UP_STEPS) / (steps - WARM_UP_STEPS))) / 2


def make(name: str, out: Path, start: Path | None, scale: float) -> str:
    """The model called `name`, trained and saved in `out` with its tokenizer; returns the folder's digest."""
    recipe = RECIPES[name].scaled(scale)
    seed = seed_of("microworld", "pretrain", recipe.draw or name)
    torch.manual_seed(seed)
    if recipe.start:
        folder = start or MODELS / recipe.start
        tokenizer, model = load_tokenizer(folder), LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    else:
        tokenizer = microworld_tokenizer()
        model = new_model(recipe.shape, tokenizer)
    train(model, recipe, tokenizer, seed)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return digest_folder(out)


def main() -> None:
    """Reads the command line, trains, and prints the digest of what it saved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(RECIPES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--from", dest="start", type=Path, help="start from this model instead of the shipped one")
    parser.add_argument("--scale", type=float, default=1.0, help="train for this many times the recipe's steps")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="the digest depends on it")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True)
    print(make(arguments.name, arguments.out, arguments.start, arguments.scale))


if __name__ == "__main__":
    main()
