"""A run in real MLflow on SQLite: everything gets there once, as it was, and nothing that is nobody's business."""

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from loop.config_operational import Export
from loop.feeding import Feeder
from loop.progress import Event
from loop.start_sender import start_sender
from runs.canonical import digest
from runs.lineage import links, resolve
from runs.mlflow_mark import default_uri, forget, mlflow_folder, owed, read_mark
from runs.mlflow_sender import EXPERIMENT, send_owed
from runs.mlflow_ui import run_address
from runs.naming import fork
from runs.outbox import iteration_page
from runs.records import Run
from runs.store import Store
from tests.hostile.canaries import ENVIRONMENT, traces_below
from tests.runs.history import BASE
from tests.runs.shown import BEGAN, CONSTITUTION, HOSTILE, SAID, begun, close


@dataclass(frozen=True)
class Sent:
    """What MLflow's database holds after two pokes (`once`), and after everything was sent again (`again`)."""

    store: Store
    run: Run
    once: dict[str, list[tuple[Any, ...]]]
    again: dict[str, list[tuple[Any, ...]]]
    branch: Run
    said: list[Event]
    left_by_a_kill: list[str]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    """A run of two iterations shown to MLflow by the real feeder and sender; the second one closes while it sends.

    A first sender is killed while MLflow makes its database, and what it has of it by then is put in the file's place,
    as senders once left it. The branch is sent from this process. Whoever sends has secrets in the environment.
    """
    store = Store(tmp_path_factory.mktemp("mlflow") / "home")
    said: list[Event] = []
    with store.lock(), pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        run = close(store, begun(store), 1)
        left_by_a_kill = half_made(store)
        feeder = Feeder(store, "r1", Export(), said.append)
        wait_for(lambda: not owed(store, run, default_uri(store.home)))
        run = close(store, run, 2)
        feeder.poke()
        wait_for(lambda: not owed(store, run, default_uri(store.home)))
        once = database(store)
        forget(store.home, "r1")
        feeder.poke()
        wait_for(lambda: not owed(store, run, default_uri(store.home)))
        feeder.finish()
        again = database(store)
        branch = close(store, fork(store, resolve(store, "r1@1"), "r2"), 2)
        send(store, "r2")
    yield Sent(store, run, once, again, branch, said, left_by_a_kill)


def send(store: Store, name: str) -> None:
    """Send what is owed from this process, which the sender's alarm must not end later."""
    try:
        send_owed(store, name, default_uri(store.home))
    finally:
        signal.alarm(0)


def half_made(store: Store) -> list[str]:
    """Kill a sender while MLflow makes the home's database. Returns the names that are in its folder afterwards."""
    folder = mlflow_folder(store.home)
    sender = start_sender(store, "r1", default_uri(store.home), subprocess.DEVNULL)
    wait_for(lambda: any(file.stat().st_size for file in folder.glob(".tmp-*/mlflow.db")))
    sender.kill()
    sender.wait()
    names = [path.name for path in folder.iterdir()]
    for file in sorted(folder.glob(".tmp-*/mlflow.db*")):
        file.rename(folder / file.name)
    return names


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not done():
        assert time.monotonic() < deadline, "MLflow was not fed"
        time.sleep(0.05)


def database(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """MLflow's own tables, read without MLflow."""
    queries = {
        "metrics": "select name, key, step, timestamp, value, is_nan from metrics join runs using (run_uuid)",
        "tags": "select name, key, value from tags join runs using (run_uuid)",
        "params": "select name, key, value from params join runs using (run_uuid)",
        "runs": "select name, status, start_time, end_time from runs",
        "constitutions": "select name, version, key, value from model_version_tags",
    }
    connection = sqlite3.connect(mlflow_folder(store.home) / "mlflow.db")
    try:
        return {name: sorted(connection.execute(query).fetchall()) for name, query in queries.items()}
    finally:
        connection.close()


def test_every_point_is_there_once_with_its_own_step_and_time(sent: Sent) -> None:
    wanted = []
    for link in links(sent.store, sent.run):
        page = iteration_page(sent.store, sent.run, link)
        wanted += [(page.name, p.name, p.step, p.time_ms, p.value, 0) for p in page.points + page.curve]
        wanted += [("r1", p.name, p.step, p.time_ms, p.value, 0) for p in page.points]
    assert sent.once["metrics"] == sorted(wanted)
    scores = [row[2:5] for row in sent.once["metrics"] if row[:2] == ("r1", "judge/score_mean")]
    ended_ms = [round(1000 * (BEGAN + 100 * index + len("measure") + 2.5)) for index in (0, 1, 2)]
    assert scores == [(index, ended_ms[index], 3.0 + index) for index in (0, 1, 2)]


def test_a_sender_killed_while_it_makes_the_database_costs_nothing(sent: Sent) -> None:
    (left,) = sent.left_by_a_kill
    assert left.startswith(".tmp-")
    assert sorted(path.name for path in mlflow_folder(sent.store.home).iterdir()) == ["artifacts", "mlflow.db"]


def test_sending_again_doubles_nothing_and_loses_nothing(sent: Sent) -> None:
    assert sent.again == sent.once


def test_the_loss_curve_has_its_gradient_steps_and_their_times(sent: Sent) -> None:
    loss = [row[2:5] for row in sent.once["metrics"] if row[:2] == ("r1@2", "train/loss")]
    assert loss == [(1, 1_700_000_201_500, 0.69), (5, 1_700_000_202_500, 0.5)]
    assert not [row for row in sent.once["metrics"] if row[0] == "r1" and row[1].startswith("train/")]


def test_a_number_that_is_missing_is_a_tag_and_no_point(sent: Sent) -> None:
    tags = {(name, key): value for name, key, value in sent.once["tags"]}
    assert tags["r1@2", "selfsame.missing"] == "signal/loss_last, train/loss"
    assert "signal/loss_last" not in {row[1] for row in sent.once["metrics"]}


def test_each_iteration_is_below_its_run_and_carries_its_lineage(sent: Sent) -> None:
    tags = {(name, key): value for name, key, value in sent.once["tags"]}
    iteration = links(sent.store, sent.run)[2].iteration
    mark = read_mark(sent.store.home, "r1")
    assert mark is not None and tags["r1@2", "mlflow.parentRunId"] == mark.run_id
    wanted = {
        "run": "r1", "iteration": "2", "digest": iteration.digest, "parent": iteration.parent, "base": BASE,
        "policy": iteration.policy, "adapter": iteration.policy, "constitution": CONSTITUTION, "verdict": "promote",
        "reason": "every guard passed", "environment": '{"python":"3.11"}',
    }  # fmt: skip
    assert {key: tags["r1@2", f"selfsame.{key}"] for key in wanted} == wanted
    params = {key: value for name, key, value in sent.once["params"] if name == "r1"}
    assert params == {
        **{"train.beta": "0.1", "train.reference": "previous", "seed": "3", "model.adapter": "null"},
        **{"constitution": "plain", "measure.anchors": "people.jsonl"},
    }


def test_the_constitution_is_a_version_of_the_registry_once_and_is_tagged_on_every_run_that_used_it(sent: Sent) -> None:
    (name, version), *more = {(name, version) for name, version, _, _ in sent.once["constitutions"]}
    assert (name, version, more) == ("constitution-plain-short", 1, [])
    said = {key: value for _, _, key, value in sent.once["constitutions"]}
    assert digest(SAID) in said.values()
    assert any(json.loads(text) == SAID for text in said.values() if text.startswith("{"))
    tags = {(name, key): value for name, key, value in database(sent.store)["tags"]}
    for page in ("r1", "r1@0", "r1@2", "r2", "r2@2"):
        assert tags[page, "selfsame.constitution_version"] == "prompts:/constitution-plain-short/1"
    assert json.loads(tags["r2", "mlflow.linkedPrompts"]) == [{"name": "constitution-plain-short", "version": "1"}]


def test_pages_are_closed_with_the_times_of_the_work(sent: Sent) -> None:
    pages = {name: (status, began, ended) for name, status, began, ended in sent.once["runs"]}
    assert set(pages) == {"r1", "r1@0", "r1@1", "r1@2"}
    assert pages["r1@1"] == ("FINISHED", 1_700_000_104_000, 1_700_000_110_500)
    assert pages["r1"][1:] == (round(1000 * BEGAN), pages["r1@2"][2])


def test_plots_and_a_table_of_pairs_are_attached_and_open(sent: Sent) -> None:
    files = {path.name: path for path in (mlflow_folder(sent.store.home) / "artifacts").rglob("*") if path.is_file()}
    audits = {"audit.json", "audit.md", "audit.png"}
    assert set(files) == {"metrics.png", "drift.png", "report.html", "loss.png", "pairs.html", "pairs.json", *audits}
    from matplotlib.image import imread

    for name in ("metrics.png", "drift.png", "loss.png", "audit.png"):
        assert imread(files[name]).std() > 0.01, f"{name} is blank"
    audited = json.loads(files["audit.json"].read_bytes())["audited"]
    assert (audited["address"], audited["labelled pairs"]["file"], audited["items"]) == ("r1@1", "people.jsonl", 20)
    table = json.loads(files["pairs.json"].read_bytes())
    row = dict(zip(table["columns"], table["data"][0], strict=True))
    assert (row["chosen"], row["chosen_score"], row["rejected_score"], row["margin"]) == (HOSTILE, 4.0, 1.5, 2.5)
    tagged = {value for _, key, value in sent.once["tags"] if key == "mlflow.loggedArtifacts"}
    assert tagged == {'[{"path": "pairs.json", "type": "table"}]'}


def test_a_run_whose_points_are_all_sent_says_nothing(sent: Sent) -> None:
    assert sent.said == []
    assert run_address(sent.store.home, "r1", 5000).startswith("http://127.0.0.1:5000/#/experiments/")


def test_no_secret_of_whoever_sends_is_in_what_was_sent_and_nobody_else_can_read_it(sent: Sent) -> None:
    assert traces_below(sent.store.home) == {}
    assert mlflow_folder(sent.store.home).stat().st_mode & 0o077 == 0


def test_an_experiment_that_somebody_deleted_comes_back_with_its_pages(sent: Sent) -> None:
    from mlflow import MlflowClient

    before, uri = database(sent.store), default_uri(sent.store.home)
    client = MlflowClient(uri)
    client.delete_experiment(client.get_experiment_by_name(EXPERIMENT).experiment_id)
    with sent.store.lock():
        for name in ("r1", "r2"):
            forget(sent.store.home, name)
            send(sent.store, name)
    assert client.get_experiment_by_name(EXPERIMENT).lifecycle_stage == "active"
    assert database(sent.store) == before
    assert len(client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])) == len(before["runs"])


def test_a_branch_shows_its_parents_history_up_to_the_fork_and_says_where_it_came_from(sent: Sent) -> None:
    now = database(sent.store)
    rows = {name: [row[1:5] for row in now["metrics"] if row[0] == name] for name in ("r1", "r2")}
    shared = [row for row in rows["r1"] if row[1] < 2]
    assert shared == [row for row in rows["r2"] if row[1] < 2] and shared
    assert {row[1] for row in rows["r2"]} == {0, 1, 2}
    assert {name for name, *_ in now["runs"]} == {"r1", "r1@0", "r1@1", "r1@2", "r2", "r2@2"}
    tags = {key: value for name, key, value in now["tags"] if name == "r2"}
    assert (tags["selfsame.branched_from"], tags["selfsame.depth"]) == ("r1@1", "1")
    others = {key: [row for row in value if not row[0].startswith("r2")] for key, value in now.items()}
    assert others == sent.once
    uri = default_uri(sent.store.home)
    assert owed(sent.store, sent.branch, uri) == owed(sent.store, sent.run, uri) == []
