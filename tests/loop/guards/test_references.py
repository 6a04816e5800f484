"""Like is held against like: what is measured otherwise than before has no reference, and becomes one."""

import math
from pathlib import Path
from typing import Any

import pytest
from small import SMALL, branch, chain, quiet, run_small, small_config

from constitutions.load import constitution_file
from loop import drive
from loop.cli import main
from loop.config_guards import Guards
from loop.guards.decision import Kept, Standing, conclude
from loop.guards.examine import examine
from loop.guards.finding import Finding
from loop.guards.limits import within
from loop.guards.references import without_reference
from loop.guards.rules import Limit
from loop.guards.seen import Seen
from loop.steps.turn import Turn
from loop.steps.yardsticks import yardsticks
from runs.lineage import decision_of
from runs.store import Store

STREAM, METRIC = "held-out/seed_judge_score", "judge/score_sd"
HASHED: dict[str, str] = dict(SMALL["guards"]["actions"])  # type: ignore[index,arg-type]


def seen(index: int, score: float | None = 0.6, spread: float | None = 1.0, **by: str) -> Seen:
    """An iteration whose judge is `judge`; a kind that is not named is off."""
    return Seen(
        index,
        {} if spread is None else {METRIC: spread},
        {} if score is None else {STREAM: {str(item): score for item in range(100)}},
        kinds={METRIC: "verdicts", STREAM: "drift.judge"},
        yardsticks={"answers": "same", **by},
    )


def one(found: list[Finding], guard: str) -> Finding:
    (only,) = (finding for finding in found if finding.guard == guard)
    return only


OLD, NEW = {"verdicts": "old", "drift.judge": "old"}, {"verdicts": "new", "drift.judge": "new"}
SEED = seen(0, **OLD)
OF = {"seed": SEED, "previous": SEED, "best": SEED}


def test_what_another_judge_measures_is_held_against_nothing_first_and_then_against_the_first_of_its_kind() -> None:
    found = examine(Guards(), seen(1, 0.2, 0.1, **NEW), OF)
    for guard in ("seed_judge_fell", "min_score_sd_times"):
        said = one(found, guard)
        assert said.passed and said.limit is None and said.beside["anew"] and "reference from here on" in said.says
    first = seen(1, 0.6, 2.0, **NEW)
    later = examine(Guards(), seen(2, 0.2, 0.1, **NEW), OF, look=2, anew=[first])
    assert (one(later, "seed_judge_fell").passed, one(later, "seed_judge_fell").beside["worst"]) == (False, 1)
    assert (one(later, "min_score_sd_times").reference, one(later, "min_score_sd_times").passed) == (2.0, False)
    # Who judges as at first again is held against the first again.
    again = examine(Guards(), seen(3, 0.2, 1.0, **OLD), OF, look=2, anew=[first])
    assert one(again, "seed_judge_fell").beside["worst"] == 0


def test_what_is_turned_off_is_not_asked_for_and_what_is_gone_is() -> None:
    names = {finding.guard for finding in examine(Guards(), seen(1, None, 1.0, verdicts="old"), OF)}
    assert "seed_judge_fell" not in names and "min_score_sd_times" in names
    gone = examine(Guards(), seen(1, None, None, **OLD), OF)
    assert not one(gone, "seed_judge_fell").passed and not one(gone, "min_score_sd_times").passed


def test_a_stream_that_is_turned_on_later_is_guarded_from_then_on() -> None:
    of = dict.fromkeys(("seed", "previous", "best"), seen(0, None, None))
    first = seen(1, 0.6, **OLD)
    assert one(examine(Guards(), first, of), "seed_judge_fell").beside["anew"]
    fell = one(examine(Guards(), seen(2, 0.2, **OLD), of, look=2, anew=[first]), "seed_judge_fell")
    assert not fell.passed and fell.beside["alpha"] > 0
    gone = one(examine(Guards(), seen(3, None, **OLD), of, look=3, anew=[first]), "seed_judge_fell")
    assert not gone.passed


def test_the_budget_is_split_over_the_tests_that_have_something_to_hold_against() -> None:
    alpha = one(examine(Guards(), seen(1, **OLD), OF), "seed_judge_fell").beside["alpha"]
    assert alpha == pytest.approx(0.05 * 6 / math.pi**2)


@pytest.mark.parametrize("broken", [math.nan, 1.5])
def test_what_is_no_number_is_no_reference_either(broken: float) -> None:
    found = examine(Guards(), seen(1, broken, **NEW), OF)
    assert not one(found, "seed_judge_fell").passed


def test_what_a_person_demands_must_be_measured_whatever_the_settings_are() -> None:
    limit = Limit(name="own", metric=METRIC, at_least=0.5, of="seed", group="judge")
    found = within(limit, seen(1, 0.6, None, **{"drift.judge": "old"}), OF, 1.0)
    assert found is not None and not found.passed


def test_the_first_of_its_kind_is_remembered_if_it_is_promoted_and_forgotten_if_it_is_undone() -> None:
    anew = without_reference("g", METRIC, "seed", seen(2, **NEW), "judge", "warn", False)
    assert anew is not None
    standing = Standing(Kept(0, "p0"), Kept(1, "p1"), Kept(0, "p0"), recent=(Kept(1, "p1"),))
    kept = Kept(2, "p2", {}, NEW)
    beside = {"gain_log10_e": 0.0, "alpha": 0.01}
    no_gain = Finding("test", "s", 0.0, 3.0, True, "s stayed", "quality", "roll_back", beside=beside)
    after = conclude(Guards(), [anew, no_gain], kept, standing).standing
    assert after.anew == (kept,) and after.best.policy == "p0"
    fell = Finding("fell", "s", 9.0, 3.0, False, "s fell", "quality", "roll_back", beside={"worst": 2, "n": 9})
    assert conclude(Guards(), [fell], Kept(7, "p7"), after).policy == "p2"
    undone = Finding("fell", "s", 9.0, 3.0, False, "s fell", "quality", "roll_back", beside={"worst": 0, "n": 9})
    assert conclude(Guards(), [undone], Kept(3, "p3"), after).standing.anew == ()
    held = Finding("g", "m", 2.0, 1.0, False, "m is 2", "judge", "reject")
    assert conclude(Guards(), [anew, held], kept, standing).standing.anew == ()


LOOSE = dict.fromkeys(("max_at_high_frac", "max_fooled_frac", "max_commonest_answer_plus"), "off")
MEASURED: dict[str, object] = {"drift": {"items": "6", "samples": "2"}, "guards__actions": HASHED | LOOSE}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`r1` with all of drift, `bare` with none of it."""
    home = tmp_path_factory.mktemp("home")
    run_small(home, iterations="0", gold__enabled="false", **MEASURED)
    run_small(home, "bare", iterations="0", gold__enabled="false", guards__actions=HASHED | LOOSE)
    return home


@pytest.mark.parametrize(
    ("changed", "braked_by", "otherwise"),
    [
        ({"temperature": "0.7"}, 0, True),
        ({"top_p": "0.9"}, 0, True),
        ({"max_tokens": "20"}, 0, True),
        ({"seed_samples": "2"}, 0, True),
        ({}, 0, False),
        ({}, 2, False),
    ],
)
def test_pairs_of_answers_that_are_drawn_otherwise_are_held_against_nothing_but_a_brake_changes_no_yardstick(
    home: Path, changed: dict[str, str], braked_by: int, otherwise: bool
) -> None:
    store, (seed,) = Store(home), chain(Store(home), "bare")
    found = []
    for generate in ({}, changed):
        config = small_config(generate={"samples": "3", **generate})
        with drive.desk_of(store, "bare", config) as desk:
            desk.turn_to(1, braked_by if found else 0)
            found.append(yardsticks(desk, Turn.after((seed,))))
    differing = {kind for kind in found[0] if found[0][kind] != found[1][kind]}
    assert differing == ({"signal"} if otherwise else set())


def taken_on(home: Path, address: str, name: str, *changes: str) -> tuple[Store, list[dict[str, Any]]]:
    """The branch, two iterations further, and its decisions."""
    store = Store(home)
    branch(store, address, name, "iterations=2", *changes)
    assert drive.carry_on(store, name, quiet).kind == "done"
    return store, [decision_of(store, iteration) for iteration in chain(store, name)]


def evidence(decision: dict[str, Any], guard: str) -> dict[str, Any] | None:
    return next((one for one in decision["evidence"] if one["guard"] == guard), None)


def test_a_branch_with_another_constitution_holds_no_score_against_one_on_another_scale(home: Path) -> None:
    file = home / "another.yaml"
    shipped = constitution_file("microworld").read_text(encoding="utf-8")
    file.write_text(shipped.replace("scale: {low: 0, high: 5}", "scale: {low: 0, high: 10}"), encoding="utf-8")
    store, decisions = taken_on(home, "r1@0", "other", f"constitution={file}")
    first, second = (evidence(decision, "min_score_sd_times") for decision in decisions[1:])
    assert first and second and first["anew"] and first["limit"] is None
    drift = [store.output(one.outputs["drift"]).values for one in chain(store, "other")]
    measured = store.output(chain(store, "other")[1].outputs["measure"]).metrics
    assert second["reference"] == measured["judge/score_sd"] == drift[2]["references"]["judge/score_sd"]
    assert "verdicts" in decisions[1]["reason"] and "otherwise" in decisions[1]["reason"]
    assert "otherwise" not in decisions[2]["reason"]
    lengths = [one["references"]["policy/length_mean_tokens"] for one in drift]
    assert len(set(lengths)) == 1  # of the answers nothing has changed


def test_a_branch_that_turns_a_group_off_is_not_halted_for_what_it_does_without(home: Path) -> None:
    _, decisions = taken_on(home, "r1@0", "less", "drift.judge=false", "drift.policy=false")
    assert not any(evidence(decision, "judge_fell") for decision in decisions)
    assert "drift.judge, drift.policy: measured no more" in decisions[1]["reason"]


def test_a_branch_that_turns_a_stream_on_is_guarded_from_then_on(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("capability.prompts=microworld", "capability.count=40", "drift.items=6", "drift.samples=2")
    _, decisions = taken_on(home, "bare@0", "more", *more)
    for guard in ("answers_fell", "seed_judge_fell", "judge_fell"):
        first, second = (evidence(decision, guard) for decision in decisions[1:])
        assert first and first["anew"] and second and second["alpha"] > 0 and second["worst"] == 1
    store = Store(home)
    branch(store, "bare@0", "short", "iterations=1", *more)
    assert drive.carry_on(store, "short", quiet).kind == "done"  # recalled
    monkeypatch.setenv("SELFSAME_HOME", str(home))
    for verb in ("status", "log short"):
        assert main(verb.split()) == 0
        assert "drift.policy, drift.prompts, drift.signal: measured from here on" in capsys.readouterr().out
