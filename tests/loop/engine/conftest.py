"""A tiny random Llama with adapters, what transformers and PEFT say of it, and one vLLM engine for all tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from loop.engine.child_engine import ChildEngine
from loop.engine.options import EngineOptions
from loop.engine.protocol import Probe
from runs.records import Message
from trainers.chat import render

TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}</s>{% endfor %}<|assistant|>"
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
BASE = "the base"


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(["hello fox"], trainers.BpeTrainer(vocab_size=270, initial_alphabet=alphabet))
    tokenizer.add_special_tokens(["<|system|>", "<|user|>", "<|assistant|>", "</s>"])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", chat_template=TEMPLATE)


@dataclass
class World:
    """The folders of a base model and of its adapters, and PEFT's own arithmetic with them."""

    folder: Path
    tokenizer: Any = field(default_factory=tiny_tokenizer)

    def __post_init__(self) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=len(self.tokenizer),
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=256,
            initializer_range=0.15,
            eos_token_id=self.tokenizer.eos_token_id,
            bos_token_id=None,
        )
        LlamaForCausalLM(config).save_pretrained(self.folder / "base")
        self.tokenizer.save_pretrained(self.folder / "base")
        for seed, name in enumerate(("fox", "hen", "cow"), 1):
            self.make_adapter(name, seed)
        self.make_adapter("nan", 9, value=float("nan"))

    def make_adapter(self, name: str, seed: int, rank: int = 8, value: float | None = None) -> Path:
        """An adapter of random matrices; `value` stands once in one of them."""
        model = LlamaForCausalLM.from_pretrained(self.folder / "base")
        torch.manual_seed(seed)
        policy = get_peft_model(model, LoraConfig(r=rank, lora_alpha=16, target_modules=PROJECTIONS))
        matrices = [weight for key, weight in policy.named_parameters() if "lora_B" in key]
        with torch.no_grad():
            for matrix in matrices:
                matrix.normal_(std=0.1)
            if value is not None:
                matrices[0][0, 0] = value
        policy.save_pretrained(self.folder / name)
        return self.folder / name

    def logprobs(self, policy: str, messages: Sequence[Message], token_ids: Sequence[int]) -> torch.Tensor:
        """PEFT's log-probabilities over the vocabulary at each token of an answer and after it, (tokens + 1, V)."""
        model: Any = LlamaForCausalLM.from_pretrained(self.folder / "base")
        if policy != BASE:
            model = PeftModel.from_pretrained(model, self.folder / policy)
        prompt = render(self.tokenizer, messages)
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *token_ids]])).logits[0]
        return logits[len(prompt) - 1 :].log_softmax(-1)

    def score(self, policy: str, messages: Sequence[Message], token_ids: Sequence[int]) -> tuple[float, ...]:
        """PEFT's log-probabilities of an answer, one a token."""
        at = self.logprobs(policy, messages, token_ids)
        return tuple(float(at[place, id_]) for place, id_ in enumerate(token_ids))

    def probe(self, policy: str) -> Probe:
        messages, ids = (Message("user", "say hello"),), (20, 30, 40, 50, 60)
        return Probe(messages, ids, self.score(policy, messages, ids), self.score(BASE, messages, ids))

    def options(self) -> EngineOptions:
        return EngineOptions(
            base=self.folder / "base",
            device="cpu",
            dtype="float32",
            max_model_len=256,
            max_num_seqs=16,
            threads=1,
            max_lora_rank=8,
            seed=0,
            kv_cache_bytes=1 << 24,
            max_adapters=2,
        )

    def start(self) -> ChildEngine:
        return ChildEngine("loop.engine.vllm_child", self.options(), BASE, self.folder / "logs")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def shared_engine(world: World) -> Iterator[ChildEngine]:
    engine = world.start()
    yield engine
    engine.close()


@pytest.fixture
def engine(world: World, shared_engine: ChildEngine) -> ChildEngine:
    """The engine, serving `fox` and `hen`."""
    for name in ("fox", "hen"):
        shared_engine.load(name, world.folder / name, world.probe(name))
    return shared_engine
