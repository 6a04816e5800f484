"""One round of DPO with the real TRL and PEFT, on values."""

import math
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from loop.workers.trainers import Trainers
from runs.errors import DivergedError
from tests.trainers.outcome import FILES, log_of, mean_answer_logprob, result_of, weights_of
from tests.trainers.tiny import WORDS, random_pairs, train, write_spec
from trainers.adopt import adopt
from trainers.rows import read_pairs
from trainers.spec import Lora


@pytest.mark.parametrize("reference", [None, "previous", "seed"])
def test_the_reference_is_the_weights_that_the_spec_names(
    reference: str | None, base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    rows = random_pairs(16, seed=3)
    start, wanted = adapters["previous"], adapters[reference] if reference else None
    train(write_spec(tmp_path, base, rows, model={"start": start, "reference": wanted}, epochs=1), tmp_path)
    first = result_of(tmp_path)["first"]
    for side in ("chosen", "rejected"):
        by_policy = mean_answer_logprob(base, start, rows, f"{side}_ids")
        by_reference = mean_answer_logprob(base, wanted, rows, f"{side}_ids")
        assert first[f"logps/{side}"] == pytest.approx(by_policy, abs=1e-3)
        assert first[f"rewards/{side}"] == pytest.approx(0.3 * (by_policy - by_reference), abs=1e-3)


@pytest.mark.parametrize("name", [None, "previous"])
def test_the_first_step_costs_ln_2_when_the_policy_starts_from_its_reference(
    name: str | None, base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    folder = adapters[name] if name else None
    train(write_spec(tmp_path, base, random_pairs(16), model={"start": folder, "reference": folder}), tmp_path)
    assert result_of(tmp_path)["first"]["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert result_of(tmp_path)["last"]["rewards/margins"] > 0.05


def test_two_processes_leave_the_same_bytes(
    base: Path, adapters: dict[str, Path], trainers: Trainers, tmp_path: Path
) -> None:
    start = adapters["previous"]
    spec = write_spec(tmp_path, base, random_pairs(40), model={"start": start, "reference": start}, batch_size=8)
    train(spec, tmp_path)
    trainers.run("trainers.dpo", spec, tmp_path / "forked", timeout_s=120)
    ours, theirs = (adopt(folder, base, spec.lora) for folder in (tmp_path, tmp_path / "forked"))
    assert ours.weights.read_bytes() == theirs.weights.read_bytes()
    assert ours.config == theirs.config
    for name in ("probe.json", "result.json"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "forked" / name).read_bytes()


def test_another_seed_leaves_another_adapter(base: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        out = tmp_path / str(seed)
        train(write_spec(out, base, random_pairs(16), seed=seed, epochs=1), out)
    assert (tmp_path / "1" / FILES[0]).read_bytes() != (tmp_path / "2" / FILES[0]).read_bytes()


def test_divergence_is_named_and_never_logged_as_zero(base: Path, trainers: Trainers, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, base, random_pairs(16), learning_rate=1e30, epochs=4)
    with pytest.raises(DivergedError, match="diverged at step"):
        trainers.run("trainers.dpo", spec, tmp_path / "out", timeout_s=120)
    last = log_of(tmp_path / "out")[-1]
    assert last["loss"] is None
    assert not (tmp_path / "out" / "result.json").exists()


def test_pairs_that_are_too_long_are_left_out_whole_and_counted(base: Path, tmp_path: Path) -> None:
    rows = random_pairs(16)
    answers = [max(len(row["chosen_ids"]), len(row["rejected_ids"])) for row in rows]
    words = [len(row["prompt"][0]["content"].split()) for row in rows]
    lengths = [2 + w + a for w, a in zip(words, answers, strict=True)]  # 2: the template's own tokens
    limit = sorted(lengths)[11]
    train(write_spec(tmp_path / "all", base, rows, max_length_tokens=limit, epochs=1), tmp_path / "all")
    fitting = [row for row, length in zip(rows, lengths, strict=True) if length <= limit]
    train(write_spec(tmp_path / "fitting", base, fitting, epochs=1), tmp_path / "fitting")
    result = result_of(tmp_path / "all")
    assert (result["rows_in"], result["rows_used"]) == (16, len(fitting))
    assert result["rows_too_long"] == 16 - len(fitting) > 0
    assert (tmp_path / "all" / FILES[0]).read_bytes() == (tmp_path / "fitting" / FILES[0]).read_bytes()


def test_where_no_pair_fits_there_is_an_account_and_no_adapter(base: Path, tmp_path: Path) -> None:
    train(write_spec(tmp_path, base, random_pairs(4), max_length_tokens=3), tmp_path / "out")
    assert result_of(tmp_path / "out") == {
        "rows_in": 4,
        "rows_used": 0,
        "rows_rehearsed": 0,
        "rows_too_long": 4,
        "rows_held_out": 0,
    }
    assert not (tmp_path / "out" / FILES[0]).exists()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("weight", -1.0, "weight -1.0"), ("weight", math.nan, "weight nan"), ("label_probability", 1.5, "1.5")],
)
def test_a_label_that_means_nothing_is_refused_with_its_row(
    column: str, value: float, said: str, base: Path, tmp_path: Path
) -> None:
    rows = random_pairs(4)
    rows[2][column] = value
    with pytest.raises(ValueError, match=f"row 2 of .*{said}"):
        train(write_spec(tmp_path, base, rows), tmp_path)


def test_a_micro_batch_of_another_size_gives_the_same_gradients_in_a_last_batch_that_is_not_full_too(
    base: Path, tmp_path: Path
) -> None:
    logs = []
    for size in (8, 4):
        spec = write_spec(tmp_path / str(size), base, random_pairs(29), micro_batch_size=size, epochs=2)
        train(spec, tmp_path / f"out-{size}")
        logs.append(log_of(tmp_path / f"out-{size}"))
    assert len(logs[0]) == 4
    for ours, theirs in zip(*logs, strict=True):  # 13 of 16 rows are 8 + 5, or 4 + 4 + 4 + 1
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-4)
        assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-3)


def test_pairs_of_weight_0_teach_nothing(base: Path, adapters: dict[str, Path], tmp_path: Path) -> None:
    start = adapters["previous"]
    rows = [row | {"weight": 0.0} for row in random_pairs(16)]
    train(write_spec(tmp_path, base, rows, model={"start": start}), tmp_path)
    before, after = weights_of(start), weights_of(tmp_path)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_pair_labelled_wrong_for_certain_teaches_what_its_swap_teaches(base: Path, tmp_path: Path) -> None:
    rows = random_pairs(16)
    swapped = [row | {"chosen_ids": row["rejected_ids"], "rejected_ids": row["chosen_ids"]} for row in rows]
    wrong = [row | {"label_probability": 0.0} for row in rows]
    for name, taught in (("swapped", swapped), ("wrong", wrong)):
        train(write_spec(tmp_path / name, base, taught), tmp_path / name)
    one, other = weights_of(tmp_path / "swapped"), weights_of(tmp_path / "wrong")
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)
    assert result_of(tmp_path / "wrong")["last"]["rewards/margins"] < 0


def test_going_on_with_an_adapter_of_another_rank_is_refused(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    spec = write_spec(tmp_path, base, random_pairs(4), model={"start": adapters["seed"]}, lora=Lora(rank=8, alpha=8))
    with pytest.raises(ValueError, match=r"rank 4 .* rank 8"):
        train(spec, tmp_path)


def test_an_adapter_that_does_not_fit_the_base_is_refused(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    for name in FILES:
        (tmp_path / name).write_bytes((adapters["seed"] / name).read_bytes())
    tensors = weights_of(tmp_path)
    renamed = {name.replace("layers.1.", "layers.7."): tensor for name, tensor in tensors.items()}
    save_file(renamed, tmp_path / FILES[0])
    with pytest.raises(ValueError, match="does not fit the base model"):
        train(write_spec(tmp_path / "out", base, random_pairs(4), model={"start": tmp_path}), tmp_path / "out")


def test_an_answer_can_be_given_as_its_text(base: Path, tmp_path: Path) -> None:
    said = random_pairs(4)
    spelt = [
        row | {"chosen_ids": None, "chosen": " ".join(WORDS[id_] for id_ in row["chosen_ids"][:-1])} for row in said
    ]
    tokenizer = AutoTokenizer.from_pretrained(base)
    one, other = (
        read_pairs(write_spec(tmp_path / name, base, rows).rows, tokenizer, 64).trained
        for name, rows in (("said", said), ("spelt", spelt))
    )
    assert one == other and len(one) == 4
