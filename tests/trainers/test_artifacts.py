"""What is taken out of the store opens elsewhere: in plain transformers and PEFT, in `datasets`, in stock TRL."""

import json
import math
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch
from datasets import load_dataset
from peft import AutoPeftModelForCausalLM, LoraConfig, PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

from loop import drive
from loop.artifacts import compared_on, pair_rows, write_adapter, write_merged
from loop.base import Base
from loop.cli import main
from loop.external.one_policy import Policy, find_policy
from loop.label_file import read_labels
from loop.people.sheet import write_jsonl
from loop.workers.trainers import Trainers
from runs.errors import WorkerError
from runs.lineage import Found, resolve
from runs.store import Store
from tests.loop.small import branch, quiet, run_small
from tests.trainers.tiny import random_pairs
from trainers import merge
from trainers.spec import MergeSpec, ModelSpec


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """An iteration on m1 whose adapter is real in its shape, with random weights."""
    return run_small(tmp_path_factory.mktemp("home"), iterations="1")[0]


@pytest.fixture
def found(store: Store) -> Found:
    return resolve(store, "r1@1")


@pytest.fixture
def policy(store: Store) -> Policy:
    return find_policy(store, None, "r1@1", ())


def account_of(base: Path, start: Path, dtype: str | None, folder: Path) -> dict[str, float]:
    """What `trainers.merge` says, in this process, of merging on eight answers."""
    rows = [{"prompt": row["prompt"], "answer_ids": row["chosen_ids"]} for row in random_pairs(8)]
    parquet.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    model = ModelSpec(base=base, dtype="float32", device="cpu", start=start, reference=None, threads=1)
    spec = MergeSpec.model_validate({"model": model, "rows": folder / "rows.parquet", "dtype": dtype})
    (folder / "spec.json").write_text(spec.model_dump_json())
    (folder / "out").mkdir()
    merge.main(folder / "spec.json", folder / "out")
    account: dict[str, float] = json.loads((folder / "out" / "result.json").read_bytes())
    return account


@pytest.mark.parametrize(("dtype", "bits"), [(None, 24), ("bfloat16", 8)])
def test_each_merged_weight_is_base_and_adapter_summed_in_float64_and_rounded_once(
    dtype: str | None, bits: int, base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    account = account_of(base, adapters["seed"], dtype, tmp_path)
    weights, lora = load_file(base / "model.safetensors"), load_file(adapters["seed"] / "adapter_model.safetensors")
    merged = load_file(tmp_path / "out" / "model" / "model.safetensors")
    changed = 0
    for name, held in merged.items():
        module = f"base_model.model.{name.removesuffix('.weight')}"
        wanted = weights[name].double()
        if f"{module}.lora_A.weight" in lora:  # alpha 8, rank 4
            wanted += 2 * lora[f"{module}.lora_B.weight"].double() @ lora[f"{module}.lora_A.weight"].double()
            changed += 1
        assert (held.double() - wanted).abs().max() <= 2.0 ** (1 - bits) * wanted.abs().max(), name
    assert changed == 14
    limit = 1e-4 if dtype is None else 1.0
    assert 0 < account["mean_apart_nats"] <= account["max_apart_nats"] < limit
    if dtype:
        assert account["mean_apart_nats"] > 1e-4  # it says what the rounding costs


def test_how_far_merging_moved_it_is_what_plain_transformers_and_peft_say(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    account = account_of(base, adapters["previous"], "bfloat16", tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(base)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    models = [
        PeftModel.from_pretrained(plain, str(adapters["previous"])),
        AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "model", dtype=torch.float32),
    ]
    apart = []
    for row in random_pairs(8):
        prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=False)
        ids = torch.tensor([prompt + row["chosen_ids"]])
        with torch.no_grad():
            said = [torch.log_softmax(model(ids).logits[0, :-1], -1).gather(1, ids[0, 1:, None]) for model in models]
        apart += (said[0] - said[1])[len(prompt) - 1 :, 0].abs().tolist()
    assert account["tokens"] == len(apart)
    assert account["max_apart_nats"] == pytest.approx(max(apart), abs=1e-5)
    assert account["mean_apart_nats"] == pytest.approx(sum(apart) / len(apart), abs=1e-5)


def test_a_merged_model_is_a_folder_that_transformers_loads_and_its_base_is_not_needed(
    store: Store, found: Found, policy: Policy, trainers: Trainers, tmp_path: Path
) -> None:
    out = tmp_path / "merged"
    account = write_merged(store, policy, found, out, None, trainers)
    assert account["rows"] == 8 and account["tokens"] > 8 and account["dtype"] == "float32"
    assert account["max_apart_nats"] < 0.05  # the random weights of the stub make logits in the hundreds
    tokenizer, model = AutoTokenizer.from_pretrained(out), AutoModelForCausalLM.from_pretrained(out)
    asked = [{"role": "user", "content": "sort: 3 1 2"}]
    here, there = (
        one.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
        for one in (tokenizer, AutoTokenizer.from_pretrained(policy.base.folder))
    )
    assert here == there
    for name in ("generation_config.json", "tokenizer.json", "chat_template.jinja"):
        assert (out / name).read_bytes() == (policy.base.folder / name).read_bytes()
    assert not any(str(policy.base.folder) in file.read_text() for file in out.glob("*.json"))
    assert model.generate(torch.tensor([here]), max_new_tokens=2).shape[1] > len(here)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["merged"]


def test_what_was_not_measured_is_merged_on_the_held_out_answers_before_it(store: Store, found: Found) -> None:
    branch(store, "r1@1", "blocked", "guards.min_pairs=1000", "iterations=2")
    assert drive.carry_on(store, "blocked", quiet).kind == "halted"
    blocked = resolve(store, "blocked@2")
    assert "measure" not in blocked.iteration.outputs and blocked.iteration.policy == found.iteration.policy
    assert compared_on(store, blocked) == compared_on(store, found) != []


def test_an_exported_adapter_finds_its_base_in_plain_peft(store: Store, policy: Policy, tmp_path: Path) -> None:
    write_adapter(store, policy, tmp_path / "adapter")
    model = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter")
    held = load_file(store.adapter_folder(policy.digest) / "adapter_model.safetensors")
    found = model.state_dict()
    assert held and all(torch.equal(found[name.replace(".weight", ".default.weight")], held[name]) for name in held)


def test_a_table_of_pairs_loads_with_datasets_and_trains_a_step_in_stock_trl(
    store: Store, found: Found, policy: Policy, tmp_path: Path
) -> None:
    rows = pair_rows(store, found)
    write_jsonl(tmp_path / "pairs.jsonl", rows)
    table = load_dataset("json", data_files=str(tmp_path / "pairs.jsonl"), split="train", cache_dir=str(tmp_path))
    assert len(table) == len(rows) > 4
    arguments = DPOConfig(
        output_dir=str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=4, bf16=False, use_cpu=True,
        gradient_checkpointing=False, save_strategy="no", disable_tqdm=True, learning_rate=1e-3, logging_steps=1,
    )  # fmt: skip
    trainer = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(policy.base.folder),
        args=arguments,
        train_dataset=table,
        processing_class=AutoTokenizer.from_pretrained(policy.base.folder),
        peft_config=LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"),
    )
    end = trainer.processing_class.eos_token_id
    assert all(row["chosen_ids"][-1] == end for row in trainer.train_dataset)
    trainer.train()
    assert trainer.state.log_history[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)


def test_exported_pairs_are_those_of_the_iteration_with_addresses_that_show_takes_and_can_be_learnt_from_again(
    store: Store, found: Found, tmp_path: Path
) -> None:
    rows = pair_rows(store, found)
    pairs = store.all_rows("pairs", store.output(found.iteration.outputs["pair"]))
    assert [row["label_probability"] for row in rows] == [pair.label_probability for pair in pairs]
    assert all(resolve(store, row["address"]).row == pair for row, pair in zip(rows, pairs, strict=True))
    write_jsonl(tmp_path / "pairs.jsonl", rows)
    again = read_labels(tmp_path / "pairs.jsonl")
    assert [one.chosen for one in again] == [row["chosen"][0]["content"] for row in rows]


def test_nothing_is_written_over_and_what_cannot_be_exported_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    (tmp_path / "there").mkdir()
    os.symlink(tmp_path / "nowhere", tmp_path / "dangling")
    refused = {
        ("r1@1", "--merged", tmp_path / "there"): "exists already",
        ("r1@1", "--adapter", tmp_path / "dangling"): "exists already",
        ("r1@1", "--adapter", tmp_path / "a" / "b"): "there is no folder",
        ("r1@0", "--adapter", tmp_path / "base"): "the base model itself",
        ("r1@1/judge", "--adapter", tmp_path / "step"): "name r1@1",
        ("r1@0", "--pairs", tmp_path / "pairs.jsonl"): "has made no pairs",
        ("r1@1", "--pairs", tmp_path / "pairs.csv"): ".jsonl",
        ("r1@1",): "--merged FOLDER",
        ("r1@1", "--pairs", tmp_path / "pairs.jsonl", "--dtype", "bfloat16"): "--dtype bfloat16 is for --merged",
    }
    for words, said in refused.items():
        assert main(["export", *map(str, words)]) == 2
        assert said in capsys.readouterr().err
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["dangling", "there"]


def test_a_merge_that_fails_leaves_nothing_behind(
    store: Store, found: Found, policy: Policy, trainers: Trainers, tmp_path: Path
) -> None:
    elsewhere = Base(tmp_path / "no model", policy.base.digest)
    broken = Policy(policy.name, policy.config, elsewhere, policy.digest)
    with pytest.raises(WorkerError):
        write_merged(store, broken, found, tmp_path / "merged", None, trainers)
    assert list(tmp_path.iterdir()) == []


def test_the_verb_writes_pairs_and_adapter_and_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    pairs, adapter = tmp_path / "pairs.jsonl", tmp_path / "adapter"
    assert main(["export", "r1@1", "--pairs", str(pairs), "--adapter", str(adapter), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["pairs"] == {"file": str(pairs), "rows": len(pairs.read_text().splitlines())}
    assert said["adapter"]["digest"] == resolve(store, "r1@1").iteration.policy
