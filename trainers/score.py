"""A preference model's rewards for given answers: `python -P -m trainers.score SPEC.json OUT`. See `trainers.spec`."""

import sys
from pathlib import Path

import pyarrow.parquet as parquet
from peft import PeftModel
from transformers import AutoTokenizer

from runs.canonical import canonical_json
from runs.records import Message
from trainers.beat import Beat
from trainers.chat import answer_ids, render
from trainers.preference_model import open_preference_model, score, share_base
from trainers.spec import ModelSpec, ScoreSpec

TOLERANCE = {"float32": 1e-3, "bfloat16": 0.1}
"""How far the probe's reward may be from what it was: another machine or batch changes the last bits."""


OPENED: dict[ModelSpec, PeftModel] = {}
"""What this process has loaded: it may be asked for many shards (`trainers.host.STAYING`), of two models in turn."""


def opened(model: ModelSpec) -> PeftModel:
    """The preference model, loaded once; all those of one base hold its weights together."""
    if model not in OPENED:
        OPENED[model] = open_preference_model(model)
        alike = [held for known, held in OPENED.items() if beside(known) == beside(model)]
        share_base(OPENED[model], alike[0])
    return OPENED[model]


def beside(model: ModelSpec) -> ModelSpec:
    """All of a model but its adapter."""
    return model.model_copy(update={"start": None})


def main(spec_path: Path, out: Path) -> None:
    """Leave `rewards.json`, a list in the order of the rows, in `out`, and an account last.

    Raises ValueError where the model does not say of its probe what it said when it was trained.
    """
    spec = ScoreSpec.model_validate_json(spec_path.read_bytes())
    beat = Beat(out)
    beat()
    tokenizer = AutoTokenizer.from_pretrained(spec.model.base, local_files_only=True)
    model = opened(spec.model)
    beat()
    probed = [Message(**message) for message in spec.probe.messages]
    found = score(model, [render(tokenizer, probed) + spec.probe.token_ids], 1)[0]
    if not abs(found - spec.probe.reward) <= TOLERANCE[spec.model.dtype] * max(1.0, abs(spec.probe.reward)):
        raise ValueError(
            f"{spec.model.start} gives its probe the reward {found}, and was kept with {spec.probe.reward}"
        )
    answered = []
    for row in parquet.read_table(spec.rows).to_pylist():
        messages = [Message(m["role"], m["content"]) for m in row["prompt"]]
        answered.append(render(tokenizer, messages) + answer_ids(tokenizer, messages, row["answer"]))
    rewards = score(model, answered, spec.batch_size, beat)
    (out / "rewards.json").write_bytes(canonical_json(rewards))
    (out / "result.json").write_bytes(canonical_json({"rows": len(rewards), "probe": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
