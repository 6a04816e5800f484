"""What an iteration takes from those before it where not all that was trained was promoted, or stayed so."""

from pathlib import Path

import pytest
from small import SMALL, branch, chain, quiet, run_small, small_config

from loop import drive
from loop.steps.past import policy_before, promoted
from loop.steps.train import reference_policies
from loop.steps.turn import Turn
from loop.word import going_past, keep_word
from runs.records import Iteration
from runs.store import Store

HASHED: dict[str, str] = dict(SMALL["guards"]["actions"])  # type: ignore[index,arg-type]
HALTING = {
    "name": "own",
    "metric": "policy/length_mean_tokens",
    "group": "distribution",
    "at_most": 0.1,
    "of": "seed",
    "action": "halt",
}


def go_past(store: Store, iterations: int) -> None:
    """Take the halted run past its halt, and further."""
    run = drive.existing(store, "r1")
    drive.change(store, "r1", drive.config_of(run).model_copy(update={"iterations": iterations}))
    keep_word(store, run, going_past(store, run, ["own"], "short is fine"))
    drive.carry_on(store, "r1", quiet)


def past_a_halt(home: Path, **changes: object) -> Store:
    """A run that was halted at iteration 1 with an adapter, went past that, and was halted again at iteration 3."""
    settings = {"iterations": "3", "gold__enabled": "false", "guards__limits": [HALTING], "guards__actions": HASHED}
    store, _ = run_small(home, **settings | changes)
    go_past(store, 3)
    assert [{*one.outputs} == {"decide"} for one in chain(store)] == [False, False, True, False]
    return store


def test_prompts_that_a_model_writes_are_written_after_a_halt_was_gone_past_too(tmp_path: Path) -> None:
    shares = {"prompts__self_made_frac": 0.25, "prompts__red_team_frac": 0.25, "prompts__max_rouge_l": "0.9"}
    store = past_a_halt(tmp_path, **shares)
    written = [store.all_rows("prompts", store.output(chain(store)[index].outputs["prompts"])) for index in (1, 3)]
    made = [{one.digest for one in rows if one.source != "microworld"} for rows in written]
    assert all(made) and not made[0] & made[1]


@pytest.mark.parametrize(
    ("policies", "stand"),
    [
        ("S", "S"),
        ("SA", "SA"),
        ("SAB", "SAB"),
        ("SAA", "SA"),  # a rejected iteration
        ("SABA", "SA"),  # one that is rolled back
        ("SABAAC", "SAC"),
        ("SABCS", "S"),
        ("SABCAD", "SAD"),
    ],
)
def test_the_policies_that_stand_are_those_promoted_and_not_undone(tmp_path: Path, policies: str, stand: str) -> None:
    store = Store(tmp_path)
    drive.begin(store, "r1", "test", small_config())
    past: list[Iteration] = []
    for index, policy in enumerate(policies):
        past.append(Iteration(past[-1].digest if past else "", index, {}, 0, {}, policy, ""))
    with drive.desk_of(store, "r1", small_config(train__reference="ema")) as desk:
        turn = Turn.after(tuple(past))
        assert "".join(promoted(desk, turn)) == stand == "".join(reference_policies(desk, turn))
        assert policy_before(desk, turn) == stand[-2:][0]


def test_drift_after_a_halt_was_gone_past_is_that_of_the_policy_which_was_accepted(tmp_path: Path) -> None:
    store = past_a_halt(tmp_path, drift={"items": "6", "samples": "2"})
    made = chain(store)
    accepted, after = (store.output(made[index].outputs["drift"]) for index in (1, 3))
    spent = accepted.metrics["policy/kl_path_nats"]
    assert spent and after.metrics["policy/kl_path_before_nats"] == spent
    assert after.values["references"].items() >= accepted.values["references"].items()
    (receipt,) = (one for one in store.receipts() if one["digest"] == made[3].outputs["drift"])
    assert receipt["asked"]["inputs"]["before"] == made[1].outputs["drift"]


def test_where_there_was_no_drift_before_what_the_seed_was_measured_at_is_in_its_key(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, iterations="0")
    branch(store, "r1@0", "r2", "drift.items=6", "iterations=1")
    drive.carry_on(store, "r2", quiet)
    made = chain(store, "r2")
    assert "drift" in made[1].outputs and "drift" not in made[0].outputs
    (receipt,) = (one for one in store.receipts() if one["digest"] == made[1].outputs["drift"])
    assert receipt["asked"]["inputs"]["first"] == made[0].outputs["measure"]
