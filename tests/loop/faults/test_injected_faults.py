"""Each fault of the wind tunnel begins where it says, and does what it says."""

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean, pstdev

import pytest
from small import chain, small_config

from judges.text_signs import signs
from loop import drive, iterate
from loop.config import Config
from loop.config_guards import Guards
from loop.faults.broken_judges import flattery, keywords, long, short
from loop.faults.catalogue import FAULTS, fault_named
from loop.faults.fault import Fault
from loop.faults.injecting import faulty_steps, with_fault
from runs.records import Iteration, Judgment, PreferencePair, Unscored
from runs.store import Store

ONSET = 2


def small(fault: Fault) -> Config:
    """A small run of two iterations, of which the last has the fault."""
    sizes: dict[str, object] = {"prompts__count": "12", "measure__prompts": "8", "measure__anchor_count": "8"}
    healthy = small_config(
        iterations=str(ONSET),
        judge__adapter="seed",
        gold__enabled="false",
        guards__actions=Guards().only_warning(),
        **sizes,
    )
    return with_fault(healthy, fault)


def carried_on(store: Store, fault: Fault, name: str) -> list[Iteration]:
    config = small(fault)
    run = drive.begin(store, name, "test", config)
    with store.lock(), drive.desk_of(store, name, config) as desk:
        outcome = iterate.carry_on(desk, run, lambda: None, faulty_steps(fault))
    assert outcome.kind == "done"
    return chain(store, name)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """All runs share it, so that what two of them have in common is done once."""
    return Store(tmp_path_factory.mktemp("home"))


Pair = tuple[list[Iteration], list[Iteration]]


@pytest.fixture(scope="module")
def run_of(store: Store) -> Callable[[str], Pair]:
    """The iterations of a run with the fault of that name, and those of such a run without it."""
    known: dict[str, Pair] = {}

    def run(name: str) -> Pair:
        if name not in known:
            fault = replace(fault_named(name), onset=ONSET)
            by_itself = {"judge.adapter": "self"} if fault.judged else {}
            without = Fault(f"no-{name}", "", by_itself, ground=fault.ground, onset=ONSET)
            known[name] = carried_on(store, fault, name), carried_on(store, without, without.name)
        return known[name]

    return run


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_changes_something_from_its_onset_on_and_nothing_before(
    fault: Fault, run_of: Callable[[str], Pair]
) -> None:
    with_it, without = run_of(fault.name)
    assert [one.outputs for one in with_it[:ONSET]] == [one.outputs for one in without[:ONSET]]
    assert with_it[ONSET].outputs != without[ONSET].outputs


def judged(store: Store, one: Iteration, step: str = "judge") -> list[tuple[str, Judgment]]:
    """Every text that was judged by itself in the step, with what was said of it."""
    answers = {row.digest: row.text for row in rows(store, one, "generate" if step == "judge" else step, "responses")}
    return [(answers[own.judged[0]], own) for own in rows(store, one, step, "judgments") if own.judged[0] in answers]


def rows(store: Store, one: Iteration, step: str, noun: str) -> list:  # type: ignore[type-arg]
    return store.all_rows(noun, store.output(one.outputs[step]))


@pytest.mark.parametrize(
    ("name", "taste"),
    [
        ("length-loving", long),
        ("brevity-loving", short),
        ("keyword-loving", keywords),
        ("sycophantic", flattery),
        ("refusal-loving", lambda text: float(signs(text).declines)),
    ],
)
def test_a_judge_that_likes_one_thing_scores_by_nothing_else_in_training_and_in_measuring(
    name: str, taste: Callable[[str], float], store: Store, run_of: Callable[[str], Pair]
) -> None:
    for step in ("judge", "measure"):
        for text, own in judged(store, run_of(name)[0][ONSET], step):
            assert own.score == pytest.approx(5 * taste(text))


def test_a_judge_that_is_always_high_is_and_a_coin_is_anywhere(store: Store, run_of: Callable[[str], Pair]) -> None:
    high, coin = (
        [own.score or 0.0 for _, own in judged(store, run_of(name)[0][ONSET])] for name in ("always-high", "coin-flip")
    )
    assert min(high) > 4.8 and len(set(high)) > 1
    assert 1.5 < fmean(coin) < 3.5 and pstdev(coin) > 1


def test_an_inverted_judge_means_the_opposite(store: Store, run_of: Callable[[str], Pair]) -> None:
    inverted, sound = run_of("inverted")
    of_sound = dict(judged(store, sound[ONSET]))
    found = judged(store, inverted[ONSET])
    assert found and all((own.score or 0.0) == pytest.approx(5 - (of_sound[text].score or 0.0)) for text, own in found)


def test_a_slow_fault_begins_with_a_small_part_of_the_verdicts(store: Store, run_of: Callable[[str], Pair]) -> None:
    for name in ("rotting", "unreadable"):
        broken, sound = ({text: own.score for text, own in judged(store, one[ONSET])} for one in run_of(name))
        other = fmean(float(broken[text] != sound[text]) for text in broken)
        assert 0.02 < other < 0.4, name
    reasons = {own.unscored for _, own in judged(store, run_of("unreadable")[0][ONSET])}
    assert reasons == {None, Unscored.NO_VERDICT}


def test_a_judge_bound_to_a_place_prefers_what_is_shown_first_and_both_orders_show_it(
    store: Store, run_of: Callable[[str], Pair]
) -> None:
    bound = run_of("position-bound")[0][ONSET]
    assert {own.score for own in rows(store, bound, "judge", "judgments")} == {0.95}
    fair = [own for own in rows(store, bound, "measure", "judgments") if {r.order for r in own.replies} == {"ab", "ba"}]
    assert fair and all(own.unscored is Unscored.TIE for own in fair)


def pairs(store: Store, one: Iteration) -> list[PreferencePair]:
    return rows(store, one, "pair", "pairs")


def test_flipped_labels_prefer_what_was_rejected(store: Store, run_of: Callable[[str], Pair]) -> None:
    flipped, sound = (pairs(store, one[ONSET]) for one in run_of("flipped"))
    assert [(one.chosen, one.rejected) for one in flipped] == [(one.rejected, one.chosen) for one in sound]


def test_one_answer_is_chosen_for_every_prompt(store: Store, run_of: Callable[[str], Pair]) -> None:
    made = pairs(store, run_of("one-answer")[0][ONSET])
    assert len(made) > 5 and len({one.chosen for one in made}) == 1


def test_prompts_that_drift_keep_their_words_and_lose_their_order(store: Store, run_of: Callable[[str], Pair]) -> None:
    drifting, sound = (
        [prompt.messages[-1].content for prompt in rows(store, one[ONSET], "prompts", "prompts")]
        for one in run_of("drifting")
    )
    assert [sorted(text.split()) for text in drifting] == [sorted(text.split()) for text in sound]
    assert 0 < sum(a != b for a, b in zip(drifting, sound, strict=True)) < len(sound) / 2


def test_a_stale_adapter_is_the_policy_before(store: Store, run_of: Callable[[str], Pair]) -> None:
    made, sound = run_of("stale")
    assert made[ONSET].policy == made[ONSET - 1].policy != sound[ONSET].policy


def test_settings_are_other_ones_from_the_onset_on() -> None:
    fault = fault_named("hot")
    config = small(fault)
    assert config.at(fault.onset).train.learning_rate > 4 * config.at(fault.onset - 1).train.learning_rate
