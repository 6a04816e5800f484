"""What is taken out of the store to be opened elsewhere: an adapter, a merged model, pairs, a constitution.

What is there already is never written over, and nothing is there before it is whole: a folder is made beside its place
and renamed.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from constitutions.writing import as_text
from loop.base import used_files
from loop.edits import constitution_of
from loop.external.one_policy import Policy
from loop.workers.trainers import Trainers
from runs.canonical import canonical_json
from runs.durable import disk_errors, sync_folder, write_file
from runs.errors import UsageError
from runs.lineage import Found, back_from
from runs.records import PreferencePair, Prompt, Response, Run
from runs.store import Store
from trainers.adopt import CONFIG, WEIGHTS
from trainers.spec import MergeSpec, ModelSpec

Dtype = Literal["float32", "bfloat16", "float16"]
COMPARED = 8
"""Answers to held-out prompts that a merged model is compared on."""
TIMEOUT_S = 3600.0
PROGRAM = "trainers.merge"


def write_adapter(store: Store, policy: Policy, out: Path) -> None:
    """Make `out` a folder with the policy's adapter as PEFT saves one: its weights, and its configuration.

    The configuration names the base, which the stored one leaves out. Raises UsageError for a base without an adapter.
    """
    held = store.adapter_folder(_adapter(policy))
    config = {"task_type": "CAUSAL_LM"} | json.loads((held / CONFIG).read_bytes())
    named = str(policy.base.folder) if policy.config.model.revision is None else policy.config.model.base
    config |= {"base_model_name_or_path": named, "revision": policy.config.model.revision}
    with new_folder(out) as folder:
        write_file(folder / WEIGHTS, (held / WEIGHTS).read_bytes())
        write_file(folder / CONFIG, canonical_json(config))


def write_merged(
    store: Store, policy: Policy, found: Found, out: Path, dtype: Dtype | None, trainers: Trainers
) -> dict[str, Any]:
    """Make `out` a model folder: the base with the adapter in its weights, its tokenizer and generation settings.

    Returns the account of `trainers.merge`: how far the model as it was written is from base and adapter in float32,
    on answers to held-out prompts (`compared_on`). Raises UsageError for a base without an adapter.
    """
    held, model = store.adapter_folder(_adapter(policy)), policy.config.model
    with new_folder(out) as folder, tempfile.TemporaryDirectory(prefix=".merging-", dir=out.parent) as scratch:
        work = Path(scratch)
        pq.write_table(pa.Table.from_pylist(compared_on(store, found)), work / "rows.parquet")
        spec = MergeSpec(
            model=ModelSpec(
                base=policy.base.folder,
                dtype="float32",
                device=model.device,
                start=held,
                reference=None,
                threads=policy.config.train.threads,
            ),
            rows=work / "rows.parquet",
            dtype=dtype,
        )
        account = trainers.run(PROGRAM, spec, work / "out", TIMEOUT_S)
        with disk_errors(folder, 0):
            for file in used_files(policy.base.folder):
                if file.name != "config.json" and ".safetensors" not in file.name:
                    shutil.copyfile(file, folder / file.name)
            for file in (work / "out" / "model").iterdir():
                # What the base says of generating is taken over as it is.
                if not (folder / file.name).exists():
                    os.rename(file, folder / file.name)
            _sync(folder)
    return account


def pair_rows(store: Store, found: Found) -> list[dict[str, Any]]:
    """The preference pairs of an iteration, or of its step that the address names, as TRL and `datasets` read them.

    `prompt`, `chosen` and `rejected` are lists of messages; beside them stand `label_probability`, `weight`,
    `label_source` and the `address` that `selfsame show` takes. `preference.labels` and `pair.file` read such rows too.
    Raises UsageError where there is no such step.
    """
    outputs, step = found.link.outputs, found.step or "pair"
    if step not in outputs:
        raise UsageError(
            f"{found.run.name}@{found.iteration.index} has made no pairs; it has {', '.join(outputs)}. Name an "
            "iteration with a step `pair` or `meta`"
        )
    own = store.output(outputs[step])
    sources = [own] if step == "meta" else [store.output(outputs[one]) for one in SOURCES if one in outputs]
    prompts: dict[str, Prompt] = {one.digest: one for of in sources for one in store.all_rows("prompts", of)}
    answers: dict[str, Response] = {one.digest: one for of in sources for one in store.all_rows("responses", of)}
    pairs: list[PreferencePair] = store.all_rows("pairs", own)
    # As `show` counts rows: over the tables in the order of their names.
    first = sum(len(store.all_rows(noun, own)) for noun in own.tables if noun < "pairs")
    step_address = f"{found.run.name}@{found.iteration.index}/{step}"
    return [
        {
            "prompt": [{"role": m.role, "content": m.content} for m in prompts[pair.prompt].messages],
            "chosen": [{"role": "assistant", "content": answers[pair.chosen].text}],
            "rejected": [{"role": "assistant", "content": answers[pair.rejected].text}],
            "label_probability": pair.label_probability,
            "weight": pair.weight,
            "label_source": pair.label_source,
            "address": f"{step_address}/{number}",
        }
        for number, pair in enumerate(pairs, first)
    ]


SOURCES = ("prompts", "generate", "pair")
"""The steps whose prompts and answers are paired."""


def write_constitution(store: Store, run: Run, out: Path) -> str:
    """Write the constitution that the run was begun with to `out`, a .yaml or .md, and return its digest.

    Raises UsageError where the store does not hold it.
    """
    constitution = constitution_of(store, run)
    if constitution is None:
        raise UsageError(f"{run.name}: the store does not hold its constitution {run.inputs.get('constitution', '')}")
    write_file(out, as_text(constitution, out).encode())
    return constitution.digest


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` once the block is through, and is gone if it fails. Raises UsageError."""
    check_new_folder(out)
    with disk_errors(out, 0):
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield folder
        check_new_folder(out)  # a rename would take the place of an empty one
        with disk_errors(out, 0):
            os.rename(folder, out)
        sync_folder(out.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def check_new_folder(out: Path) -> None:
    """Returns if there is nothing under that name, in a folder that is there. Raises UsageError."""
    if os.path.lexists(out):
        raise UsageError(f"{out} exists already, and nothing is written over; name another folder")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}; make it, or name another folder")


def _adapter(policy: Policy) -> str:
    if policy.digest == policy.base.digest:
        raise UsageError(
            f"{policy.name}: its policy is the base model itself, with no adapter; it is there to open in "
            f"{policy.base.folder}. Name an iteration that was trained"
        )
    return policy.digest


def compared_on(store: Store, found: Found) -> list[dict[str, Any]]:
    """Some held-out prompts with answers to them, each prompt once: of the last iteration up to it that was measured.

    One that was blocked before its training is not, nor is one in which a person goes past a halt. Raises UsageError
    where none was.
    """
    before = (link for link in back_from(store, found.run) if link.iteration.index <= found.iteration.index)
    last = next((link.outputs["measure"] for link in before if "measure" in link.outputs), None)
    if last is None:
        address = f"{found.run.name}@{found.iteration.index}"
        raise UsageError(
            f"up to {address} nothing was measured, so that there are no held-out answers to hold a merged model "
            f"against; `selfsame export {address} --adapter FOLDER` writes the adapter alone"
        )
    measured = store.output(last)
    prompts = {prompt.digest: prompt for prompt in store.all_rows("prompts", measured)}
    answers = {answer.prompt: answer for answer in store.all_rows("responses", measured) if answer.token_ids}
    return [
        {
            "prompt": [{"role": m.role, "content": m.content} for m in prompts[answer.prompt].messages],
            "answer_ids": list(answer.token_ids),
        }
        for answer in list(answers.values())[:COMPARED]
    ]


def _sync(folder: Path) -> None:
    for file in folder.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
