"""From findings to a verdict: who rolls back, who only brakes, what is remembered, and what a person is asked."""

from dataclasses import replace

import pytest

from loop.config import Config
from loop.config_guards import Guards
from loop.guards.brake import braked
from loop.guards.decision import Conclusion, Kept, Standing, accepted, conclude, wants_word
from loop.guards.finding import Action, Finding, Group
from loop.guards.references import WHOSE

SEED = Standing.at_seed(Kept(0, "p0"))


def failing(action: Action, group: Group = "quality", guard: str = "g") -> Finding:
    return Finding(guard, "m", 2.0, 1.0, False, "m is 2", group, action)


def evidence(gain: float, group: Group = "quality", passed: bool = True) -> Finding:
    """A paired test against the best so far, with evidence of a gain; 3.0 is enough."""
    beside = {"gain_log10_e": gain, "alpha": 0.001, "n": 100}
    return Finding("fell", "s", 0.0, 3.0, passed, "s fell", group, "roll_back", beside=beside)


def after(standing: Standing, *found: Finding, index: int = 1, **settings: object) -> Conclusion:
    return conclude(Guards.model_validate(settings), found, Kept(index, f"p{index}"), standing)


def test_the_seed_is_promoted_or_halted_by_whatever_blocks() -> None:
    seed = Kept(0, "p0")
    for action in ("reject", "roll_back", "halt"):
        assert conclude(Guards(), [failing(action)], seed, None).verdict == "halt"
    promoted = conclude(Guards(), [failing("warn")], seed, None)
    assert (promoted.verdict, promoted.policy, promoted.standing) == ("promote", "p0", SEED)


def test_the_severest_of_what_did_not_pass_decides() -> None:
    moved = Standing(Kept(0, "p0"), Kept(2, "p2"), Kept(1, "p1"))
    verdicts = {
        (): ("promote", "p3"),
        ("warn", "brake"): ("promote", "p3"),
        ("brake", "reject"): ("reject", "p2"),
        ("reject", "roll_back"): ("roll back", "p1"),
        ("halt", "brake"): ("halt", "p2"),
        ("halt", "roll_back"): ("halt", "p1"),  # what lost leaves doubtful which was promoted since
    }
    for actions, wanted in verdicts.items():
        concluded = after(moved, *(failing(action) for action in actions), index=3)
        assert (concluded.verdict, concluded.policy) == wanted, actions


def test_rolling_back_to_the_policy_that_is_there_is_a_rejection() -> None:
    concluded = after(SEED, failing("roll_back"))
    assert (concluded.verdict, concluded.policy) == ("reject", "p0")


def test_one_group_that_brakes_only_brakes_and_two_roll_back() -> None:
    for alone in (["distribution"], ["distribution", "distribution"], ["optimisation"]):
        concluded = after(SEED, *(failing("brake", group) for group in alone))  # type: ignore[arg-type]
        assert concluded.verdict == "promote" and concluded.standing.braked == 1
    both = after(SEED, failing("brake", "distribution"), failing("brake", "optimisation"))
    assert both.verdict == "reject" and both.failed[-1].guard == "two_groups"
    warned = after(SEED, failing("brake", "distribution"), failing("warn", "optimisation"))
    assert warned.verdict == "promote"


def test_braking_is_harder_each_time_and_ends_with_its_cause_where_nobody_can_say_that_much_was_gained() -> None:
    once = after(SEED, failing("brake"))
    twice = after(once.standing, failing("brake"), index=2)
    assert [one.standing.braked for one in (once, twice, after(twice.standing, index=3))] == [1, 2, 0]


def test_the_brake_is_released_by_evidence_of_a_gain() -> None:
    once = after(SEED, failing("brake"), evidence(0.0))
    calm = after(once.standing, evidence(1.0), index=2)
    again = after(calm.standing, failing("brake"), evidence(0.0), index=3)
    gained = after(again.standing, evidence(3.5), index=4)
    assert [one.standing.braked for one in (once, calm, again, gained)] == [1, 1, 2, 0]
    blind = after(once.standing, failing("brake"), evidence(3.5), index=2)
    assert blind.standing.braked == 2  # what brakes is no gain


def test_the_brake_has_an_end() -> None:
    rates = [braked(Config(), level)["train.learning_rate"] / Config().train.learning_rate for level in (1, 3, 4, 99)]
    assert rates == [0.5, 0.125, 0.125, 0.125]


def test_the_best_is_replaced_on_evidence_of_a_gain_alone() -> None:
    standing = after(SEED, evidence(gain=1.0)).standing
    assert (standing.best.policy, standing.previous.policy, standing.first) == ("p0", "p1", Kept(1, "p1"))
    gained = after(standing, evidence(gain=3.0), index=2).standing
    assert gained.best.policy == gained.previous.policy == "p2"
    # A frozen judge finds gains too, and is not asked where there is a test of quality.
    fooled = after(gained, evidence(gain=0.0), evidence(gain=9.0, group="judge"), index=3).standing
    assert fooled.best.policy == "p2"
    only_judge = after(gained, evidence(gain=9.0, group="judge"), index=3).standing
    assert only_judge.best.policy == "p3"
    assert [standing.looks, gained.looks, fooled.looks] == [1, 2, 3]


def test_where_nothing_tests_quality_the_last_sound_one_is_the_best() -> None:
    standing = after(SEED).standing
    assert standing.best.policy == "p1" and standing.looks == 0
    assert after(standing, failing("brake"), index=2).standing.best.policy == "p1"


def test_where_a_test_is_asked_that_finds_no_gains_the_best_stays_and_is_gone_back_to() -> None:
    """As where nothing but the judge's right verdicts is tested, which are held against the seed's."""
    kept = Finding("judge_fell", "s", 0.0, 3.0, True, "s stayed", "judge", "roll_back", beside={"alpha": 0.001})
    standing = SEED
    for index in (1, 2):
        standing = after(standing, kept, index=index).standing
    assert (standing.best.policy, [one.policy for one in standing.recent]) == ("p0", ["p1", "p2"])
    lost = replace(kept, observed=4.0, passed=False, beside={"alpha": 0.001, "worst": 0})
    undone = after(standing, lost, index=3)
    assert (undone.verdict, undone.policy) == ("roll back", "p0")
    braked_once = after(SEED, failing("brake"), kept).standing
    assert after(braked_once, kept, index=2).standing.braked == 0  # no test could say that much was gained


def test_what_was_promoted_before_a_new_best_is_forgotten() -> None:
    standing = SEED
    for index, gain in ((1, 0.0), (2, 0.0), (3, 3.0), (4, 0.0)):
        standing = after(standing, evidence(gain=gain), index=index).standing
    assert standing.best == Kept(3, "p3") and standing.recent == (Kept(4, "p4"),)
    lost = replace(evidence(gain=0.0, passed=False), beside={"alpha": 0.001, "gain_log10_e": 0.0, "worst": 3})
    undone = after(standing, lost, index=5)
    assert (undone.verdict, undone.policy, undone.standing.recent) == ("roll back", "p3", ())


def test_the_first_is_the_first_one_that_was_promoted() -> None:
    rejected = after(SEED, failing("reject")).standing
    assert rejected.first is None and after(rejected, index=2).standing.first == Kept(2, "p2")
    assert WHOSE["first"] == "that of the first one promoted"


def test_a_first_one_that_is_undone_is_forgotten_and_the_next_one_promoted_is_the_first() -> None:
    standing = after(after(SEED, evidence(gain=0.0)).standing, evidence(gain=0.0), index=2).standing
    lost = replace(evidence(gain=0.0, passed=False), beside={"alpha": 0.001, "gain_log10_e": 0.0, "worst": 0})
    undone = after(standing, lost, index=3)
    assert (undone.verdict, undone.policy, undone.standing.first) == ("roll back", "p0", None)
    assert after(undone.standing, evidence(gain=0.0), index=4).standing.first == Kept(4, "p4")
    assert after(standing, replace(lost, beside={**lost.beside, "worst": 1}), index=3).standing.first == Kept(1, "p1")


def test_a_proven_gain_is_not_undone_for_what_an_older_policy_did_better() -> None:
    """Policy 2 was the first to be measured in some other way, and policy 5 the best since, measured as before."""
    standing = Standing(Kept(0, "p0"), Kept(6, "p6"), Kept(5, "p5"), recent=(Kept(6, "p6"),), anew=(Kept(2, "p2"),))
    lost = replace(evidence(gain=0.0, passed=False), beside={"alpha": 0.001, "gain_log10_e": 0.0, "worst": 2})
    undone = after(standing, lost, index=7)
    assert (undone.verdict, undone.policy, undone.standing.best.policy) == ("roll back", "p5", "p5")


@pytest.mark.parametrize("halting", ["halt", "warn"])
def test_what_is_undone_is_no_reference_whether_the_run_halts_or_not(halting: Action) -> None:
    standing = after(after(SEED, evidence(gain=0.0)).standing, evidence(gain=0.0), index=2).standing
    lost = replace(evidence(gain=0.0, passed=False), beside={"alpha": 0.001, "gain_log10_e": 0.0, "worst": 1})
    undone = after(standing, lost, failing(halting), index=3)
    assert (undone.policy, undone.standing.recent) == ("p1", (Kept(1, "p1"),))


def test_on_gain_what_shows_none_is_held() -> None:
    held = after(SEED, evidence(gain=2.9), promote="on_gain")
    assert (held.verdict, held.policy, held.failed[-1].guard) == ("reject", "p0", "no_gain")
    assert after(SEED, evidence(gain=3.0), promote="on_gain").verdict == "promote"
    assert after(SEED, promote="on_gain").verdict == "reject"  # nobody tests it
    lost = after(SEED, evidence(gain=3.0), failing("roll_back"), promote="on_gain")
    assert lost.verdict == "reject" and lost.standing.best.policy == "p0"


def test_after_so_many_iterations_in_a_row_that_promoted_nothing_it_halts() -> None:
    standing = SEED
    verdicts = []
    for index in range(1, 4):
        concluded = after(standing, failing("reject"), index=index, patience=3)
        standing = concluded.standing
        verdicts.append(concluded.verdict)
    assert verdicts == ["reject", "reject", "halt"] and concluded.failed[-1].guard == "patience"
    assert after(standing, index=4).standing.held == 0


MEASURED = {"measure": "s1:0"}


def test_what_a_person_took_past_a_halt_is_what_later_ones_are_held_against() -> None:
    standing = after(after(SEED, evidence(gain=0.0)).standing, failing("halt"), index=2).standing
    taken = accepted(Kept(2, "p2", MEASURED), standing, starts_anew=False)
    assert taken.references()["best"] == taken.references()["previous"] == Kept(2, "p2", MEASURED)
    assert (taken.first, taken.recent, taken.held, taken.braked) == (Kept(1, "p1"), (), 0, 0)
    assert accepted(Kept(2, "p2", MEASURED), SEED, starts_anew=False).first == Kept(2, "p2", MEASURED)
    # The same loss again is none; a new one is undone up to there.
    lost = replace(evidence(gain=0.0, passed=False), beside={"alpha": 0.001, "gain_log10_e": 0.0, "worst": 3})
    later = after(taken, evidence(gain=0.0), index=3).standing
    assert after(later, replace(lost, beside={**lost.beside, "worst": 2}), index=4).policy == "p2"


def test_what_a_person_took_past_a_halt_is_the_reference_of_what_it_has_and_the_best_before_of_the_rest() -> None:
    taken = accepted(Kept(2, "p2", MEASURED), SEED, starts_anew=True)
    assert taken.anew == (SEED.best, Kept(2, "p2", MEASURED))
    unmeasured = accepted(Kept(2, "p2"), SEED, starts_anew=False)
    assert (unmeasured.previous.policy, unmeasured.best) == ("p2", SEED.best)
    nothing = accepted(None, SEED, starts_anew=False)
    assert (nothing.previous, nothing.best, nothing.anew) == (SEED.previous, SEED.best, ())


def test_what_a_person_approved_is_held_against_too() -> None:
    said = Finding("person", "", None, None, True, "a person approved", "quality", "reject")
    standing = after(SEED, failing("warn"), said, evidence(gain=0.0), approve="on_warn").standing
    assert standing.recent == (Kept(1, "p1"),) and standing.references()["previous"] == standing.first == Kept(1, "p1")


@pytest.mark.parametrize(
    ("approve", "waiting"),
    [("never", set[int]()), ("every", {1, 2, 3, 4}), ("every 2", {2, 4}), ("on_warn", {2})],
)
def test_a_person_is_asked_as_the_settings_say(approve: str, waiting: set[int]) -> None:
    guards = Guards(approve=approve)
    concluded = {n: after(SEED, *([failing("warn")] if n == 2 else []), index=n) for n in range(5)}
    assert {n for n, one in concluded.items() if wants_word(guards, n, one)} == waiting
    assert not wants_word(guards, 2, after(SEED, failing("halt"), index=2))


def test_guards_are_quicker_to_doubt_while_a_run_brakes() -> None:
    assert [Guards().after(braked, 0).doubt for braked in (0, 1, 3)] == pytest.approx([0.05, 0.2, 0.2])
    assert Guards().after(1, 1).doubt == 0.05
    assert [Guards(doubt=doubt).after(1, 0).doubt for doubt in (0.4, 0.9)] == [0.5, 0.9]
