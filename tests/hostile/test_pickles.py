"""Weights, rows and settings that are code for whoever unpickles them: nobody does, whatever they are called. (H4)

That nothing of ours imports a module which unpickles, or calls `torch.load`, is in tests/test_house.py.
"""

import gzip
import io
import json
import os
import pickle
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from constitutions.load import find_constitution
from loop.anchors import anchor_pairs
from loop.base import find_base
from loop.config import Model
from loop.load_config import load_config
from loop.sources import read_prompts
from runs.errors import SelfsameError, WorkerError
from runs.store import Store
from tests.loop.small import chain, run_small
from trainers.adopt import CONFIG, WEIGHTS, adopt
from trainers.spec import Lora


class Calls:
    """Calls something when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def payloads(canary: Path) -> dict[str, bytes]:
    """Twenty files that make the canary when they are unpickled, and the forms in which such files come."""
    touch = Calls(os.system, f"touch {canary}")
    plain = {f"protocol {number}": pickle.dumps(touch, number) for number in range(6)}
    others = {
        "opened": Calls(open, str(canary), "w"),
        "made": Calls(os.mkdir, str(canary)),
        "a program": Calls(subprocess.call, ["touch", str(canary)]),
        "exec": Calls(exec, f"open({str(canary)!r}, 'w')"),
        "eval": Calls(eval, f"open({str(canary)!r}, 'w')"),
        "in a dict of weights": {"weight": [1.0, 2.0], "lora_A": touch},
        "in a list": [touch] * 3,
    }
    whole = plain["protocol 2"]
    return {
        **plain,
        **{name: pickle.dumps(value, 4) for name, value in others.items()},
        "as torch saves": zipped({"archive/data.pkl": whole, "archive/version": b"3\n"}),
        "as torch saved once": pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + whole,
        "in NumPy's array": in_numpy(touch),
        "in a tar": tarred(whole),
        "compressed": gzip.compress(whole),
        "behind a header of safetensors": safetensors_with({"__metadata__": {"format": "pickle"}}, whole),
        "in the metadata of safetensors": safetensors_with({"__metadata__": {"code": whole.hex()}}, b""),
    }


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo("pickle")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def in_numpy(value: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([value], dtype=object), allow_pickle=True)
    return stream.getvalue()


def safetensors_with(header: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A path at which nothing may ever be."""
    return tmp_path / "canary"


def test_the_payloads_are_twenty_and_bite(canary: Path) -> None:
    found = payloads(canary)
    assert len(found) == 20
    pickle.loads(found["protocol 2"])
    assert canary.exists()


def put_beside(folder: Path, name: str, data: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("name", [WEIGHTS, "adapter_model.bin", "adapter_model.pt", "adapter_model.pkl"])
def test_an_adapter_that_is_a_pickle_is_refused_unread(name: str, canary: Path, tmp_path: Path) -> None:
    base = find_base(Model()).folder
    for payload, data in payloads(canary).items():
        folder = put_beside(tmp_path / payload, name, data)
        shape = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
        (folder / CONFIG).write_text(json.dumps(shape))
        for lora in (Lora(rank=2, alpha=4), None):
            with pytest.raises(SelfsameError, match=str(folder)):
                adopt(folder, base, lora)
    assert not canary.exists()


@pytest.mark.parametrize("name", ["model.bin", "pytorch_model.bin", "model.pt", "model.pkl", "config.json"])
def test_a_base_model_of_pickles_is_refused_unread(name: str, canary: Path, tmp_path: Path) -> None:
    for payload, data in payloads(canary).items():
        folder = tmp_path / payload
        put_beside(folder, "config.json", b"{}")
        put_beside(folder, name, data)
        with pytest.raises(SelfsameError, match=str(folder)):
            find_base(Model(base=str(folder)))
    assert not canary.exists()


def test_a_pickle_in_the_place_of_any_other_file_is_refused_unread(canary: Path, tmp_path: Path) -> None:
    for payload, data in payloads(canary).items():
        for name, read in (
            ("prompts.jsonl", lambda path: read_prompts(path)),
            ("prompts.parquet", lambda path: read_prompts(path)),
            ("anchors.jsonl", lambda path: anchor_pairs(str(path))),
            ("recipe.yaml", lambda path: load_config(str(path))),
            ("constitution.yaml", lambda path: find_constitution(str(path))),
        ):
            path = put_beside(tmp_path / payload, name, data) / name
            with pytest.raises(SelfsameError, match=str(path)):
                read(path)
    assert not canary.exists()


def test_a_type_of_arrow_that_is_a_pickle_is_read_as_plain_bytes(canary: Path, tmp_path: Path) -> None:
    # What pyarrow 0.14 to 14.0.0 unpickled on reading (CVE-2023-47248).
    data = payloads(canary)["protocol 4"]
    name, value = b"ARROW:extension:name", b"ARROW:extension:metadata"
    field = pa.field("prompt", pa.string(), metadata={name: b"arrow.py_extension_type", value: data})
    path = tmp_path / "prompts.parquet"
    pq.write_table(pa.table({"prompt": pa.array(["hello"])}, pa.schema([field])), path)
    assert [prompt.messages[0].content for prompt in read_prompts(path)] == ["hello"]
    assert not canary.exists()


def test_pickles_in_the_place_of_what_a_home_holds_are_seen_as_damage(canary: Path, tmp_path: Path) -> None:
    store, _ = run_small(tmp_path / "home", iterations=0)
    (seed,) = chain(store)
    measured = store.output(seed.outputs["measure"])
    (shard, *_) = measured.tables["responses"]
    places = {
        store.object_path(shard): lambda: store.rows_of("responses", [shard]),
        store.object_path(seed.digest): lambda: store.iteration(seed.digest),
        store.ref_path("r1"): lambda: store.run("r1"),
    }
    for path, read in places.items():
        whole = path.read_bytes()
        for data in payloads(canary).values():
            path.write_bytes(data)
            with pytest.raises(SelfsameError, match=str(path)):
                read()
        path.write_bytes(whole)
    assert not canary.exists()


def test_what_a_trainer_leaves_is_read_as_data_alone(canary: Path, tmp_path: Path) -> None:
    base = find_base(Model()).folder
    for payload, data in payloads(canary).items():
        folder = put_beside(tmp_path / payload, CONFIG, data)
        (folder / WEIGHTS).write_bytes(data)
        with pytest.raises(WorkerError, match=str(folder)):
            adopt(folder, base, Lora(rank=2, alpha=4))
    assert not canary.exists()


def test_settings_nested_without_end_are_refused(tmp_path: Path, finished: Store) -> None:
    deep = b"[" * 200_000
    base = find_base(Model()).folder
    (copy, *_) = (finished.home / "adapters").iterdir()
    folder = put_beside(tmp_path / "adapter", CONFIG, deep)
    (folder / WEIGHTS).write_bytes((copy / WEIGHTS).read_bytes())
    with pytest.raises(WorkerError, match="adapter"):
        adopt(folder, base, Lora(rank=16, alpha=32))
    (folder / CONFIG).write_bytes((copy / CONFIG).read_bytes())
    (folder / WEIGHTS).write_bytes(len(deep).to_bytes(8, "little") + deep)
    with pytest.raises(WorkerError, match=WEIGHTS):
        adopt(folder, base, Lora(rank=16, alpha=32))
    model = put_beside(tmp_path / "model", "config.json", deep)
    with pytest.raises(SelfsameError, match=r"config\.json"):
        find_base(Model(base=str(model)))
