"""`status` right after a death: what it says is read off the disk, and nothing there says that something is running."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small import run_small, small_config

from loop.cli import main
from loop.unasked import unasked_steps
from loop.verbs_look import next_step
from runs.lineage import resolve
from runs.naming import fork, tag
from tests.runs.history import new_run

DIES = """
import os, signal, sys
from pathlib import Path
from small import run_small

def die(event):
    if (event.kind, event.address) == ("begin", "r1@1/pair"):
        os.kill(os.getpid(), signal.SIGKILL)

run_small(Path(sys.argv[1]), say=die)
"""


def test_right_after_a_kill_it_says_not_running_and_the_right_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    environment = os.environ | {"PYTHONPATH": path}
    died = subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], env=environment, check=False)
    assert died.returncode == -9
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    assert main(["status", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    (run,) = said["runs"]
    assert (said["running"], said["pid"]) == (False, None)
    assert (run["iteration"], run["under_way"], run["next"]) == (0, ["generate", "judge", "prompts"], "1/pair")
    assert main(["status"]) == 0
    told = capsys.readouterr().out
    assert "Not running" in told and "r1 has 1/pair before it: `selfsame resume r1` goes on there." in told


@pytest.mark.parametrize(
    ("last", "halted", "under_way", "step"),
    [
        (-1, False, [], "0/seed"),
        (-1, False, ["seed"], "0/measure"),
        (-1, False, ["seed", "measure"], "0/audit"),
        (-1, False, ["seed", "measure", "audit"], "0/drift"),
        (-1, False, ["seed", "measure", "audit", "drift", "decide"], "0/gold"),
        (0, False, ["prompts", "generate", "judge", "pair", "train", "measure", "drift"], "1/decide"),
        (0, False, [], "1/prompts"),
        (1, False, ["prompts", "generate", "judge", "pair", "train"], "2/measure"),
        (2, False, [], None),
        (1, True, [], None),
    ],
)
def test_the_step_that_comes_next(last: int, halted: bool, under_way: list[str], step: str | None) -> None:
    drift = {"items": 64, "policy": True}
    config = {"audit": {"items": 64, "every": 2}, "measure": {"anchors": "microworld"}, "drift": drift}
    run = replace(new_run("r1"), under_way=dict.fromkeys(under_way, "s1:"), config=config)
    assert next_step(run, last, halted) == step


USUAL = {"red_team", "revise", "meta", "train_judge", "preference", "prove", "capability", "audit", "drift"}
ANSWERS = {"generate", "revise", "judge", "pair"}
REVISES = {"revise__passes": 1, "train__method": "sft", "train__learn": "revisions"}
IMITATES = {"train__method": "sft", "train__learn": "demonstrations", "train__demonstrations": "microworld"}
LABELS = {"pair__source": "labels", "pair__file": "microworld"}


@pytest.mark.parametrize(
    ("changes", "unasked"),
    [
        ({}, USUAL),
        (REVISES, USUAL - {"revise"} | {"judge", "pair"}),
        (REVISES | {"train__revision": "best"}, USUAL - {"revise"} | {"pair"}),
        (REVISES | {"preference__source": "pairs"}, USUAL - {"revise", "preference"}),
        ({"preference__source": "labels", "preference__labels": "microworld"}, USUAL - {"preference"}),
        ({"train__method": "rl"}, USUAL | ANSWERS),
        ({"train__method": "rl", "preference__source": "hybrid"}, USUAL - {"preference"}),
        (IMITATES, USUAL | ANSWERS),
        (IMITATES | {"preference__source": "pairs"}, USUAL - {"preference"}),
        (IMITATES | {"train__method": "dpo"}, USUAL),
        ({"prompts__red_team_frac": 0.5}, USUAL - {"red_team"}),
        ({"meta_judge__max_frac": 0.25}, USUAL - {"meta"}),
        ({"meta_judge__max_frac": 0.25, "judge__adapter": "own"}, USUAL - {"meta", "train_judge"}),
        (LABELS, USUAL | {"generate", "judge"}),
        (LABELS | {"revise__passes": 1}, USUAL - {"revise"} | {"judge"}),
        (LABELS | {"pair__judged_frac": 0.5}, USUAL),
        (LABELS | REVISES, USUAL - {"revise"} | {"judge", "pair"}),
        (LABELS | IMITATES, USUAL | ANSWERS),
        ({"pair__source": "demonstrations", "pair__file": "microworld", "pair__judged_frac": 0.5}, USUAL | {"judge"}),
        ({"capability__prompts": "microworld"}, USUAL - {"capability"}),
        ({"judge__adapter": "proven"}, USUAL - {"prove"}),
        ({"judge__panel": ["proven"]}, USUAL - {"prove"}),
        ({"drift__items": 4}, USUAL - {"drift"}),
        ({"audit__items": 8, "audit__every": 2}, USUAL - {"audit"}),
        ({"audit__items": 8, "audit__every": 3}, USUAL),
        ({"phases": [{"since": 2, "settings": {"train.method": "rl"}}]}, USUAL | ANSWERS),
        ({"phases": [{"since": 3, "settings": {"train.method": "rl"}}]}, USUAL),
    ],
)
def test_status_leaves_out_the_steps_that_the_settings_leave_out(changes: dict[str, Any], unasked: set[str]) -> None:
    config = small_config(**changes)
    assert unasked_steps(config.semantic(), 2) == unasked
    for index in (0, 1, 2):
        assert unasked_steps(config.semantic(), index) == config.at(index).unasked(index) == config.unasked(index)


def test_branches_tags_and_what_mlflow_lacks_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, _ = run_small(tmp_path, iterations="0")
    export = {"mlflow": True, "tracking_uri": None}
    with store.lock():
        store.move(replace(store.runs()[0], operational=store.runs()[0].operational | {"export": export}))
        store.move(fork(store, resolve(store, "r1"), "r2"))
        tag(store, "r1", "best")
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    assert main(["status", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["tags"] == {"best": "r1@0"}
    assert [(run["run"], run["branched_from"], run["mlflow_lag"]) for run in said["runs"]] == [
        ("r1", None, 1),
        ("r2", "r1@0", 0),
    ]
    assert main(["status"]) == 0
    assert "best is a tag of r1@0" in capsys.readouterr().out
