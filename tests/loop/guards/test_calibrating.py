"""Limits from A/A measurements: the seed policy against itself, with nothing trained."""

import json
from pathlib import Path

import numpy as np
import pytest
from small import SMALL, chain, run_small, small_config

from loop import drive
from loop.cli import main
from loop.config_guards import Guards
from loop.guards.calibration import Chance, asked_again, calibrated
from loop.guards.examine import examine
from loop.guards.finding import Finding
from loop.guards.limits import within
from loop.guards.rules import Limit, Paired
from loop.guards.seen import Seen
from runs.errors import UsageError
from runs.store import Store

HASHED: dict[str, str] = dict(SMALL["guards"]["actions"])  # type: ignore[index,arg-type]
LENGTH = "policy/length_mean_tokens"


def measured(values: list[float], metric: str = "m") -> list[Seen]:
    return [Seen(index, {metric: value}) for index, value in enumerate(values, start=1)]


def limit_of(**given: object) -> Limit:
    return Limit.model_validate({"name": "own", "metric": "m", "group": "judge", **given})


def test_the_chance_of_one_more_number_is_that_of_a_prediction_interval() -> None:
    """Simulated: eight repetitions give a bound, and the ninth number is beyond it as often as is said."""
    drawn = np.random.default_rng(5).normal(3.0, 0.5, (20_000, 9))
    known, more = drawn[:, :8], drawn[:, 8]
    far = Chance(8, 0.0, 1.0).bound(0.05, above=False)  # in standard deviations from the mean
    beyond = (more < known.mean(axis=1) + far * known.std(axis=1, ddof=1)).mean()
    assert beyond == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / 20_000) ** 0.5)
    for above in (True, False):
        chance = Chance(8, 3.0, 0.5)
        assert chance.beyond(chance.bound(0.05, above), above) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("bound", "how"), [({"at_most": 2.0}, "times"), ({"at_least": 0.5}, "times"), ({"at_most": 4.0}, "plus")]
)
def test_the_proposed_limit_fires_first_where_chance_rarely_comes(bound: dict[str, float], how: str) -> None:
    limit = limit_of(of="seed", how=how, action="halt", brakes=True, **bound)
    of, values = {"seed": Seen(0, {"m": 10.0})}, [9.5, 10.5, 10.2, 9.9]
    found = calibrated(limit, measured(values), of, 0.6, 0.01)
    assert found.proposed is not None and found.alarms is not None and found.chance is not None
    (side,) = bound
    tight = limit.model_copy(update={side: found.proposed})
    assert calibrated(tight, measured(values), of, 0.6, 0.01).alarms == pytest.approx(0.01)
    edge = found.chance.bound(0.01, above=side == "at_most") * (10.0 if how == "times" else 1.0)
    edge += 0.0 if how == "times" else 10.0
    for away, passes in ((-1e-6, True), (1e-6, False)):
        value = edge + (away if side == "at_most" else -away)
        one = within(tight, Seen(1, {"m": value}), of, 0.6)
        assert one is not None and one.passed == passes and (passes or one.action == "brake")


@pytest.mark.parametrize(("action", "share"), [("warn", 1.0), ("brake", 1.0), ("reject", 0.6), ("halt", 0.6)])
def test_a_limit_that_only_warns_or_brakes_is_calibrated_where_it_fires_and_not_on_the_way(
    action: str, share: float
) -> None:
    limit = limit_of(of="seed", action=action, brakes=True, at_most=1.1)
    of, values = {"seed": Seen(0, {"m": 10.0})}, [9.5, 10.5, 10.2, 9.9]
    found = calibrated(limit, measured(values), of, 0.6, 0.01)
    assert found.chance is not None and found.alarms == found.chance.beyond(1 + share * 0.1, above=True)
    for away, passes in ((-1e-9, True), (1e-9, False)):
        one = within(limit, Seen(1, {"m": 10.0 * (1 + share * 0.1) + away}), of, 0.6)
        assert one is not None and one.passed == passes


def test_where_chance_does_nothing_no_limit_is_proposed_and_it_is_said_why() -> None:
    of = {"seed": Seen(0, {"m": 10.0})}
    still = calibrated(limit_of(at_most=2), measured([1.0, 1.0, 1.0]), of, 0.6, 0.01)
    gone = calibrated(limit_of(at_most=2, of="first"), measured([1.0, 2.0, 3.0]), of, 0.6, 0.01)
    assert (still.proposed, gone.proposed) == (None, None) and "same each time" in still.says
    assert "trained on" in gone.says


def of_families(index: int, **means: float) -> Seen:
    """An iteration with 16 items of each family, all with that number."""
    items = {f"{name} {n}": mean for name, mean in means.items() for n in range(16)}
    return Seen(index, {}, {"s": items}, tags={"family": {item: item.partition(" ")[0] for item in items}})


def test_the_rate_of_a_test_has_the_exact_end_of_its_interval() -> None:
    def one(passed: bool) -> Finding:
        return Finding("t", "s", 0.1, 2.0, passed, "", "quality", beside={"p": 0.5})

    test = Paired(name="t", stream="s")
    found = asked_again(test, [], {"best": Seen(0, {})}, [one(True), one(True), one(False), one(True)])
    assert found is not None and found.alarms == 1
    assert found.at_most == pytest.approx(0.7514, abs=1e-4)  # 1 - (1 - p)^4 - 4 p (1 - p)^3 = 0.95
    none = asked_again(test, [], {"best": Seen(0, {})}, [one(True)] * 10)
    assert none is not None and none.at_most == pytest.approx(1 - 0.05 ** (1 / 10))  # the rule of three, exactly
    assert asked_again(test, [], {"best": Seen(0, {})}, [one(True)] * 2) is None


def test_families_are_apart_by_chance_each_by_itself() -> None:
    """Two families that go up and down against each other: together they stand still, and the worst is never one."""
    of = {"best": of_families(0, sort=0.5, reverse=0.5)}
    repeated = [of_families(n, sort=0.5 + off, reverse=0.5 - off) for n, off in enumerate((0.3, -0.1, 0.1, -0.3), 1)]
    guards = Guards(paired=(Paired(name="each", stream="s", by="family"), Paired(name="all", stream="s")))
    findings = [one for now in repeated for one in examine(guards, now, of)]
    each, everything = (asked_again(test, repeated, of, findings) for test in guards.paired)
    assert each is not None and everything is not None
    sd = np.std([0.3, -0.1, 0.1, -0.3], ddof=1)
    assert [apart[:2] for apart in each.apart] == [("reverse", 16), ("sort", 16)]
    assert [apart.sd for apart in each.apart] == pytest.approx([sd, sd])
    assert everything.apart == (("", 32, pytest.approx(0)),)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    own = {"name": "own", "metric": "policy/truncated_frac", "at_most": 0.3, "how": "plus", "of": "seed"}
    return run_small(
        tmp_path_factory.mktemp("home"),
        iterations="0",
        gold__enabled="false",
        guards__limits=[{**own, "group": "distribution"}],
        guards__actions={name: "warn" for name in HASHED},
        drift={"items": "6", **dict.fromkeys(("policy", "prompts", "signal"), "false")},
        capability={"prompts": "microworld", "count": "20"},
    )[0]


def test_a_run_is_calibrated_by_measuring_its_seed_again_and_the_settings_can_be_typed(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    before = chain(store)
    assert main(["calibrate", "r1", "--times", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    limits = {one["guard"]: one for one in found["limits"]}
    length = limits["max_length_times"]
    assert length["chance"]["n"] == 3 and length["chance"]["sd"] > 0 and length["proposed"] > length["chance"]["mean"]
    kl = limits["max_kl_to_seed_nats"]
    assert kl["proposed"] is None and "same each time" in kl["says"]
    assert {one["guard"] for one in found["tests"]} >= {"answers_fell", "seed_judge_fell"}
    assert all(apart["n"] >= 16 or not apart["value"] for one in found["tests"] for apart in one["apart"])
    assert chain(store) == before  # no iteration is made
    assert any(one.startswith("guards.limits=") for one in found["settings"]) or limits["own"]["proposed"] is None
    assert main(["branch", "r1@0", "tight", *found["settings"]]) == 0
    capsys.readouterr()
    assert main(["calibrate", "r1", "--times", "3"]) == 0  # what is there is recalled
    assert "guards.max_length_times=" in capsys.readouterr().out


def test_what_was_never_measured_cannot_be_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    drive.begin(Store(tmp_path), "new", "test", small_config())
    for words, says in ((["nobody"], "nobody"), (["new"], "selfsame resume new"), (["new", "--times", "2"], "times")):
        assert main(["calibrate", *words]) == 2
        assert says in capsys.readouterr().err


def test_measurements_that_are_all_the_same_say_nothing_of_chance() -> None:
    from loop.calibrating import held_against
    from loop.steps.decide_seen import Before

    seed = Seen(0, {LENGTH: 10.0})
    same = [Seen(index, {LENGTH: 10.0}) for index in (1, 2, 3)]
    with pytest.raises(UsageError, match="same to the last digit"):
        held_against("r1", Guards(), same, Before({"seed": seed, "previous": seed, "best": seed}), 0.01)
