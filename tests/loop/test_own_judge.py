"""Policy and judge as two adapters: the judge learns from pairs of its judgments, the policy from pairs of answers."""

from pathlib import Path
from typing import Any

import pytest
from small import branch, chain, quiet, run_small, small_config

from loop import drive
from loop.cli import main
from loop.preflight import check
from loop.steps import train_rows
from loop.steps.train_rows import judgment_rows
from loop.steps.turn import Turn
from runs.errors import ConfigError
from runs.lineage import JUDGE_TRAINING, judge_made, links
from runs.output import Output
from runs.pruned import policies_in_use, policies_to_go_back_to
from runs.records import Judgment
from runs.store import Store
from runs.verify import verify
from trainers.stub_faults import VARIABLE, Fault, write_faults

OWN: dict[str, Any] = {
    "judge": {"method": "rubric", "replies": "4", "adapter": "own"},
    "meta_judge__max_frac": 0.5,
    "guards": {"min_pairs": "1", "max_unscored_frac": "1", "min_anchor_accuracy": "0", "actions": {}},
    "gold__enabled": False,
    "measure": {"prompts": "6", "anchors": None},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three iterations, of which the third asks no meta-judge."""
    phases = [{"since": 3, "settings": {"meta_judge.max_frac": 0.0}}]
    made, outcome = run_small(tmp_path_factory.mktemp("home"), iterations="3", phases=phases, **OWN)
    assert outcome.kind == "done", outcome.reason
    return made


def step(store: Store, index: int, name: str, run: str = "r1") -> Output:
    return store.output(chain(store, run)[index].outputs[name])


def judges(store: Store, index: int, name: str) -> set[str]:
    judgments: list[Judgment] = store.all_rows("judgments", step(store, index, name))
    return {one.adapter for one in judgments}


def judge_of(store: Store, index: int, run: str = "r1") -> str:
    return str(step(store, index, JUDGE_TRAINING, run).values["adapter"])


def test_a_judge_whose_training_diverges_halts_the_run_before_the_policy_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_faults(tmp_path / "faults", [Fault("train", "diverge")])
    monkeypatch.setenv(VARIABLE, str(tmp_path / "faults"))
    made, outcome = run_small(tmp_path / "home", iterations="1", **OWN)
    assert outcome.kind == "halted" and "diverged at step" in outcome.reason
    assert "lower train.learning_rate" in outcome.reason
    assert "train" not in links(made, drive.existing(made, "r1"))[-1].outputs


def test_the_judge_goes_on_from_its_own_last_adapter_and_stays_where_nothing_is_learnt(store: Store) -> None:
    past = chain(store)
    first, second = (store.adapter(judge_of(store, index)) for index in (1, 2))
    assert (first.parent, second.parent) == (past[0].policy, judge_of(store, 1))
    assert first.pairs == past[1].outputs["meta"] and first.reference == first.parent
    assert judge_of(store, 3) == judge_of(store, 2)
    assert [step(store, index, JUDGE_TRAINING).metrics["signal/judge_pairs_used"] for index in (1, 2, 3)][2] == 0
    assert len({judge_of(store, 1), judge_of(store, 2), *(one.policy for one in past)}) == 6
    assert verify(store) == []


def test_it_judges_answers_from_the_next_iteration_on_and_is_measured_with_the_policy_it_came_with(
    store: Store,
) -> None:
    assert judges(store, 1, "judge") == judges(store, 1, "meta") == {chain(store)[0].policy}
    assert judges(store, 2, "judge") == judges(store, 2, "meta") == judges(store, 1, "measure") == {judge_of(store, 1)}
    assert judges(store, 3, "judge") == judges(store, 2, "measure") == {judge_of(store, 2)}


def test_the_policy_learns_nothing_of_pairs_of_judgments(store: Store) -> None:
    outputs = chain(store)[1].outputs
    with drive.desk_of(store, "r1", small_config(**OWN)) as desk:
        turn = Turn(1, tuple(chain(store)[:1]), outputs, {name: store.output(got) for name, got in outputs.items()})
        rows, asked = train_rows.rows(desk, turn).to_pylist(), train_rows.inputs(desk, turn)
        assert len(rows) == len(store.all_rows("pairs", step(store, 1, "pair"))) and "meta" not in asked
        of_judgments = judgment_rows(desk, outputs["meta"])
    trained = step(store, 1, JUDGE_TRAINING).metrics
    assert 0 < len(of_judgments) == trained["signal/judge_pairs_used"]


def test_a_branch_has_the_judge_of_where_it_began_and_pruning_leaves_it(store: Store) -> None:
    run = branch(store, "r1@1", "r2", "iterations=2", "train.learning_rate=1e-5")
    assert policies_in_use(store, run)[judge_of(store, 1)] == "r1@1"
    assert judge_of(store, 3) in policies_to_go_back_to(store, drive.existing(store, "r1"))
    assert drive.carry_on(store, "r2", quiet).kind == "done"
    assert store.adapter(judge_of(store, 2, "r2")).parent == judge_of(store, 1)
    assert judge_of(store, 2, "r2") != judge_of(store, 2)


def test_its_adapter_is_written_as_any_other(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    assert main(["export", "r1@2/train_judge", "--adapter", str(tmp_path / "judge")]) == 0
    assert judge_of(store, 2) in capsys.readouterr().out
    held = store.adapter_folder(judge_of(store, 2)) / "adapter_model.safetensors"
    assert (tmp_path / "judge" / "adapter_model.safetensors").read_bytes() == held.read_bytes()


def test_a_judge_is_kept_out_with_the_policy_that_it_came_with(tmp_path: Path) -> None:
    never = [{"name": "never", "metric": "signal/loss_last", "at_most": 0, "group": "quality", "action": "reject"}]
    kept_out = OWN | {"guards": {**OWN["guards"], "limits": never}}
    store, outcome = run_small(tmp_path, iterations="2", **kept_out)
    assert outcome.kind == "done", outcome.reason
    seed = chain(store)[0].policy
    assert [one.policy for one in chain(store)] == [seed] * 3
    assert judge_made(store, chain(store)[1].outputs) not in (seed, None)
    assert judges(store, 2, "judge") == {seed} == {store.adapter(judge_of(store, 2)).parent}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"meta_judge__max_frac": 0.0}, r"set meta_judge\.max_frac=0\.15"),
        ({"judge": {**OWN["judge"], "panel": ["seed"]}}, r"there is a judge\.panel"),
        ({"judge": {**OWN["judge"], "method": "expected"}}, r"set judge\.method=rubric"),
    ],
)
def test_a_judge_that_could_never_learn_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(small_config(**OWN | changes))
