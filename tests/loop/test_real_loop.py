"""The whole loop on the real parts, vLLM, TRL, PEFT, MLflow and DuckDB, through the command line, at its smallest."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loop.drive import existing
from runs.lineage import iterations
from runs.query import query
from runs.store import Store
from runs.verify import verify

SMALLER = (
    "engine.kv_cache_gib=0.1",
    "prompts.count=16",
    "generate.samples=3",
    "measure.prompts=8",
    "gold.prompts=13",
    "audit.items=6",
    "drift.items=6",
    "capability.count=4",
    "engine.threads=1",
    "train.threads=1",
)


def selfsame(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("selfsame")), *words]
    return subprocess.run(
        command, env=os.environ | {"SELFSAME_HOME": str(home)}, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, Any]]:
    """One iteration, and what the command line said of it."""
    home = tmp_path_factory.mktemp("real") / "home"
    done = selfsame(home, "run", "self-rewarding", "--smoke", "--name", "r1", "--json", *SMALLER)
    assert done.returncode == 0, done.stderr[-3000:]
    return Store(home), json.loads(done.stdout)


def test_an_iteration_trains_and_promotes_an_adapter_that_answers_otherwise_than_the_base(
    real: tuple[Store, dict[str, Any]],
) -> None:
    store, said = real
    seed, first = iterations(store, existing(store, "r1"))
    assert said["outcome"] == "done" and said["iterations"][1]["verdict"] == "promote"
    adapter = store.adapter(first.policy)
    assert adapter.parent == adapter.base == seed.policy
    moved = said["iterations"][1]["metrics"]["policy/kl_to_seed_k3_nats_per_token"]
    assert 0 < moved < 1


def test_every_row_names_its_maker_and_every_byte_verifies(real: tuple[Store, dict[str, Any]]) -> None:
    store, _ = real
    for view in ("responses", "judgments"):
        _, ((total, named),) = query(store, f"select count(*), count(*) filter (length(adapter) = 67) from {view}")
        assert total == named > 0
    assert verify(store) == []


def test_judgments_are_on_the_scale_and_nearly_all_can_be_read(real: tuple[Store, dict[str, Any]]) -> None:
    store, _ = real
    _, ((low, high, unscored, total),) = query(
        store,
        "select min(score), max(score), count(*) - count(score), count(*) from judgments "
        "where step in ('judge', 'measure')",
    )
    assert 0 <= low < high <= 5 and unscored <= 0.02 * total


def test_mlflow_has_a_parent_run_and_a_child_for_each_iteration_with_its_metrics(
    real: tuple[Store, dict[str, Any]],
) -> None:
    from mlflow import MlflowClient

    from runs.mlflow_mark import default_uri

    store, said = real
    client = MlflowClient(default_uri(store.home))
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments)
    children = [run for run in found if "mlflow.parentRunId" in run.data.tags]
    assert len(found) == 3 and len(children) == 2
    measured = said["iterations"][1]["metrics"]["judge/score_mean"]
    sent = [run.data.metrics["judge/score_mean"] for run in children if run.data.tags.get("selfsame.iteration") == "1"]
    assert sent == [pytest.approx(measured)]
