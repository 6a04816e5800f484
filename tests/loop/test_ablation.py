"""Taking principles out: branches that share all but the constitution, and what is said of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from scipy import stats
from small import chain, run_small
from statsmodels.stats.multitest import multipletests

from loop import drive
from loop.ablation import Arm, Mode, arms, file_of, said_of
from loop.ablation_effects import PREFERRED, effects
from loop.by_prompt import LENGTH, ByPrompt, by_prompt
from loop.cli import main
from loop.evaluating import seated
from runs.errors import UsageError
from runs.lineage import resolve
from runs.store import Store
from runs.verify import verify
from tests.loop.test_constitution_flips import SETTINGS, A

OPPOSED = A.replace("text: Be brief.", "text: Be brief., opposite: long").replace(
    "propositions:", "  - {id: long, text: Be long., use: [probe]}\npropositions:"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("ablation")
    (folder / "a.yaml").write_text(OPPOSED, encoding="utf-8")
    settings = SETTINGS | {"gold__enabled": "true", "measure__prompts": "12", "constitution": str(folder / "a.yaml")}
    store, outcome = run_small(folder / "home", **settings)
    assert outcome.kind == "done"
    return store


def said(store: Store, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFSAME_HOME", str(store.home))
        assert main(["ablate", "r1@0", "--principles", *words]) == code
    out = capsys.readouterr()
    return json.loads(out.out) if "--json" in words else out.out + out.err


def test_what_it_costs_is_said_before_anything_is_written(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(store.home.rglob("*"))
    found = said(store, capsys, "--modes", "leave-one-out,none,opposite", "--dry-run", "--json")
    assert [one["run"].removeprefix("r1-0-") for one in found["branches"]] == [
        "whole", "without-kind", "without-brief", "without-right", "no-principles", "opposite-brief"
    ]  # fmt: skip
    first = {one["run"]: next(s["step"] for s in one["steps"] if not s["done"]) for one in found["branches"]}
    # With all principles only the guards are others; without one, the run's prompts and answers are recalled.
    assert first.pop("r1-0-whole") == "decide" and set(first.values()) == {"judge"}
    assert found["seconds"] > 0
    page = said(store, capsys, "--dry-run")
    assert "r1-0-without-kind" in page and "comparing the branches' answers comes on top" in page
    assert sorted(store.home.rglob("*")) == before


def test_each_branch_differs_in_its_constitution_alone_and_its_effect_is_paired(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    modes = ("--modes", "leave-one-out,opposite")
    found = said(store, capsys, *modes, "--json")
    names = [one["run"] for one in found["branches"]]
    assert found["measured_at_iteration"] == 1 and not found["stopped"] and found["judge"] == "seed"
    generated = {chain(store, name)[1].outputs["generate"] for name in names}
    judged = {chain(store, name)[1].outputs["judge"] for name in names}
    assert len(generated) == 1 and len(judged) == len(names)
    assert chain(store, "r1-0-whole")[1].outputs["train"] == chain(store, "r1")[1].outputs["train"]
    of_length = {
        one["principle"]: one for one in found["effects"] if one["metric"] == LENGTH and one["mode"] == "leave-one-out"
    }
    whole, without = (
        by_prompt(store, chain(store, f"r1-0-{name}")[1].outputs)[LENGTH] for name in ("whole", "without-kind")
    )
    differences = [without[prompt] - whole[prompt] for prompt in whole]
    wanted = stats.ttest_1samp(differences, 0)
    interval = wanted.confidence_interval()
    one = of_length["kind"]
    assert one["n"] == len(differences) == 12
    assert (one["p"], one["low"], one["high"]) == pytest.approx((wanted.pvalue, interval.low, interval.high))
    of_one = [each for each in found["effects"] if each["metric"] == LENGTH]
    by_holm = multipletests([each["p"] for each in of_one], method="holm")[1]
    assert [each["adjusted"] for each in of_one] == pytest.approx(list(by_holm))
    assert {each["metric"] for each in found["effects"]} >= {PREFERRED, "gold/sampled_mean"}
    assert all(each["adjusted"] is None for each in found["effects"] if each["metric"].startswith("gold/"))
    assert verify(store) == []
    # Asked again it does nothing; with more modes it makes the branches that are missing.
    before = {name: drive.existing(store, name) for name in names}
    assert said(store, capsys, *modes, "--json") == found
    assert {name: drive.existing(store, name) for name in names} == before
    page = said(store, capsys, "--only", "kind")
    assert LENGTH in page and "Next: selfsame diff r1-0-whole r1-0-without-kind" in page
    assert "4 of 5 such trials" in page


def test_a_run_that_has_the_name_of_a_branch_is_not_taken_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text(OPPOSED, encoding="utf-8")
    store, _ = run_small(tmp_path / "home", **SETTINGS | {"iterations": "0", "constitution": str(tmp_path / "a.yaml")})
    run_small(tmp_path / "home", "r1-0-whole", iterations="0", prompts__count="7")
    assert "r1-0-whole exists and is not this branch" in said(store, capsys, code=2)
    assert not list((tmp_path / "home").glob("ablations/*"))


def test_what_cannot_be_taken_out_is_refused(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "kind, brief, right" in said(store, capsys, "--only", "long", code=2)
    told = said(store, capsys, "--only", "kind", "--modes", "opposite", code=2)
    assert "kind: constitution 'a' names no `opposite:` there, but of brief;" in told
    with pytest.raises(UsageError, match="leave-one-out, none, opposite"):
        said_of("both")
    single, _ = run_small(tmp_path, iterations="0")
    with pytest.raises(UsageError, match=r"judge\.method=pairwise judge\.principles=null"):
        arms(resolve(single, "r1"), ("leave-one-out",), (), 1, 1, ())
    compared = arms(resolve(single, "r1"), ("opposite",), (), 1, 1, ("judge.method=pairwise",))
    assert [one.principle for one in compared] == ["", "concise", "no-padding", "decline"]
    with pytest.raises(UsageError, match="somebody else in each iteration"):
        seated(single, drive.config_of(drive.existing(single, "r1")), "self", "pairwise")


@pytest.mark.parametrize(
    ("setting", "way_on"),
    [
        ("constitution=b.yaml", "selfsame branch r1@0 ANOTHER constitution=b.yaml"),
        ("iterations=3", "--iterations N"),
        ("guards.promote=always", "guards only warn"),
    ],
)
def test_a_setting_that_the_ablation_gives_itself_is_refused_with_the_way_on(
    store: Store, capsys: pytest.CaptureFixture[str], setting: str, way_on: str
) -> None:
    told = said(store, capsys, setting, code=2)
    assert setting in told and way_on in told and "given twice" not in told


def test_what_any_branch_would_be_refused_for_is_said_before_one_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text(OPPOSED, encoding="utf-8")
    own, _ = run_small(tmp_path / "home", **SETTINGS | {"iterations": "0", "constitution": str(tmp_path / "a.yaml")})
    refused = [
        (("judge.principle_ids=kind",), "without kind nobody asks by any principle"),
        (("--judge", "self"), "somebody else in each iteration"),
        (("--judge", "r9@3"), "there is no run 'r9'"),
    ]
    for words, why in refused:
        assert why in said(own, capsys, *words, code=2)
    assert [run.name for run in own.runs()] == ["r1"]
    run_small(tmp_path / "home", "r1-0-without-right", iterations="0", prompts__count="7")
    assert "r1-0-without-right exists and is not this branch" in said(own, capsys, code=2)
    assert {run.name for run in own.runs()} == {"r1", "r1-0-without-right"}


def test_of_the_principles_that_are_drawn_as_many_are_as_are_left(store: Store) -> None:
    found = arms(resolve(store, "r1@0"), ("leave-one-out", "none"), ("kind",), 1, 1, ("judge.principles=3",))
    drawn = [[word for word in one.changes if word.startswith("judge.principles=")] for one in found]
    assert drawn == [["judge.principles=3"], ["judge.principles=2"], ["judge.principles=1"]]


def test_two_principles_whose_ids_are_nearly_one_have_a_branch_each(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(A.replace("id: brief", "id: ki-nd").replace("id: right", "id: ki_nd"), "utf-8")
    own, _ = run_small(tmp_path / "home", **SETTINGS | {"iterations": "0", "constitution": str(tmp_path / "a.yaml")})
    assert len({one.name for one in arms(resolve(own, "r1"), ("leave-one-out",), (), 1, 1, ())}) == 4


def test_the_principles_that_a_run_names_are_those_that_are_taken_out(store: Store) -> None:
    found = arms(resolve(store, "r1@0"), ("leave-one-out", "none"), (), 2, 1, ("judge.principle_ids=kind,brief",))
    assert [(one.mode, one.principle, one.seed) for one in found[:4]] == [
        ("whole", "", 0), ("leave-one-out", "kind", 0), ("leave-one-out", "brief", 0), ("none", "", 0)
    ]  # fmt: skip
    assert len({one.name for one in found}) == len(found) == 8
    ids = [[word.partition("=")[2] for word in one.changes if "principle_ids" in word] for one in found[:4]]
    assert ids == [["kind,brief"], ["brief"], ["kind"], ["no-principle"]]
    assert [word for word in found[5].changes if word.startswith("seed=")] == ["seed=1"]
    assert file_of(store, found[1]).parent == store.home / "ablations"


def test_of_several_seeds_each_gives_one_number(store: Store) -> None:
    (known,) = arms(resolve(store, "r1@0"), (), (), 1, 1, ())
    lengths: dict[tuple[Mode, int], list[float]] = {
        ("whole", 0): [1, 2, 3], ("whole", 1): [2, 2], ("leave-one-out", 0): [2, 3, 5], ("leave-one-out", 1): [2, 3]
    }  # fmt: skip
    made = [Arm(mode, "kind", seed, f"{mode}-{seed}", known.constitution, ()) for mode, seed in lengths]
    measured = {
        one.name: {LENGTH: {f"{one.seed} {n}": value for n, value in enumerate(lengths[one.mode, one.seed])}}
        for one in made
    }
    (one,) = effects(measured, made)
    wanted = stats.ttest_1samp([4 / 3, 0.5], 0)
    assert one.n == 2 and (one.value, one.p) == pytest.approx((11 / 12, wanted.pvalue))
    same: dict[str, ByPrompt] = {name: {LENGTH: {"p": 1.0, "q": 1.0}} for name in measured}
    (nothing,) = effects(same, [each for each in made if each.seed == 0])
    assert (nothing.value, nothing.low, nothing.p, nothing.found) == (0.0, 0.0, 1.0, False)
