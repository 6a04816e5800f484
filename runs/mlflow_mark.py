"""Where MLflow is, and how much of a run it has been sent. A mark that is lost costs work and nothing else."""

from dataclasses import asdict, dataclass
from pathlib import Path

from runs.durable import make_folder, read_checked, write_checked
from runs.errors import CorruptError
from runs.lineage import Link, first_own, links
from runs.records import Run
from runs.store import Store


@dataclass(frozen=True)
class Mark:
    """Everything up to `iteration` was sent to `uri`; the ids are MLflow's own, of the page of the run.

    `begun` is the run's, which tells it from one of its name before a `delete`.
    """

    uri: str
    iteration: str
    experiment_id: str
    run_id: str
    begun: float = 0.0  # marks of older versions have none, and are as good as lost


def default_uri(home: Path) -> str:
    """MLflow's address where none is configured: a SQLite file in selfsame's home, whatever folder one is in."""
    return f"sqlite:///{mlflow_folder(home) / 'mlflow.db'}"


def wanted_uri(home: Path, run: Run) -> str:
    """MLflow's address as the run wants it."""
    return run.operational["export"].get("tracking_uri") or default_uri(home)


def mlflow_folder(home: Path) -> Path:
    """What MLflow itself keeps in a home: its database, and the files of its pages. Can be rebuilt from the store."""
    return home.resolve() / "mlflow"


def owed(store: Store, run: Run, uri: str) -> list[Link]:
    """The run's own iterations that were not sent to `uri` yet, oldest first."""
    return links(store, run, since=_sent(store, run, uri) + 1)


def lag(store: Store, run: Run) -> int | None:
    """How many of the run's own iterations its MLflow does not show yet; None for a run that wants no MLflow."""
    export = run.operational.get("export", {})
    if not export.get("mlflow"):
        return None
    # Counted from the two ends of what is owed: a chain of thousands is not read for it.
    return store.iteration(run.iteration).index - _sent(store, run, wanted_uri(store.home, run)) if run.iteration else 0


def _sent(store: Store, run: Run, uri: str) -> int:
    """The number up to which the run's iterations were sent to `uri`, or are another run's to send."""
    others, mark = first_own(run) - 1, read_mark(store.home, run.name)
    if mark is None or (mark.uri, mark.begun) != (uri, run.begun) or not store.has(mark.iteration):
        return others
    return max(others, store.iteration(mark.iteration).index)


def read_mark(home: Path, run: str) -> Mark | None:
    """How much of the run was sent; None where nothing was, or where the mark is lost or damaged."""
    try:
        value = read_checked(mark_path(home, run))
    except CorruptError:
        return None
    return None if value is None else Mark(**value)


def write_mark(home: Path, run: str, mark: Mark) -> None:
    """Note how much of the run was sent."""
    make_folder(home / "control")
    write_checked(mark_path(home, run), asdict(mark))


def forget(home: Path, run: str) -> None:
    """Have the whole run sent again, which restores what is gone there and changes nothing that is there."""
    mark_path(home, run).unlink(missing_ok=True)


def mark_path(home: Path, run: str) -> Path:
    """Where the mark of a run is."""
    return home / "control" / f"mlflow-{run}.json"
