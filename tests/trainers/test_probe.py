"""What an adapter must score when it is served."""

import json
from pathlib import Path
from typing import Any

import pytest
from peft import PeftModel
from transformers import AutoTokenizer

from runs.records import Message
from trainers import probe
from trainers.adopt import adopt
from trainers.chat import render
from trainers.policy import load_base
from trainers.probe import answer_logprobs
from trainers.spec import ModelSpec, ProbeSpec


def model_spec(base: Path, start: Path | None) -> ModelSpec:
    return ModelSpec(base=base, dtype="float32", device="cpu", start=start, reference=None, threads=1)


def probe_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "probe.json").read_bytes())


def test_the_adopted_files_score_what_the_trainer_probed(base: Path, adapters: dict[str, Path], tmp_path: Path) -> None:
    adopted = adopt(adapters["seed"], base, None)
    (tmp_path / "adapter_model.safetensors").write_bytes(adopted.weights.read_bytes())
    (tmp_path / "adapter_config.json").write_bytes(adopted.config)
    policy = PeftModel.from_pretrained(load_base(model_spec(base, None)), str(tmp_path))
    probed = probe_of(adapters["seed"])
    messages = [Message(**message) for message in probed["messages"]]
    prompt_ids = render(AutoTokenizer.from_pretrained(base), messages)
    assert answer_logprobs(policy, prompt_ids, probed["token_ids"]) == pytest.approx(probed["logprobs"], abs=1e-5)
    with policy.disable_adapter():
        assert answer_logprobs(policy, prompt_ids, probed["token_ids"]) == pytest.approx(probed["base_logprobs"])
    assert probed["logprobs"] != pytest.approx(probed["base_logprobs"], abs=1e-2)


def test_an_adapter_from_elsewhere_is_probed_on_a_fixed_text(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    spec_path = tmp_path / "spec.json"
    spec_path.write_text(ProbeSpec(model=model_spec(base, adapters["seed"])).model_dump_json())
    probe.main(spec_path, tmp_path)
    probed = probe_of(tmp_path)
    assert probed["messages"] == [{"role": "user", "content": "Name three colours."}]
    assert len(probed["logprobs"]) == len(probed["base_logprobs"]) == len(probed["token_ids"]) > 0
    assert probed["logprobs"] != pytest.approx(probed["base_logprobs"], abs=1e-2)
    assert (tmp_path / "result.json").exists()


def test_a_probe_without_an_adapter_is_refused(base: Path, tmp_path: Path) -> None:
    spec_path = tmp_path / "spec.json"
    spec_path.write_text(ProbeSpec(model=model_spec(base, None)).model_dump_json())
    with pytest.raises(ValueError, match=r"model\.start is null"):
        probe.main(spec_path, tmp_path)
