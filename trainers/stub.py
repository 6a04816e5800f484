"""A trainer without a model: `python -P -m trainers.stub SPEC.json OUT` leaves an adapter made from the spec's bytes.

It stands in for every other training program, and for `trainers.score`, where the stub engine stands in for vLLM: for
tests of everything around training.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from runs.canonical import canonical_json, digest, seed_of
from trainers.adopt import HEAD, expected_shapes, head_shape
from trainers.spec import DpoSpec, RlSpec, ScoreSpec, SftSpec, TrainingSpec
from trainers.stub_faults import commit, fault_at, spoil

PROJECTIONS = ["q_proj", "v_proj"]
LOOK = {
    "loss": 0.69,
    "rewards/accuracies": 0.5,
    "rewards/margins": 0.1,
    "logps/chosen": -1.0,
    "logps/rejected": -2.0,
    "logps/answer": -1.0,
    "logps/rehearsed": -1.0,
    "reward": 0.1,
    "kl_nats": 0.2,
    "entropy_nats_per_token": 1.0,
    "length_tokens": 8.0,
    "unreadable_frac": 0.0,
}
"""What every step is said to have shown."""
REWARDS = {"reward_mean": 0.0, "reward_std": 1.0, "calibration": {}}
"""What is said of a preference model's rewards."""


def train(spec: TrainingSpec, out: Path) -> None:
    """Leave in `out` what the real program would leave: an adapter made of rows and settings."""
    rows = pq.ParquetFile(spec.rows).read().to_pylist()  # `read_table` would import pyarrow.dataset in every fork
    trained = [row for row in rows if not row["held_out"]]
    counts = {
        "rows_in": len(rows),
        "rows_used": len(trained),
        "rows_rehearsed": sum(bool(row.get("rehearsed")) for row in trained),
        "rows_too_long": 0,
        "rows_held_out": len(rows) - len(trained),
    }
    out.mkdir(parents=True, exist_ok=True)
    if not trained:
        (out / "result.json").write_bytes(canonical_json(counts))
        return
    beside = {"model", "reward_models", "rows", "micro_batch_size", "checkpoint_every_s"}
    settings = spec.model_dump(mode="json", exclude=beside)
    start = digest(str(spec.model.start.name)) if spec.model.start else ""
    rng = np.random.default_rng(seed_of(digest(settings), digest(rows), start))
    shapes = expected_shapes(spec.model.base, PROJECTIONS, spec.lora.rank)
    config = {"peft_type": "LORA", "r": spec.lora.rank, "lora_alpha": spec.lora.alpha, "target_modules": PROJECTIONS}
    if "margin" in trained[0]:  # the rows of a preference model
        shapes |= head_shape(spec.model.base)
        config |= {"task_type": "SEQ_CLS", "modules_to_save": [HEAD]}
    tensors = {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in sorted(shapes.items())}
    save_file(tensors, out / "adapter_model.safetensors", metadata={"format": "pt"})
    (out / "adapter_config.json").write_bytes(canonical_json(config))
    first = trained[0]
    answer = first.get("chosen_ids") or first.get("answer_ids") or [0]
    if "margin" in first:
        said: dict[str, object] = {**REWARDS, "reward": 1.0}
    else:
        scored = [-1.0] * len(answer)
        said = {"logprobs": scored, "base_logprobs": [value - 1 for value in scored]}
    (out / "probe.json").write_bytes(canonical_json({"messages": first["prompt"], "token_ids": answer, **said}))
    look = LOOK | {"step": 1}
    (out / "log.jsonl").write_text(
        json.dumps(look | {"grad_norm": 1.0, "time_s": time.time()}) + "\n", encoding="utf-8"
    )
    held_out = {"start": LOOK | {"step": 0}, "best": look} if counts["rows_held_out"] else {}
    (out / "result.json").write_bytes(canonical_json(counts | REWARDS | {"steps": 1, "held_out": held_out}))


def score(spec: ScoreSpec, out: Path) -> None:
    """Leave in `out` a reward from -2 to 2 for each row, made from the model's name and the row."""
    out.mkdir(parents=True, exist_ok=True)
    rows = pq.ParquetFile(spec.rows).read().to_pylist()
    model = spec.model.start.name if spec.model.start else ""
    rewards = [4 * seed_of(model, digest(row)) / 2**63 - 2 for row in rows]
    (out / "rewards.json").write_bytes(canonical_json(rewards))
    (out / "result.json").write_bytes(canonical_json({"rows": len(rows)}))


def main(spec_path: Path, out: Path) -> None:
    """Train as the file says, and wrongly where a test wants it so."""
    fault = fault_at("train")
    if fault and fault.when == "start":
        commit(fault)
    asked = spec_path.read_bytes()
    settings = json.loads(asked)
    if "probe" in settings:
        score(ScoreSpec.model_validate_json(asked), out)
    else:  # what tells rows for a preference model from others is their columns
        kind: type[TrainingSpec] = DpoSpec if "loss" in settings else RlSpec if "reward" in settings else SftSpec
        train(kind.model_validate_json(asked), out)
    if fault:
        spoil(fault, out)
        if fault.when == "end":
            commit(fault)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
