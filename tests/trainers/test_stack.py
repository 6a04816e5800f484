"""Adapters on top of each other: what a stack says, what of it is trained, and what is lost where it is full."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from loop.workers.trainers import Trainers
from tests.trainers.outcome import assert_same, ends, log_of, mean_answer_logprob
from tests.trainers.test_artifacts import account_of
from tests.trainers.tiny import demonstrations as demonstrated
from tests.trainers.tiny import fine_tune, random_pairs, train, write_sft_spec, write_spec
from trainers.adopt import CONFIG, WEIGHTS, adopt
from trainers.spec import Lora
from trainers.stack import stack

NEW = Lora(rank=2, alpha=8.0)


def change(folder: Path, first: int = 0, last: int | None = None) -> dict[str, np.ndarray]:
    """What an adapter, or some of its ranks, adds to each module's weights, in float64."""
    config, held = json.loads((folder / CONFIG).read_bytes()), load_file(folder / WEIGHTS)
    scale = config["lora_alpha"] / config["r"]
    return {
        name.removesuffix(".lora_A.weight"): scale
        * held[name.replace("lora_A", "lora_B")][:, first:last].astype(np.float64)
        @ held[name][first:last].astype(np.float64)
        for name in held
        if "lora_A" in name
    }


def close(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray], tolerance: float) -> bool:
    assert found.keys() == wanted.keys() and found
    return all(np.abs(found[name] - wanted[name]).max() <= tolerance for name in wanted)


def test_a_new_adapter_on_another_changes_nothing_yet_and_their_sum_is_one_adapter(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    shape, lost = stack(adapters["seed"], NEW, 16, 0, tmp_path)
    assert (shape, lost) == (Lora(rank=6, alpha=24.0, frozen=4), 0.0)  # of rank 4 and alpha 8 below
    assert close(change(tmp_path), change(adapters["seed"]), 1e-7)
    adopt(tmp_path, base, shape)
    rows = random_pairs(4)
    said = [mean_answer_logprob(base, folder, rows, "chosen_ids") for folder in (tmp_path, adapters["seed"])]
    assert said[0] == pytest.approx(said[1], abs=1e-4)


def test_what_is_trained_on_top_is_what_would_be_trained_on_the_merged_model_and_what_is_below_stays_to_the_bit(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    shape, _ = stack(adapters["seed"], NEW, 16, 3, tmp_path / "stacked")
    pairs, short = random_pairs(16), {"epochs": 1, "learning_rate": 0.005}
    model = {"start": tmp_path / "stacked", "reference": adapters["seed"]}
    train(write_spec(tmp_path / "s", base, pairs, model=model, lora=shape.model_dump(), **short), tmp_path / "top")
    before, after = (load_file(folder / WEIGHTS) for folder in (tmp_path / "stacked", tmp_path / "top"))
    for name, held in after.items():
        below, new = (held[:4], held[4:]) if "lora_A" in name else (held[:, :4], held[:, 4:])
        assert np.array_equal(below, before[name][:4] if "lora_A" in name else before[name][:, :4]), name
        assert np.abs(new).max() > 0
    assert log_of(tmp_path / "top")[0]["loss"] == pytest.approx(np.log(2), abs=1e-5)

    # The same new adapter by itself, on a base that the one below was merged into.
    (tmp_path / "m").mkdir()
    account_of(base, adapters["seed"], "float32", tmp_path / "m")
    merged = tmp_path / "m" / "out" / "model"
    for file in base.glob("*token*"):
        (merged / file.name).write_bytes(file.read_bytes())
    (merged / "chat_template.jinja").write_bytes((base / "chat_template.jinja").read_bytes())
    alone = tmp_path / "alone"
    alone.mkdir()
    fresh = {n: held[4:] if "lora_A" in n else held[:, 4:] for n, held in before.items()}
    save_file({name: np.ascontiguousarray(held) for name, held in fresh.items()}, alone / WEIGHTS)
    config = json.loads((tmp_path / "stacked" / CONFIG).read_bytes()) | {"r": NEW.rank, "lora_alpha": NEW.alpha}
    (alone / CONFIG).write_text(json.dumps(config))
    own = {"start": alone, "reference": None}
    train(write_spec(tmp_path / "a", merged, pairs, model=own, lora=NEW.model_dump(), **short), tmp_path / "by itself")
    assert close(change(tmp_path / "top", 4), change(tmp_path / "by itself"), 1e-4)
    assert not close(change(tmp_path / "top", 4), change(alone), 1e-3)


def test_fine_tuning_leaves_what_is_below_alone_too(base: Path, adapters: dict[str, Path], tmp_path: Path) -> None:
    shape, _ = stack(adapters["seed"], NEW, 16, 3, tmp_path / "stacked")
    rows, model = demonstrated(random_pairs(8)), {"start": tmp_path / "stacked"}
    fine_tune(
        write_sft_spec(tmp_path / "s", base, rows, model=model, lora=shape.model_dump(), epochs=1), tmp_path / "top"
    )
    stacked, top = (change(folder, 0, 4) for folder in (tmp_path / "stacked", tmp_path / "top"))
    assert close(top, stacked, 0.0)
    assert not close(change(tmp_path / "top"), change(tmp_path / "stacked"), 1e-4)


@pytest.mark.parametrize("highest", [5, 6])
def test_a_full_stack_is_approximated_as_well_as_its_rank_allows_and_says_what_was_lost(
    highest: int, adapters: dict[str, Path], tmp_path: Path
) -> None:
    shape, lost = stack(adapters["seed"], NEW, highest, 0, tmp_path)
    kept = highest - NEW.rank
    assert (shape.rank, shape.frozen) == (highest if kept < 4 else 6, min(kept, 4))
    whole, left = 0.0, 0.0
    for module, wanted in change(adapters["seed"]).items():
        u, values, v = np.linalg.svd(wanted)
        best = (u[:, :kept] * values[:kept]) @ v[:kept]
        assert np.abs(change(tmp_path)[module] - best).max() < 1e-5
        whole, left = whole + (values**2).sum(), left + (values[kept:] ** 2).sum()
    assert lost == pytest.approx(np.sqrt(left / whole), abs=1e-6)
    assert (lost > 0.01) is (kept < 4)


def test_another_scale_below_is_taken_into_account_and_the_seed_alone_decides_what_is_drawn(
    adapters: dict[str, Path], tmp_path: Path
) -> None:
    shape, _ = stack(adapters["previous"], Lora(rank=3, alpha=3.0), 16, 7, tmp_path / "one")
    assert shape.alpha / shape.rank == pytest.approx(1.0)
    assert close(change(tmp_path / "one"), change(adapters["previous"]), 1e-6)
    stack(adapters["previous"], Lora(rank=3, alpha=3.0), 16, 7, tmp_path / "two")
    stack(adapters["previous"], Lora(rank=3, alpha=3.0), 16, 8, tmp_path / "three")
    one, two, three = ((tmp_path / name / WEIGHTS).read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_a_training_on_top_that_is_killed_and_started_again_ends_with_the_same_bytes(
    base: Path, adapters: dict[str, Path], trainers: Trainers, tmp_path: Path
) -> None:
    shape, _ = stack(adapters["seed"], NEW, 16, 3, tmp_path / "stacked")
    settings = {"lora": shape.model_dump(), "batch_size": 8, "micro_batch_size": 4, "checkpoint_every_s": 0.0}
    model = {"start": tmp_path / "stacked", "reference": adapters["seed"]}
    spec = write_spec(tmp_path / "s", base, random_pairs(16), model=model, **settings)
    train(spec, tmp_path / "whole")
    assert ends(trainers, spec, tmp_path / "killed", "row", 3) == "SIGKILL"
    trainers.run("trainers.dpo", spec, tmp_path / "killed", timeout_s=120)
    assert_same(tmp_path / "killed", spec, tmp_path / "whole")
