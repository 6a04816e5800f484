"""Phases: iterations with settings of their own, in keys and in what is kept, through resume and branch."""

from pathlib import Path
from typing import Any

import pytest
from small import branch, chain, quiet, run_small, small_config

from loop import drive
from loop.cli import main
from loop.config import Config
from loop.cost import estimate
from loop.load_config import load_config
from loop.show_config import annotated
from runs.errors import ConfigError
from runs.records import Judgment
from runs.store import Store

PHASES: list[dict[str, Any]] = [
    {"since": 2, "settings": {"judge.method": "rubric", "judge.replies": 1, "train.epochs": 3}},
    {"since": 3, "settings": {"generate.samples": 2}},
]


def methods(store: Store, index: int, name: str = "r1") -> set[str]:
    output = chain(store, name)[index].outputs["judge"]
    rows: list[Judgment] = store.all_rows("judgments", store.output(output))
    return {own.method for own in rows}


def test_each_iteration_is_made_with_the_settings_of_its_phase(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, iterations="3", phases=PHASES)
    assert outcome.kind == "done", outcome.reason
    assert [methods(store, index) for index in (1, 2, 3)] == [{"expected"}, {"rubric"}, {"expected"}]
    made = chain(store)
    assert [one.config["train"]["epochs"] for one in made] == [2, 2, 3, 2]
    assert [one.config["generate"]["samples"] for one in made] == [3, 3, 3, 2]
    assert not any("phases" in one.config for one in made)


def test_what_comes_before_a_phase_is_shared_with_a_run_without_it(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, iterations="2")
    drive.begin(store, "r2", "test", small_config(iterations="2", phases=PHASES))
    known: list[str] = []
    drive.carry_on(store, "r2", lambda event: known.append(event.address) if event.kind == "known" else None)
    assert chain(store, "r2")[1].outputs == chain(store)[1].outputs
    assert "r2@1/train" in known and "r2@2/judge" not in known


def test_a_run_with_phases_goes_on_and_branches(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, iterations="1", phases=PHASES)
    config = drive.config_of(drive.existing(store, "r1"))
    assert config.phases == small_config(phases=PHASES).phases
    drive.change(store, "r1", config.model_copy(update={"iterations": 2}))
    assert drive.carry_on(store, "r1", quiet).kind == "done"
    branch(store, "r1@1", "r2", "pair.min_margin=0.25")
    assert drive.carry_on(store, "r2", quiet).kind == "done"
    assert methods(store, 2, "r2") == {"rubric"}
    with pytest.raises(ConfigError, match="phases"):
        drive.change(store, "r1", small_config(iterations="2"))


def test_a_setting_that_only_a_phase_reads_is_kept_with_the_run() -> None:
    config = small_config(judge__principles=3, phases=[{"since": 1, "settings": {"judge.method": "pairwise"}}])
    assert config.at(1).judge.principles == 3 and config.at(0).judge.method == "expected"
    again = Config.model_validate({**config.semantic(), **config.operational()})
    assert again.at(1) == config.at(1)


def test_a_recipe_with_phases_is_shown_as_a_file_that_loads_back(tmp_path: Path) -> None:
    config = load_config("self-rewarding").model_copy(update={"phases": small_config(phases=PHASES).phases})
    (tmp_path / "mine.yaml").write_text(annotated(config))
    assert load_config(str(tmp_path / "mine.yaml")) == config


@pytest.mark.parametrize(
    ("phases", "says"),
    [
        ("[{since: 2, settings: {train.epocs: 3}}]", "train.epocs"),
        ("[{since: 2, settings: {train.epochs: few}}]", "train.epochs='few'"),
        ("[{since: 2, settings: {measure.prompts: 3}}]", "measure.prompts"),
        ("[{since: 2, settings: {judge.base: other}}]", "judge.base"),
        ("[{since: 2, settings: {judge.match: exact}}]", "judge.match"),
        ("[{since: 2, settings: {}}, {since: 1, settings: {}}]", "[2, 1]"),
        ("[{since: 0, settings: {}}]", "since"),
        ("[{settings: {train.epochs: 3}}]", "since"),
        ("later", "phases"),
    ],
)
def test_phases_that_mean_nothing_are_refused_by_name(
    tmp_path: Path, phases: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"phases: {phases}\n")
    assert main(["run", str(recipe), "--name", "r1"]) == 78
    said = capsys.readouterr().err
    assert says in said and len(said) < 1500


def test_what_a_phase_sets_cannot_be_overridden_outside_of_it(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("phases: [{since: 2, settings: {train.epochs: 3}}]\n")
    with pytest.raises(ConfigError, match="recipes show"):
        load_config(str(recipe), ["train.epochs=1"])
    assert load_config(str(recipe), ["train.beta=0.2"]).at(2).train.epochs == 3


def test_the_estimate_counts_each_phase_with_its_own_settings(tmp_path: Path) -> None:
    store = Store(tmp_path)
    whole = estimate(store, small_config(iterations="4", phases=PHASES), [])
    plain = estimate(store, small_config(iterations="4"), [])
    two = estimate(store, small_config(iterations="4", generate__samples=2), [])
    # Of four iterations the last two have two answers a prompt instead of three.
    assert whole.labels == (plain.labels + two.labels) / 2
    assert estimate(store, small_config(iterations="1", phases=PHASES), []) == estimate(
        store, small_config(iterations="1"), []
    )
