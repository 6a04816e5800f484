"""`run` and `resume` through the command line, on the stub engine: names, refusals, interruption, extension."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from loop.pipeline import GOLD, steps_of
from loop.showing import ORDER
from runs.lineage import find_run, iterations
from runs.store import Store

STUB = (
    "engine.kind=stub",
    "export.mlflow=false",
    "audit.items=0",
    "drift.items=0",
    "capability.prompts=null",
    "--smoke",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the run `whole`: two iterations that nothing interrupted."""
    folder = tmp_path_factory.mktemp("run") / "home"
    done = selfsame(folder, "run", "self-rewarding", "--name", "whole", "iterations=2", *STUB, "--json")
    assert done.returncode == 0, done.stderr
    return folder


def command(*words: str) -> list[str]:
    return [sys.executable, "-P", "-c", "import sys; from loop.cli import main; sys.exit(main())", *words]


def selfsame(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"SELFSAME_HOME": str(home)}
    return subprocess.run(command(*words), env=environment, capture_output=True, text=True, check=False)


def tip(home: Path, run: str) -> str:
    return find_run(Store(home), run).iteration


def test_a_run_says_what_happened_by_iteration_and_what_to_type_next(home: Path) -> None:
    done = selfsame(home, "resume", "whole")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[3:6]] == ["0", "1", "2"]
    assert "own score" in done.stdout and "gold sampled" in done.stdout
    assert "Its own score of its answers" in done.stdout
    for next_command in ("selfsame log whole", "selfsame mlflow", "selfsame show whole@2", "selfsame resume whole"):
        assert next_command in done.stdout


def test_json_is_the_only_thing_on_standard_output(home: Path) -> None:
    said: dict[str, Any] = json.loads(selfsame(home, "resume", "whole", "--json").stdout)
    assert (said["outcome"], said["exit_code"]) == ("done", 0)
    assert [one["index"] for one in said["iterations"]] == [0, 1, 2]


def test_an_interrupted_run_exits_130_and_resumes_to_the_same_digest(home: Path) -> None:
    words = command("run", "self-rewarding", "--name", "broken", "iterations=2", *STUB)
    # One home of its own: the same keys would else be known from the whole run.
    own = home.parent / "interrupted"
    running = subprocess.Popen(
        words,
        env=os.environ | {"SELFSAME_HOME": str(own)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("broken@1/judge done"):
            break
    running.send_signal(signal.SIGINT)
    said = running.stderr.read()
    assert running.wait() == 130
    assert "selfsame resume broken" in said
    resumed = selfsame(own, "resume", "broken")
    assert resumed.returncode == 0, resumed.stderr
    assert "broken@1/judge done" not in resumed.stderr
    assert tip(own, "broken") == tip(home, "whole")


def test_another_name_for_the_same_work_does_nothing_twice(home: Path) -> None:
    done = selfsame(home, "run", "self-rewarding", "--name", "again", "iterations=2", *STUB)
    assert done.returncode == 0, done.stderr
    assert "done seconds" not in done.stderr
    assert tip(home, "again") == tip(home, "whole")


def test_a_run_without_a_name_gets_a_readable_one(home: Path) -> None:
    said = json.loads(selfsame(home, "run", "self-rewarding", "iterations=0", *STUB, "--json").stdout)
    adjective, noun, number = said["run"].split("-")
    assert adjective.isalpha() and noun.isalpha() and number.isdigit()


def test_more_iterations_extend_a_run_and_change_none_that_was_made(home: Path) -> None:
    assert selfsame(home, "run", "self-rewarding", "--name", "longer", *STUB).returncode == 0
    assert selfsame(home, "resume", "longer", "iterations=2").returncode == 0
    assert tip(home, "longer") == tip(home, "whole")


def test_a_semantic_change_on_resume_is_refused_with_leaf_values_and_step(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(home))
    before = tip(home, "whole")
    assert main(["resume", "whole", "train.beta=0.2"]) == 78
    said = capsys.readouterr().err
    assert all(fact in said for fact in ("train.beta", "0.2", "0.3", "1/train", "selfsame"))
    assert tip(home, "whole") == before


def test_a_name_that_is_taken_is_refused_with_the_way_on(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(home))
    assert main(["run", "self-rewarding", "--name", "whole", *STUB]) == 2
    assert "selfsame resume whole" in capsys.readouterr().err


def test_a_dry_run_says_what_is_known_and_what_comes_first_and_writes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(home))
    runs = len(Store(home).runs())
    idle = "judge.together=true"
    assert main(["run", "self-rewarding", "--dry-run", "--json", "train.beta=0.2", "iterations=2", idle, *STUB]) == 0
    out, err = capsys.readouterr()
    assert "nothing reads judge.together here" in err
    steps = json.loads(out)["steps"]
    assert [(step["index"], step["step"]) for step in steps if not step["done"]] == [(1, "train")]
    assert len(Store(home).runs()) == runs


def test_a_home_that_is_busy_exits_75_with_the_pid(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(home))
    with Store(home).lock():
        assert selfsame(home, "resume", "whole").returncode == 75


def test_a_halt_exits_3_and_stays(home: Path) -> None:
    words = ("self-rewarding", "--name", "halting", "guards.min_pairs=1000", "iterations=1", *STUB)
    for done in (selfsame(home, "run", *words), selfsame(home, "resume", "halting")):
        assert done.returncode == 3
        assert "halted: " in done.stdout and "min_pairs" in done.stdout
    assert len(iterations(Store(home), find_run(Store(home), "halting"))) == 2


def test_show_knows_every_step_in_its_order() -> None:
    assert [step.name for step in (*steps_of(0)[:1], *steps_of(1), GOLD)] == list(ORDER)
