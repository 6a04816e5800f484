"""A trainer without a model: `python -P -m trainers.stub SPEC.json OUT` leaves an adapter made from the spec's bytes.

It stands in for `trainers.dpo` where the stub engine stands in for vLLM: for tests of everything around training.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from runs.canonical import canonical_json, digest, seed_of
from trainers.adopt import expected_shapes
from trainers.spec import DpoSpec
from trainers.stub_faults import commit, fault_at, spoil

PROJECTIONS = ["q_proj", "v_proj"]


def train(spec: DpoSpec, out: Path) -> None:
    """Leave in `out` what `trainers.dpo` would leave: an adapter made of pairs and settings."""
    pairs = pq.ParquetFile(spec.pairs).read().to_pylist()  # `read_table` would import pyarrow.dataset in every fork
    beside = {"model", "pairs", "micro_batch_size", "checkpoint_every_s"}
    settings = spec.model_dump(mode="json", exclude=beside)
    start = digest(str(spec.model.start.name)) if spec.model.start else ""
    rng = np.random.default_rng(seed_of(digest(settings), digest(pairs), start))
    shapes = expected_shapes(spec.model.base, PROJECTIONS, spec.lora.rank)
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in sorted(shapes.items())}
    save_file(tensors, out / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {"peft_type": "LORA", "r": spec.lora.rank, "lora_alpha": spec.lora.alpha, "target_modules": PROJECTIONS}
    (out / "adapter_config.json").write_bytes(canonical_json(config))
    first = pairs[0]
    scored = [-1.0] * len(first["chosen_ids"])
    probe = {
        "messages": first["prompt"],
        "token_ids": first["chosen_ids"],
        "logprobs": scored,
        "base_logprobs": [value - 1 for value in scored],
    }
    (out / "probe.json").write_bytes(canonical_json(probe))
    row = {
        "step": 1,
        "loss": 0.69,
        "grad_norm": 1.0,
        "rewards/accuracies": 0.5,
        "rewards/margins": 0.1,
        "logps/chosen": -1.0,
        "logps/rejected": -2.0,
        "time_s": time.time(),
    }
    (out / "log.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    result = {"rows_in": len(pairs), "rows_used": len(pairs), "rows_too_long": 0, "steps": 1}
    (out / "result.json").write_bytes(canonical_json(result))


def main(spec_path: Path, out: Path) -> None:
    """Train as the file says, and wrongly where a test wants it so."""
    fault = fault_at("train")
    if fault and fault.when == "start":
        commit(fault)
    train(DpoSpec.model_validate_json(spec_path.read_bytes()), out)
    if fault:
        spoil(fault, out)
        if fault.when == "end":
            commit(fault)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
