"""What an adapter must score when it is served: the trainer's own arithmetic on one prompt and answer.

Run alone, `python -P -m trainers.probe SPEC.json OUT` probes an adapter that was trained elsewhere.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoTokenizer

from runs.canonical import canonical_json
from runs.records import Message
from trainers.chat import render
from trainers.policy import check_loaded, load_base
from trainers.rows import PROBE_ANSWER
from trainers.spec import ProbeSpec

PROMPT = (Message("user", "Name three colours."),)


def write_probe(
    out: Path, policy: PeftModel, tokenizer: Any, messages: Sequence[Message], token_ids: Sequence[int]
) -> None:
    """Write `probe.json`: the fields of `loop.engine.protocol.Probe`, for the active adapter and for the base."""
    prompt_ids = render(tokenizer, messages)
    logprobs = answer_logprobs(policy, prompt_ids, token_ids)
    with policy.disable_adapter():
        base_logprobs = answer_logprobs(policy, prompt_ids, token_ids)
    probe = {
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "token_ids": list(token_ids),
        "logprobs": logprobs,
        "base_logprobs": base_logprobs,
    }
    (out / "probe.json").write_bytes(canonical_json(probe))


def answer_logprobs(policy: PeftModel, prompt_ids: Sequence[int], token_ids: Sequence[int]) -> list[float]:
    """The raw log-probability of each token of an answer, in nats."""
    ids = torch.tensor([[*prompt_ids, *token_ids]], device=policy.device)  # (1, T)
    with torch.no_grad():
        logits_TV = policy(ids, use_cache=False).logits[0, len(prompt_ids) - 1 : -1].float()
    answer_T1 = ids[0, len(prompt_ids) :, None]
    return torch.log_softmax(logits_TV, dim=-1).gather(1, answer_T1)[:, 0].tolist()


def main(spec_path: Path, out: Path) -> None:
    """Leave `probe.json` of `model.start` in `out`, on a fixed short text, and an empty result last."""
    spec = ProbeSpec.model_validate_json(spec_path.read_bytes())
    if spec.model.start is None:
        raise ValueError(f"{spec_path} names no adapter to probe: model.start is null")
    tokenizer = AutoTokenizer.from_pretrained(spec.model.base, local_files_only=True)
    policy = PeftModel.from_pretrained(load_base(spec.model), str(spec.model.start)).eval()
    check_loaded(policy, "default", spec.model.start)
    out.mkdir(parents=True, exist_ok=True)
    answer = tokenizer.encode(PROBE_ANSWER, add_special_tokens=False)
    write_probe(out, policy, tokenizer, PROMPT, answer)
    (out / "result.json").write_bytes(canonical_json({}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
