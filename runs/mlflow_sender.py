"""The program that sends to MLflow what is owed: `python -P -m runs.mlflow_sender HOME RUN [URI]`.

It sends at once, again for each line on its standard input, and ends when that does: the loop pokes it after each
iteration and never waits. What fails is said in a line and tried again after RETRY_S; whatever was not sent stays owed,
and the exit code is 1 if that is so at the end.
Everything goes to explicit pages (MLflow runs) that are found by a tag or made, so sending again doubles nothing.
"""

import json
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runs.audit_report import audit_files
from runs.audit_subject import subject_of, with_subject
from runs.constitution_registry import constitution_version
from runs.durable import make_folder
from runs.errors import SelfsameError
from runs.figures import PLOTTED, loss_curve, run_panel
from runs.lineage import Link, find_run, first_own
from runs.lock import hold
from runs.mlflow_database import die_with_parent, make_database
from runs.mlflow_mark import Mark, default_uri, mark_path, mlflow_folder, owed, write_mark
from runs.outbox import Page, Point, inherited_points, iteration_page, receipts_of, run_page, series
from runs.output import Output
from runs.pair_table import as_html, as_json, sample_pairs
from runs.records import Run
from runs.report import report_and_figures
from runs.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

EXPERIMENT = "selfsame"
PAGE_TAG = "selfsame.page"
RETRY_S = 30.0
"""How long a server that failed is left alone."""
STALL_S = 300
"""Longest work on one page. The kernel ends the program then, also in the middle of a call that never returns."""

# MLflow waits for a dead server for minutes: 7 retries, backing off, of 120 s each.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def main(arguments: Sequence[str]) -> int:
    """Send what is owed, now and at each poke. Returns the exit code."""
    store, name = Store(Path(arguments[0])), arguments[1]
    uri = arguments[2] if len(arguments) > 2 else default_uri(store.home)
    os.nice(10)  # it takes the processor time that engine and trainer leave
    die_with_parent()
    signal.alarm(STALL_S)
    for setting, value in SETTINGS.items():
        os.environ.setdefault(setting, value)
    from mlflow.exceptions import MlflowException

    while True:
        sent = True
        signal.alarm(STALL_S)
        try:
            send_owed(store, name, uri)
        except (MlflowException, SelfsameError, OSError) as error:
            sent = False
            print(f"{name}: not sent to {uri}, and still owed: {error}", file=sys.stderr, flush=True)
        signal.alarm(0)
        if not _wait(None if sent else RETRY_S):
            return 0 if sent else 1


def _wait(seconds: float | None) -> bool:
    """Wait for a poke or, if `seconds` are given, so long whoever pokes. False once standard input has ended."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([sys.stdin.fileno()], [], [], left)[0]:
            return True
        if not os.read(sys.stdin.fileno(), 1 << 16):
            return False
        if deadline is None:
            return True


def send_owed(store: Store, name: str, uri: str) -> None:
    """Make MLflow show every iteration that the run has closed, and mark each one as sent."""
    from mlflow import MlflowClient

    run = find_run(store, name)
    links = owed(store, run, uri)
    if not links:
        return
    make_folder(mark_path(store.home, name).parent)
    # Two senders at once would each find no page and make one.
    with hold(mark_path(store.home, name).with_suffix(".lock")):
        make_folder(mlflow_folder(store.home))  # before MLflow makes it, for all to read
        make_database(store, uri)
        client = MlflowClient(uri)  # which opens the database, and would make it in its place
        experiment_id = _experiment(client, store.home, uri)
        version = _registered(client, store, run)
        page = run_page(store, run)
        # What it shares with its ancestors goes with its first own iteration.
        begins = links[0].iteration.index == first_own(run)
        run_id = _put(client, experiment_id, page, inherited_points(store, run) if begins else (), version)
        if page.halted or any(is_plotted(run, link.iteration.index) for link in links):
            page_of_drift, pictures = report_and_figures(store, run)
            pictures = {f"{what}.png": data for what, data in pictures.items()}
            _attach(
                client,
                run_id,
                {
                    "metrics.png": run_panel(name, series(store, run, PLOTTED)),
                    "report.html": page_of_drift.encode("utf-8", "backslashreplace"),
                    **pictures,
                },
            )
        _close(client, run_id, page)
        for link in links:
            signal.alarm(STALL_S)
            _send_iteration(client, experiment_id, run_id, store, run, link, version)
            write_mark(store.home, name, Mark(uri, link.closing.iteration, experiment_id, run_id, run.begun))


def is_plotted(run: Run, index: int) -> bool:
    """Whether the run's plot, for which all of it is read, is drawn at this iteration: the last one that is wanted,
    and those with no more than two digits that are not 0, so that no plot lacks more than a tenth of its run."""
    return index == run.operational["iterations"] or not str(index)[2:].strip("0")


def _registered(client: "MlflowClient", store: Store, run: Run) -> dict[str, str]:
    """The tags that name the run's constitution in MLflow's prompt registry; none where there is no such registry."""
    from mlflow.exceptions import MlflowException

    try:
        found = constitution_version(client, store, run)
    except MlflowException as error:  # nothing that is owed waits for it
        print(f"{run.name}: its constitution was not registered: {error}", file=sys.stderr, flush=True)
        return {}
    if found is None:
        return {}
    name, version = found
    linked = [{"name": name, "version": str(version)}]
    return {"selfsame.constitution_version": f"prompts:/{name}/{version}", "mlflow.linkedPrompts": json.dumps(linked)}


def _send_iteration(
    client: "MlflowClient",
    experiment_id: str,
    run_id: str,
    store: Store,
    run: Run,
    link: Link,
    version: dict[str, str],
) -> None:
    page = iteration_page(store, run, link)
    below = {"mlflow.parentRunId": run_id, **version}
    child_id = _put(client, experiment_id, page, page.points + page.curve, below)
    client.log_batch(run_id, metrics=_metrics(page.points))
    outputs = [store.output(digest) for digest in link.iteration.outputs.values()]
    pairs = sample_pairs(store, outputs)
    audits = [_audit(store, run, link, page.name, own) for own in outputs if own.step == "audit"]
    _attach(
        client,
        child_id,
        {
            "loss.png": loss_curve(page.name, page.curve),
            "pairs.html": as_html(f"{page.name}: {len(pairs)} of its preference pairs", pairs) if pairs else None,
            "pairs.json": as_json(pairs) if pairs else None,
            **{name: data for files in audits for name, data in files.items()},
        },
    )
    if pairs:
        client.set_tag(child_id, "mlflow.loggedArtifacts", '[{"path": "pairs.json", "type": "table"}]')
    _close(client, child_id, page)


def _audit(store: Store, run: Run, link: Link, address: str, audited: Output) -> dict[str, bytes]:
    """The iteration's audit as files, with what it was of."""
    subject = subject_of(address, receipts_of(store, run, link)["audit"], link.iteration.config)
    return audit_files(with_subject(audited.values["audit"], subject), f"The judge of {address}")


def _experiment(client: "MlflowClient", home: Path, uri: str) -> str:
    """The id of the experiment that holds all pages. A server keeps files where it likes, a database none."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        if found.lifecycle_stage == "deleted":  # its name cannot be given again, and all that it held is still there
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    files = mlflow_folder(home) / "artifacts"
    served = urlsplit(uri).scheme in ("http", "https")
    return str(client.create_experiment(EXPERIMENT, artifact_location=None if served else files.as_uri()))


def _put(client: "MlflowClient", experiment_id: str, page: Page, points: Sequence[Point], above: dict[str, str]) -> str:
    """The id of the page in MLflow, made if it is not there, with points, parameters and tags, `above` among them."""
    from mlflow.entities import Param, RunTag

    found = client.search_runs([experiment_id], f"tags.`{PAGE_TAG}` = '{page.identity}'", max_results=1)
    if found:
        run_id = found[0].info.run_id
    else:
        tags = {PAGE_TAG: page.identity, **above}
        made = client.create_run(experiment_id, start_time=page.began_ms, tags=tags, run_name=page.name)
        run_id = made.info.run_id
    params = [Param(name, text) for name, text in page.params.items()]
    tags = page.tags | above
    client.log_batch(run_id, _metrics(points), params, [RunTag(name, text) for name, text in tags.items()])
    return str(run_id)


def _close(client: "MlflowClient", run_id: str, page: Page) -> None:
    """Give the page its end. A halt shows as MLflow's "killed": no failure, and no ordinary end either."""
    client.set_terminated(run_id, "KILLED" if page.halted else "FINISHED", end_time=page.ended_ms)


def _attach(client: "MlflowClient", run_id: str, files: dict[str, bytes | None]) -> None:
    with tempfile.TemporaryDirectory(prefix="selfsame-mlflow-") as folder:
        for name, data in files.items():
            if data is not None:
                Path(folder, name).write_bytes(data)
        client.log_artifacts(run_id, folder)


def _metrics(points: Sequence[Point]) -> "list[Metric]":
    from mlflow.entities import Metric

    return [Metric(point.name, point.value, point.time_ms, point.step) for point in points]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
