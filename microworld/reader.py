"""A microworld model under test, without an engine: what it writes, and how likely it finds given words."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from microworld.tokenizer import load_tokenizer
from runs.records import Message

BATCH = 256


class Reader:
    """The model in `folder`, in fp32 on the CPU."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = load_tokenizer(folder)
        self.tokenizer.padding_side = "left"
        self.model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.inference_mode()
    def write(self, conversations: Sequence[Sequence[Message]], temperature: float, seed: int) -> list[str]:
        """One reply to each conversation, of at most 48 tokens; temperature 0 is greedy."""
        torch.manual_seed(seed)
        replies: list[str] = []
        for batch in self._batches(conversations):
            ways = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
            ids = self.model.generate(**batch, max_new_tokens=48, **ways)
            replies += self.tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        return replies

    @torch.inference_mode()
    def probabilities(self, conversations: Sequence[Sequence[Message]], words: Sequence[str]) -> torch.Tensor:
        """(N, W): how likely each of `words`, a token each, is the first token of the reply to each conversation."""
        ids = [self.tokenizer.encode(word, add_special_tokens=False) for word in words]
        if strange := [word for word, own in zip(words, ids, strict=True) if len(own) != 1]:
            raise ValueError(f"not one token each: {strange}")
        labels = [own[0] for own in ids]
        found = []
        for batch in self._batches(conversations):
            positions = (batch["attention_mask"].cumsum(-1) - 1).clamp(min=0)
            logits = self.model(**batch, position_ids=positions, logits_to_keep=1).logits[:, -1]
            found.append(logits.softmax(-1)[:, labels])
        return torch.cat(found)

    def _batches(self, conversations: Sequence[Sequence[Message]]) -> list[dict[str, torch.Tensor]]:
        chats = [[{"role": m.role, "content": m.content} for m in messages] for messages in conversations]
        rendered = [self.tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in chats]
        return [
            dict(self.tokenizer(rendered[i : i + BATCH], add_special_tokens=False, padding=True, return_tensors="pt"))
            for i in range(0, len(rendered), BATCH)
        ]
