"""Keep a small store of this version for all later ones to open: `python -m tests.released.make`, once a release.

It leaves `tests/released/VERSION.tar.gz`: a home with a run of two iterations on the stub engine, a branch of it and a
tag; the model, prompts and constitution that they were made with, so that they can go on whatever is shipped later; and
what `selfsame log r1` said.
"""

import io
import json
import os
import tarfile
import tempfile
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from loop import branching, drive
from loop.cli import main
from runs.store import Store
from tests.loop.small import branch, quiet, small_config

HERE = Path(__file__).parent
KEPT = ("objects", "receipts", "refs")
CONSTITUTION = """
name: released
scale: {low: 0, high: 5}
principles:
- {id: short, text: Answers are short.}
questions:
  expected: |-
    Asked: {request}
    Answered: {response}
    How good is that, from 0 to 5?
"""
CHANGES: dict[str, Any] = {
    "model": {"base": "model"},
    "constitution": "constitution.yaml",
    "prompts": {"source": "prompts.jsonl", "count": 4},
    "generate__samples": 2,
    "train__lora_rank": 1,
    "measure": {"prompts": 4, "anchors": None},
    "gold": {"enabled": False},
    "limits": {"min_free_disk_gib": 0},
}


def inputs(folder: Path) -> None:
    """The files that the runs are made with."""
    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "llama"}')
    (model / "tokenizer.json").write_text("{}")
    (model / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    names = (f"model.layers.0.self_attn.{name}_proj.weight" for name in "qkvo")
    save_file({name: np.ones((4, 4), np.float32) for name in names}, model / "model.safetensors")
    rows = [{"prompt": f"say {n}", "split": "held-out" if n % 4 == 0 else "train"} for n in range(24)]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "constitution.yaml").write_text(CONSTITUTION, encoding="utf-8")


def history(home: Path) -> None:
    """The runs, made from the folder that one is in."""
    store = Store(home)
    drive.begin(store, "r1", "released", small_config(**CHANGES))
    drive.carry_on(store, "r1", quiet)
    branch(store, "r1@1", "r2", "train.beta=0.2")
    drive.carry_on(store, "r2", quiet)
    assert main(["tag", "r1@1", "good", "--json"]) == 0


def anywhere() -> dict[str, Any]:
    """Where the runs were made: nobody's business."""
    return {"python": "3.11", "packages": {"selfsame": version("selfsame")}, "commit": None}


def log(run: str) -> str:
    """What `selfsame log` says of a run."""
    with redirect_stdout(io.StringIO()) as said:
        assert main(["log", run]) == 0
    return said.getvalue()


def pack(folder: Path, archive: Path) -> None:
    """Make an archive of what the later versions need."""
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("model", "prompts.jsonl", "constitution.yaml", "log.txt", *(f"home/{part}" for part in KEPT)):
            tar.add(folder / name, name, filter=nobodys)


def nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The entry without its owner and its time."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    drive.environment = branching.environment = anywhere  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        os.environ["SELFSAME_HOME"] = str(Path(place, "home"))
        inputs(Path(place))
        history(Path(place, "home"))
        Path("log.txt").write_text(log("r1"), encoding="utf-8")
        pack(Path(place), HERE / f"{version('selfsame')}.tar.gz")
