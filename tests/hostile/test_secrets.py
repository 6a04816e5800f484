"""Six canary secrets through everything that writes or shows: none leaves a trace, no worker sees one, and what is
written is nobody else's to read. (J1, J2, J3)"""

import base64
import io
import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from loop.cli import main
from loop.userinfo import holds_userinfo, without_userinfo
from runs.store import Store
from tests.hostile.canaries import CANARIES, ENVIRONMENT, URI, Seen, forms, traces, traces_below, watched
from tests.hostile.conftest import Said, Types
from tests.loop.small import run_small
from tests.loop.test_stopping import TINY
from trainers.stub_faults import VARIABLE, Fault, write_faults

ROOT = Path(__file__).parents[2]
SMALL = tuple(word for word in TINY if not word.startswith("export."))
PROGRAM = "import sys; from loop.cli import main; sys.exit(main())"
AWAY = "export.tracking_uri=https://127.0.0.1:9"
"""Nobody is there, and the way to it is through the proxy."""


@dataclass(frozen=True)
class Story:
    """What became of the commands of a day with all secrets in the environment, and who was to be seen meanwhile."""

    folder: Path
    home: Path
    said: dict[str, Said]
    seen: Seen
    outage: str
    """What was in MLflow's log while it was away; the log begins anew with each start."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A run whose engine and trainer crash, a daemon that goes on with it while MLflow is away, and what is shown of it
    all. What MLflow gets where it is there is looked through in tests/runs/test_mlflow.py."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "tmp").mkdir()
    environment = {
        **ENVIRONMENT,
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "SELFSAME_HOME": str(folder / "home"),
        VARIABLE: str(folder / "faults.json"),
        "MLFLOW_LOGGING_LEVEL": "DEBUG",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    roots = {"we": os.getpid()}
    said: dict[str, Said] = {}

    def selfsame(what: str, *words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROGRAM, *words],
            cwd=folder,
            env=environment,
            umask=0o022,  # as most people's is
            capture_output=True,
            text=True,
            check=False,
        )
        said[what] = Said(done.returncode, done.stdout, done.stderr)

    crashes = [Fault("Write", "out of memory"), Fault("train", "out of memory"), Fault("train", "die", times=9)]
    mlflow_log = folder / "home" / "logs" / "mlflow-r1.log"
    with watched(roots) as seen:
        write_faults(folder / "faults.json", crashes)
        calm = ("limits.worker_attempts=2", "export.mlflow=false")
        selfsame("crash", "run", "self-rewarding", "--name", "r1", *SMALL, *calm)
        write_faults(folder / "faults.json", [])
        selfsame("detach", "daemon", "run", "--detach", "--json")
        roots["the daemon"] = json.loads(said["detach"].out)["pid"]
        try:
            selfsame("submit", "daemon", "submit", "--resume", "r1", "export.mlflow=true", AWAY)
            _wait_for('"how":"done"', folder / "home" / "control" / "queue.json")
            _wait_for("not sent to", mlflow_log)
            outage = mlflow_log.read_text()
            selfsame("daemon status", "daemon", "status", "--json")
        finally:
            selfsame("stop", "daemon", "stop")
        for words in (("log", "r1"), ("status",), ("show", "r1"), ("show", "r1@1/train")):
            said[" ".join(words)] = _looked(environment, *words)
    return Story(folder, folder / "home", said, seen, outage)


def _looked(environment: dict[str, str], *words: str) -> Said:
    """What a verb shows that only looks, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in environment.items():
            patch.setenv(name, value)
        code = main([*words])
    return Said(code, out.getvalue(), err.getvalue())


def _wait_for(words: str, path: Path) -> None:
    end = time.monotonic() + 300
    while not path.exists() or words not in path.read_text():
        assert time.monotonic() < end, f"{words!r} never came"
        time.sleep(0.1)


def test_everything_that_could_leak_has_happened(story: Story) -> None:
    codes = {what: said.code for what, said in story.said.items() if said.code}
    assert codes == {"crash": 69}, story.said
    assert "killed by SIGKILL" in story.said["crash"].err
    logs = {path.name: path.read_text() for path in (story.home / "logs").iterdir()}
    assert any("Traceback" in text and "MemoryError" in text for text in logs.values())
    assert "not sent to https://127.0.0.1:9" in story.outage and "roxy" in story.outage
    assert any(b"runs.mlflow_sender" in title for title in story.seen.titles)
    assert len(story.seen.of_workers) > 2


def test_no_secret_is_in_anything_that_was_written(story: Story) -> None:
    assert traces_below(story.folder) == {} and traces(story.outage.encode()) == []


def test_no_secret_is_in_anything_that_was_printed(story: Story) -> None:
    assert {what: names for what, said in story.said.items() if (names := traces(repr(said).encode()))} == {}


def test_no_secret_is_in_a_command_line_or_a_title_of_a_process(story: Story) -> None:
    assert [title for title in story.seen.titles if traces(title)] == []


def test_no_worker_sees_a_secret_or_a_way_out(story: Story) -> None:
    for environment in story.seen.of_workers:
        assert traces(environment) == []
        names = {entry.partition(b"=")[0].decode() for entry in environment.split(b"\0")}
        assert not names & set(ENVIRONMENT)


def open_to_others(folder: Path) -> list[Path]:
    """The files below a folder that somebody else could read, and the folders that he could list."""
    if not folder.stat().st_mode & 0o011:
        return []
    inside = [path for path in folder.iterdir() if not path.is_symlink()]
    below = [path for inner in inside if inner.is_dir() for path in open_to_others(inner)]
    return below + [path for path in inside if path.stat().st_mode & 0o044]


def test_nobody_else_can_read_anything_in_a_home(story: Story) -> None:
    assert stat.S_IMODE(story.home.stat().st_mode) == 0o700
    assert open_to_others(story.home) == []
    parts = {path.name for path in story.home.iterdir()}
    assert parts >= {"objects", "receipts", "refs", "adapters", "logs", "scratch", "control", "lock"}
    assert [part for part in parts if (story.home / part).stat().st_mode & 0o077] == []


def test_nobody_else_can_read_what_is_put_into_a_folder_that_all_may_enter(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)
    before = os.umask(0o022)
    try:
        run_small(tmp_path / "home", iterations=1)
    finally:
        os.umask(before)
    assert open_to_others(tmp_path / "home") == []


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A run in a home that is this person's."""
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return run_small(tmp_path / "home", iterations=0)[0]


def test_an_address_with_a_password_is_refused_at_every_door_and_leaves_no_trace(
    begun: Store, tmp_path: Path, types: Types
) -> None:
    (tmp_path / "recipe.yaml").write_text(f"engine: {{kind: stub}}\nexport:\n  tracking_uri: {URI}\n")
    setting = f"export.tracking_uri={URI}"
    doors = (
        ("run", "self-rewarding", setting),
        ("run", str(tmp_path / "recipe.yaml")),
        ("run", "self-rewarding", setting, "--dry-run"),
        ("resume", "r1", setting),
        ("branch", "r1@0", "r2", setting),
        ("daemon", "submit", "self-rewarding", setting),
        ("daemon", "submit", "--resume", "r1", setting),
        ("recipes", "show", "self-rewarding", setting),
        # Mistyped, it is refused for that, and not shown either.
        ("run", "self-rewarding", f"export.tracking_url={URI}"),
        ("run", "self-rewarding", f"seed={URI}"),
        ("run", "self-rewarding", URI),
        ("run", URI),
        (
            "run",
            "self-rewarding",
            f"export.tracking_uri=postgresql://somebody:{CANARIES['export.tracking_uri']}@host/db",
        ),
        ("run", "self-rewarding", f"prompts.source={URI}/prompts.jsonl"),
    )
    for words in doors:
        for asked in (words, (*words, "--json")):
            said = types(*asked)
            assert said.code == (2 if words == ("run", URI) else 78), (asked, said)
            assert traces(repr(said).encode()) == [], asked
            if setting in words or words[1:] == (str(tmp_path / "recipe.yaml"),):
                assert "export.tracking_uri" in said.err and "MLFLOW_TRACKING_PASSWORD" in said.err
    (tmp_path / "recipe.yaml").unlink()
    assert traces_below(tmp_path) == {}


def test_a_bug_keeps_no_password_in_its_traceback(
    begun: Store, tmp_path: Path, types: Types, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Path:
        raise ValueError(f"cannot reach {URI}/path")

    monkeypatch.setattr("loop.verbs_look.home", fail)
    said = types("status")
    assert said.code == 1 and "cannot reach http://***@127.0.0.1:9/path" in said.err
    (kept,) = tmp_path.glob("*.traceback")
    assert "in fail" in kept.read_text() and traces(kept.read_bytes()) == []


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("http://me:secret@host:5000", True),
        ("https://token@host", True),
        ("http://me:se/cr@et@host", True),
        ("http://me:se cret@host", True),
        ("postgresql+psycopg://me:secret@host/db", True),
        ("http://host:5000/a@b", True),  # nobody's path looks so, and a password with a slash does
        ("http://host:5000", False),
        ("sqlite:////home/me@work/mlflow.db", False),
        ("file:///home/me@work", False),
        ("me@host", False),
    ],
)
def test_a_user_or_a_password_in_an_address_is_seen(address: str, holds: bool) -> None:
    assert holds_userinfo(address) == holds


def test_an_address_is_shown_without_its_user_and_password_and_the_rest_of_the_text_stays() -> None:
    said = "not sent to http://me:s@cret@host:1/x, and r1@3 is owed"
    assert without_userinfo(said) == "not sent to http://***@host:1/x, and r1@3 is owed"


def test_a_secret_is_found_in_every_form(tmp_path: Path) -> None:
    for name, secret in CANARIES.items():
        for before in ("", "a", "ab", "abc"):
            whole = f"{before}{secret} and more".encode()
            assert traces(base64.b64encode(whole)) == traces(base64.urlsafe_b64encode(whole)) == traces(whole) == [name]
        assert min(map(len, forms(secret))) > 8
    (tmp_path / "x").write_text(f"--uri={URI}")
    assert traces_below(tmp_path) == {str(tmp_path / "x"): ["export.tracking_uri"]}
