"""What MLflow is to show of a run, and that it gets there once: real MLflow on SQLite, and servers that are dead."""

import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from loop import export
from loop.config_operational import Export
from loop.export import Exporter
from loop.progress import Event
from runs.canonical import digest
from runs.lineage import closed, links, resolve
from runs.mlflow_mark import Mark, default_uri, forget, lag, mark_path, mlflow_folder, owed, read_mark, write_mark
from runs.mlflow_sender import EXPERIMENT, is_plotted, send_owed
from runs.mlflow_ui import run_address, server_command
from runs.naming import delete, fork
from runs.outbox import inherited_points, iteration_page, run_page, series
from runs.output import Output
from runs.pair_table import as_html, sample_pairs
from runs.records import Decision, Iteration, PreferencePair, Record, Run
from runs.store import Store
from tests.hostile.canaries import ENVIRONMENT, traces_below
from tests.runs.history import AUDIT, BASE, adapter, judgment, keys, measurement, prompt, response

CONSTITUTION = digest("a constitution")
BEGAN = 1_700_000_000.0
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


def step(
    store: Store, index: int, name: str, beside: dict[str, Any], tables: dict[str, list[Record]], **values: Any
) -> str:
    asked = {"step": name, "index": index, "inputs": {"constitution": CONSTITUTION} if name == "measure" else {}}
    output = Output(name, {noun: (store.put_rows(noun, rows),) for noun, rows in tables.items()}, values)
    began = BEGAN + 100 * index + len(name)
    return store.commit(
        digest(asked), store.put_record(output), asked, {"began": began, "ended": began + 2.5, **beside}
    )


def close(store: Store, run: Run, index: int, verdict: str = "promote") -> Run:
    """`run` with one more iteration: judged, paired and trained, except for number 0."""
    policy = store.iteration(run.iteration).policy if run.iteration else BASE
    outputs: dict[str, str] = {}
    if index == 0:
        outputs["seed"] = step(store, 0, "seed", {}, {}, base=BASE, policy=BASE, metrics={})
    else:
        asked = prompt(index)
        answers = [replace(response(asked, policy, seed), text=HOSTILE) for seed in (1, 2)]
        verdicts = [judgment(answer, score) for answer, score in zip(answers, (4.0, 1.5), strict=True)]
        names = tuple(verdict.digest for verdict in verdicts)
        pair = PreferencePair(asked.digest, answers[0].digest, answers[1].digest, 0.9, 1.0, 2.5, "self", names)
        outputs["prompts"] = step(store, index, "prompts", {}, {"prompts": [asked]}, metrics={})
        outputs["generate"] = step(store, index, "generate", {}, {"responses": [*answers]}, metrics={})
        outputs["judge"] = step(store, index, "judge", {}, {"judgments": [*verdicts]}, metrics={})
        outputs["pair"] = step(store, index, "pair", {}, {"pairs": [pair]}, metrics={"signal/pairs": 1})
        policy = adapter(store, policy, index)
        curve = [
            {"step": 1, "loss": 0.69, "rewards/margins": 0.0},
            {"step": 5, "loss": 0.5, "rewards/margins": 0.25},
            {"step": 9, "loss": None, "rewards/margins": 0.5},
        ]
        times = {"curve_times_s": [BEGAN + 100 * index + n for n in (1.5, 2.5, 3.5)]}
        outputs["train"] = step(
            store, index, "train", times, {}, adapter=policy, curve=curve, metrics={"signal/loss_last": None}
        )
    numbers: dict[str, float | None] = {"judge/score_mean": 3.0 + index, "policy/kl_to_seed_nats": 0.25 * index}
    outputs["measure"] = step(
        store, index, "measure", {}, {"measurements": [measurement(policy, 0.5)]}, metrics=numbers
    )
    if index == 1:
        outputs["audit"] = step(store, index, "audit", {}, {}, audit=AUDIT, metrics={"audit/label/accuracy": 0.7})
    decision = Decision("halt" if verdict == "halt" else "promote", policy, "every guard passed", ())
    outputs["decide"] = step(
        store, index, "decide", {}, {"decisions": [decision]}, decision=asdict(decision), metrics={}
    )
    iteration = Iteration(run.iteration, index, run.config, 3, outputs, policy, decision.digest)
    gold = step(store, index, "gold", {}, {}, metrics={"gold/sampled_mean": 2.0 + index})
    moved = closed(store, run, iteration, keys(store, index, outputs | {"gold": gold}), gold)
    store.move(moved)
    return moved


def begun(store: Store, name: str = "r1") -> Run:
    config = {"train": {"beta": 0.1, "reference": "previous"}, "seed": 3, "model": {"adapter": None}}
    operational = {"iterations": 2, "export": {}}
    run = Run(name, "self-rewarding", "", "", config, operational, {"python": "3.11"}, begun=BEGAN)
    return close(store, run, 0)


@dataclass(frozen=True)
class Sent:
    """What MLflow's database holds after two pokes (`once`), and after everything was sent again (`again`)."""

    store: Store
    run: Run
    once: dict[str, list[tuple[Any, ...]]]
    again: dict[str, list[tuple[Any, ...]]]
    branch: Run
    said: list[Event]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    """A run of two iterations shown to MLflow by the real exporter and sender; the second one closes while it sends.

    Whoever sends has secrets in the environment.
    """
    store = Store(tmp_path_factory.mktemp("mlflow") / "home")
    said: list[Event] = []
    with store.lock(), pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        run = close(store, begun(store), 1)
        exporter = Exporter(store, "r1", Export(), said.append)
        wait_for(lambda: not owed(store, run, default_uri(store.home)))
        run = close(store, run, 2)
        exporter.poke()
        wait_for(lambda: not owed(store, run, default_uri(store.home)))
        once = database(store)
        forget(store.home, "r1")
        exporter.poke()
        wait_for(lambda: not owed(store, run, default_uri(store.home)))
        exporter.finish()
        again = database(store)
        branch = close(store, fork(store, resolve(store, "r1@1"), "r2"), 2)
        exporter = Exporter(store, "r2", Export(), said.append)
        exporter.finish()
    yield Sent(store, run, once, again, branch, said)


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
    assert params == {"train.beta": "0.1", "train.reference": "previous", "seed": "3", "model.adapter": "null"}


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


def test_a_server_that_refuses_ends_the_sender_and_everything_stays_owed(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = begun(store)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{unused.getsockname()[1]}"
        command = [sys.executable, "-P", "-m", "runs.mlflow_sender", str(store.home), "r1", uri]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"r1: not sent to {uri}, and still owed")
    assert read_mark(store.home, "r1") is None and len(owed(store, run, uri)) == 1


def test_a_server_that_never_answers_holds_nobody_up_and_is_reported(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    said: list[Event] = []
    with store.lock(), socket.socket() as silent:
        run = begun(store)
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        exporter = Exporter(store, "r1", Export(tracking_uri=uri), said.append)
        exporter.poke()
        exporter.finish()
        assert len(owed(store, run, uri)) == 1
        (event,) = said
        assert event.text.startswith(f"1 iteration of r1 could not be sent to MLflow at {uri}: it does not answer;")
        assert "selfsame resume r1" in event.text
        assert store.logs.joinpath("mlflow-r1.log").stat().st_mode & 0o777 == 0o600


def test_whoever_does_not_wait_for_mlflow_is_not_told_that_something_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "HURRIED_PATIENCE_S", 0.0)
    store = Store(tmp_path / "home")
    said: list[Event] = []
    with store.lock():
        run = begun(store)
        exporter = Exporter(store, "r1", Export(), said.append)
        exporter.poke()
        exporter.finish(hurried=True)
    assert len(owed(store, run, default_uri(store.home))) == 1 and not said


def test_a_run_that_wants_no_mlflow_gets_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    said: list[Event] = []
    with store.lock():
        begun(store)
        exporter = Exporter(store, "r1", Export(mlflow=False), said.append)
        exporter.poke()
        exporter.finish()
    assert said == [] and not mlflow_folder(store.home).exists() and not list(store.logs.iterdir())


def test_an_experiment_that_somebody_deleted_comes_back_with_its_pages(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    store = Store(tmp_path / "home")
    uri = default_uri(store.home)
    with store.lock():
        mlflow_folder(store.home).mkdir(mode=0o700)
        begun(store)
        send_owed(store, "r1", uri, MlflowClient(uri))
        before = database(store)
        client = MlflowClient(uri)
        client.delete_experiment(client.get_experiment_by_name(EXPERIMENT).experiment_id)
        forget(store.home, "r1")
        send_owed(store, "r1", uri, client)
    assert client.get_experiment_by_name(EXPERIMENT).lifecycle_stage == "active"
    assert database(store) == before
    assert len(client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])) == 2


def test_what_mlflow_lacks_of_a_run_is_counted_from_both_ends(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = replace(close(store, begun(store), 1), operational={"export": {"mlflow": True, "tracking_uri": None}})
        assert lag(store, replace(run, operational={"export": {"mlflow": False}})) is None
        assert lag(store, replace(run, iteration="")) == 0
        assert lag(store, run) == 2
        sent = store.iteration(run.iteration).parent
        write_mark(store.home, "r1", Mark(default_uri(store.home), sent, "1", "abc", run.begun))
        assert lag(store, run) == len(owed(store, run, default_uri(store.home))) == 1
        store.move(run)
        branch = close(store, fork(store, resolve(store, "r1@1"), "r2"), 2)
        assert lag(store, branch) == len(owed(store, branch, default_uri(store.home))) == 1


def test_a_run_that_is_begun_again_under_a_deleted_name_owes_all_of_itself(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    uri = default_uri(store.home)
    wants = {"export": {"mlflow": True, "tracking_uri": None}}
    with store.lock():
        old = replace(close(store, close(store, begun(store), 1), 2), operational=wants)
        write_mark(store.home, "r1", Mark(uri, old.iteration, "1", "abc", old.begun))
        assert lag(store, old) == len(owed(store, old, uri)) == 0
        store.move(old)
        delete(store, "r1")
        new = replace(begun(store), operational=wants, begun=old.begun + 60)
        assert lag(store, new) == len(owed(store, new, uri)) == 1
        new = close(store, close(store, new, 1), 2)
        assert new.iteration == old.iteration
        assert lag(store, new) == len(owed(store, new, uri)) == 3


def test_only_what_is_new_is_owed_and_a_lost_damaged_or_foreign_mark_owes_all(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = begun(store)
        write_mark(store.home, "r1", Mark("sqlite:////x.db", run.iteration, "1", "abc", run.begun))
        assert owed(store, run, "sqlite:////x.db") == []
        run = close(store, run, 1)
        assert [link.iteration.index for link in owed(store, run, "sqlite:////x.db")] == [1]
        assert [link.iteration.index for link in owed(store, run, "sqlite:////y.db")] == [0, 1]
        path = mark_path(store.home, "r1")
        path.write_bytes(path.read_bytes().replace(b"abc", b"abd"))
        assert [link.iteration.index for link in owed(store, run, "sqlite:////x.db")] == [0, 1]


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


def test_a_branch_shows_its_own_iterations_and_draws_its_ancestors_too(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        r1 = close(store, begun(store), 1)
        r2 = close(store, fork(store, resolve(store, "r1@1"), "r2"), 2)
    assert {point.step for point in inherited_points(store, r2)} == {0, 1} and not inherited_points(store, r1)
    assert series(store, r2, {"judge/score_mean"}) == {"judge/score_mean": {0: 3.0, 1: 4.0, 2: 5.0}}
    assert run_page(store, r2).tags["selfsame.branched_from"] == "r1@1"


def test_another_run_of_a_name_has_another_page(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = begun(store)
    others = run, replace(run, name="r2"), replace(run, begun=run.begun + 1)
    assert len({run_page(store, one).identity for one in others}) == 3
    assert run_page(store, run) == run_page(store, run)


def test_the_plot_of_a_long_run_is_drawn_ever_more_seldom_and_at_its_end() -> None:
    run = Run("r1", "self-rewarding", "", "", {}, {"iterations": 1234}, {})
    drawn = [index for index in range(1, 1235) if is_plotted(run, index)]
    assert drawn[:100] == [*range(1, 101)] and drawn[100:104] == [110, 120, 130, 140] and drawn[-2:] == [1200, 1234]


def test_a_halted_run_does_not_look_finished(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = close(store, begun(store), 1, verdict="halt")
    assert [iteration_page(store, run, link).halted for link in links(store, run)] == [False, True]
    assert run_page(store, run).halted


def test_what_a_model_wrote_cannot_act_or_hide_on_the_page_of_pairs(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with store.lock():
        run = close(store, begun(store), 1)
    outputs = [store.output(name) for name in store.iteration(run.iteration).outputs.values()]
    page = as_html("r1@1", sample_pairs(store, outputs)).decode()
    assert "&lt;script&gt;" in page and "\\u001b" in page and "\\u202e" in page
    assert not [mark for mark in ("<script", "\x1b", "\u202e") if mark in page]


def test_the_pages_are_served_to_this_machine_alone_wherever_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = server_command(Path("home"), 5001)
    options = dict(zip(command[5::2], command[6::2], strict=True))
    assert options["--host"] == "127.0.0.1" and options["--port"] == "5001" and options["--workers"] == "1"
    assert options["--backend-store-uri"] == f"sqlite:///{tmp_path}/home/mlflow/mlflow.db"
    assert run_address(Path("home"), "r1", 5001) == "http://127.0.0.1:5001/"
