"""What a run measures of its drift, with the stub engine."""

import math
from pathlib import Path
from typing import Any

import pytest

from loop import drive
from loop.engine.stub import StubEngine
from runs.lineage import links
from runs.outbox import iteration_page
from runs.query import query
from runs.store import Store
from tests.loop.small import branch, chain, quiet, run_small

GROUPS = ("judge", "policy", "prompts", "signal")


def drifting(*groups: str, **changes: object) -> dict[str, object]:
    """The settings that turn groups on, on few items."""
    return {"drift": {name: name in groups for name in GROUPS} | {"items": 6, "samples": 3} | changes}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    found, outcome = run_small(tmp_path_factory.mktemp("home"), **drifting(*GROUPS), judge__min_mass=0)
    assert outcome.kind == "done"
    return found


def metrics(store: Store, index: int, step: str = "drift", run: str = "r1") -> dict[str, float | None]:
    return store.output(chain(store, run)[index].outputs[step]).metrics


def test_at_the_seed_there_is_no_drift(store: Store) -> None:
    seed = metrics(store, 0)
    nothing = (
        "judge/gap_to_seed_judge_mean",
        "judge/seed_judge_change_mean",
        "judge/fooled_frac",
        "policy/kl_path_nats",
    )
    for name in (*nothing, "policy/mmd2_to_seed", "policy/kl_from_seed_nats", "signal/adapter_norm"):
        assert seed[name] == 0, name
    for name in (
        "policy/mmd2_to_seed_p_value",
        "judge/rank_tau_b_with_seed",
        "judge/ranking_consistency_with_previous_mean",
    ):
        assert seed[name] == pytest.approx(1), name


def test_the_numbers_of_the_probes_give_back_those_of_the_iteration(store: Store) -> None:
    def mean(metric: str, probe: str = "held-out") -> float:
        _, rows = query(
            store,
            f"select avg(value) from drift_items where iteration = 2 and probe = '{probe}' and metric = '{metric}'",
        )
        return float(rows[0][0])

    drift, measured = metrics(store, 2), metrics(store, 2, "measure")
    gap = mean("own_score") - mean("seed_judge_score")
    assert gap == pytest.approx(drift["judge/gap_to_seed_judge_mean"], abs=1e-9)
    assert mean("kl_to_seed_nats") == pytest.approx(measured["policy/kl_to_seed_nats"], abs=1e-9)
    assert mean("kl_to_previous_nats") == pytest.approx(measured["policy/kl_to_previous_nats"], abs=1e-9)
    assert mean("entropy_nats") == pytest.approx(drift["policy/entropy_nats"], abs=1e-9)
    assert mean("length_tokens") == pytest.approx(measured["policy/length_mean_tokens"], abs=1e-9)
    change = mean("own_hit", "labelled") - mean("seed_hit", "labelled")
    assert change == pytest.approx(drift["judge/anchor_accuracy_change_frac"], abs=1e-9)


def test_two_iterations_are_paired_by_probe_in_sql(store: Store) -> None:
    _, rows = query(
        store,
        "select count(*), avg(b.value - a.value) from drift_items a join drift_items b using (item, metric) "
        "where a.iteration = 1 and b.iteration = 2 and metric = 'own_score'",
    )
    count, change = rows[0]
    assert count == 12
    scores = [metrics(store, index, "measure")["judge/score_mean"] for index in (1, 2)]
    assert change == pytest.approx(scores[1] - scores[0], abs=1e-9)  # type: ignore[operator]


def test_the_kl_budget_is_the_sum_of_all_steps(store: Store) -> None:
    steps = [metrics(store, index, "measure")["policy/kl_to_previous_nats"] for index in (0, 1, 2)]
    assert metrics(store, 2)["policy/kl_path_nats"] == pytest.approx(sum(steps), abs=1e-9)  # type: ignore[arg-type]


def test_a_reference_is_the_first_value_in_the_line_of_descent_also_of_a_branch(store: Store) -> None:
    branch(store, "r1@1", "r2", "train.beta=0.7")
    assert drive.carry_on(store, "r2", quiet).kind == "done"
    first = {
        **metrics(store, 1), **metrics(store, 1, "train"), **metrics(store, 1, "pair"),
        **metrics(store, 0), **metrics(store, 0, "measure"),
    }  # fmt: skip
    for run in ("r1", "r2"):
        held = store.output(chain(store, run)[2].outputs["drift"]).values["references"]
        assert {"policy/entropy_nats", "judge/score_mean", "signal/margin_mean", "signal/loss_last"} <= held.keys()
        assert not [name for name in held if name.endswith(("_low", "_high", "_se"))]
        assert all(value == first[name] for name, value in held.items() if name in first)
        page = iteration_page(store, drive.existing(store, run), links(store, drive.existing(store, run))[2])
        shown = {point.name: point.value for point in page.points}
        assert shown["judge/score_mean_reference"] == metrics(store, 0, "measure")["judge/score_mean"]


def test_what_each_group_cost_is_kept_and_its_share_of_the_iteration_is_shown(store: Store) -> None:
    page = iteration_page(store, drive.existing(store, "r1"), links(store, drive.existing(store, "r1"))[2])
    shown = {point.name: point.value for point in page.points}
    parts = [shown[f"time/drift_{group}_s"] for group in GROUPS]
    assert all(part > 0 for part in parts) and sum(parts) <= shown["time/drift_s"]
    steps = ("prompts", "generate", "judge", "pair", "train", "measure", "decide")
    assert shown["time/drift_frac"] == pytest.approx(shown["time/drift_s"] / sum(shown[f"time/{s}_s"] for s in steps))


OF_GROUP = {
    "judge": "judge/gap_to_seed_judge_mean",
    "policy": "policy/vendi_frac",
    "prompts": "prompts/distance_mean",
    "signal": "signal/adapter_norm",
}


@pytest.mark.parametrize("off", GROUPS)
def test_each_group_can_be_turned_off_alone(store: Store, off: str, tmp_path: Path) -> None:
    on = (group for group in GROUPS if group != off)
    other, outcome = run_small(tmp_path, **drifting(*on), judge__min_mass=0, iterations=1)
    assert outcome.kind == "done"
    left = metrics(other, 1)
    assert [group for group in GROUPS if OF_GROUP[group] not in left] == [off]
    assert all(metrics(store, 1)[metric] == value for metric, value in left.items())
    assert chain(other)[1].outputs["measure"] == chain(store)[1].outputs["measure"]


@pytest.mark.parametrize("nothing", [{"items": 0}, dict.fromkeys(GROUPS, False)])
def test_without_any_group_there_is_no_such_step_and_nothing_else_differs(
    store: Store, tmp_path: Path, nothing: dict[str, object]
) -> None:
    other, _ = run_small(tmp_path, judge__min_mass=0, drift=nothing, iterations=1)
    for plain, drifted in zip(chain(other), chain(store), strict=False):
        assert plain.outputs.keys() == drifted.outputs.keys() - {"drift"}
        # But for what is decided, which weighs what there is.
        assert all(drifted.outputs[step] == got for step, got in plain.outputs.items() if step != "decide")


def test_the_frozen_judge_and_the_one_before_are_asked_only_what_nobody_was_asked_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    answer = StubEngine.run
    monkeypatch.setattr(StubEngine, "run", lambda engine, requests: asked.extend(requests) or answer(engine, requests))
    home, plain = tmp_path / "with", tmp_path / "without"
    run_small(home, **drifting(*GROUPS), iterations=1)
    with_drift = len(asked)
    asked.clear()
    run_small(plain, iterations=1)
    # Iteration 0: 6 prompts answered twice more, 12 labelled answers read. Iteration 1: 12 answers judged by the seed,
    # 6 of the seed's answers read, 6 prompts answered twice more, 12 labelled answers read.
    assert with_drift - len(asked) <= (12 + 12) + (12 + 6 + 12 + 12)


@pytest.mark.parametrize(
    "way",
    [
        {"judge__method": "pairwise"},
        {"judge__method": "rubric", "judge__replies": 2},
        {"judge__adapter": "previous"},
        {"judge__panel": ["seed", "previous"]},
    ],
    ids=lambda way: "-".join(map(str, way.values())),
)
def test_every_way_to_judge_has_its_drift(tmp_path: Path, way: dict[str, object]) -> None:
    changes = {
        "guards__max_unscored_frac": 1,
        "gold__enabled": False,
        "measure__anchor_count": 8,
        "prompts__count": 8,
        "iterations": 1,
    }
    store, outcome = run_small(tmp_path, **{**drifting("judge", "prompts", "signal"), **way, **changes})
    assert outcome.kind == "done"
    for index in (0, 1):
        found = metrics(store, index)
        assert {"judge/gap_to_seed_judge_mean", "judge/ranking_consistency_with_seed_mean"} <= found.keys()
        assert all(value is not None and math.isfinite(value) for value in found.values())
    assert metrics(store, 0)["judge/gap_to_seed_judge_mean"] == 0
