"""The long benchmarks of reliability fail where they find something wrong."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cells, outage, simulated_years, workers

WHOLE = {"iterations_owed_after": 0, "points": 534, "missing": 0, "strangers": 0, "doubled": 0}
WELL = {"named": 20, "recovered": 20, "left_nothing": 20, "largest_log_mib": 32.0, "of": 20}
LOOK = {"processor_ms": 40.0, "rss_mib": 200.0, "fds": 9, "threads": 3, "children": 2, "children_rss_mib": 300.0}


@pytest.mark.parametrize(
    "wrong", [{"missing": 1}, {"strangers": 1}, {"doubled": 2}, {"iterations_owed_after": 1}, {"points": 0}]
)
def test_points_that_are_not_those_of_the_store_are_bad(wrong: dict[str, int]) -> None:
    assert not outage.what_is_bad(WHOLE)
    assert outage.what_is_bad(WHOLE | wrong) == list(wrong)


def test_an_outage_that_holds_the_loop_up_is_bad_and_so_are_kills_that_came_too_late() -> None:
    assert not outage.what_is_bad(WHOLE | {"within": True})
    assert outage.what_is_bad(WHOLE | {"within": False}) == ["within"]
    assert not outage.what_is_bad(WHOLE | {"kills": outage.KILLS})
    assert outage.what_is_bad(WHOLE | {"kills": outage.KILLS - 1}) == ["kills"]


@pytest.mark.parametrize(
    "wrong", [{"named": 19}, {"recovered": 0}, {"left_nothing": 19}, {"largest_log_mib": 64.1}], ids=str
)
def test_a_trial_of_a_worker_that_does_not_end_well_is_bad(wrong: dict[str, float]) -> None:
    assert not workers.what_is_bad(WELL)
    assert workers.what_is_bad(WELL | wrong) == list(wrong)


@pytest.mark.parametrize(
    "late",
    [
        {"processor_ms": 61.0},
        {"rss_mib": 220.1},
        {"fds": 10},
        {"threads": 4},
        {"children": 3},
        {"children_rss_mib": 361.0},
    ],
    ids=str,
)
def test_what_grows_over_years_is_bad(late: dict[str, float]) -> None:
    early = [LOOK] * (simulated_years.LOOKS - 4)
    assert not simulated_years.what_grew([*early, *[LOOK] * 5])
    assert simulated_years.what_grew([*early, *[LOOK | late] * 5]) == list(late)


def test_caches_that_fill_at_first_are_no_growth() -> None:
    empty = {what: value / 2 for what, value in LOOK.items()}
    assert not simulated_years.what_grew([empty, empty, *[LOOK] * (simulated_years.LOOKS - 1)])


def test_a_suite_fails_if_the_last_row_of_a_cell_that_was_asked_for_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "RESULTS", tmp_path)
    one, another, old = {"fault": "one"}, {"fault": "another"}, {"fault": "no longer tried"}

    def wrote(cell: dict[str, str], bad: Any) -> None:
        with (tmp_path / "suite.jsonl").open("a") as file:
            file.write(json.dumps({"cell": cell, "result": {"bad": bad}}) + "\n")

    wrote(old, ["missing"])
    wrote(one, ["missing"])
    with pytest.raises(SystemExit, match="missing"):
        cells.refuse_bad("suite", [one, another])
    wrote(one, [])
    wrote(another, [])
    cells.refuse_bad("suite", [one, another])
    wrote(another, ["doubled"])
    with pytest.raises(SystemExit, match=r"another.+doubled"):
        cells.refuse_bad("suite", [one, another])


def test_a_row_names_the_commit_at_which_its_cell_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "RESULTS", tmp_path / "results")

    def git(*words: str) -> str:
        own = ["-c", "user.name=n", "-c", "user.email=e"]
        return subprocess.run(["git", *own, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    def changed(cell: dict[str, Any]) -> dict[str, Any]:
        (tmp_path / "code").write_text(cell["says"])
        return {}

    (tmp_path / "code").write_text("first")
    for words in (("init", "-q"), ("add", "code"), ("commit", "-qm", "first")):
        git(*words)
    first = git("rev-parse", "--short=12", "HEAD").strip()
    cells.run_cells("suite", [{"says": "second"}, {"says": "third"}], changed, fresh=False)
    assert [row["commit"] for row in cells.rows("suite")] == [first, f"{first}-dirty"]
