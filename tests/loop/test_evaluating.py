"""Policies held against each other outside of their runs: Elo of blind comparisons; harm, help and evasion apart."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from small import branch, run_small

from constitutions.load import Scale
from judges.statistics import Estimate
from judges.text_signs import signs
from judges.tournament import Compared
from loop import drive
from loop.cli import main
from loop.elo import ELO_A_NAT, Ratings, in_elo
from loop.evaluating import taught_by
from loop.harm_numbers import Seen, numbers
from loop.panel import Bench
from runs.harm import ASKED, BENIGN
from runs.lineage import resolve
from runs.query import query
from runs.store import Store
from runs.verify import verify

PROMPTS = 12


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """`r1`, and `r2` that parted from it after iteration 0."""
    store, outcome = run_small(tmp_path_factory.mktemp("evaluating"), iterations="1", gold__prompts="39")
    branch(store, "r1@0", "r2", "train.beta=0.2", "iterations=1")
    assert outcome.kind == "done" and drive.carry_on(store, "r2", lambda event: None).kind == "done"
    return store


def said(store: Store, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFSAME_HOME", str(store.home))
        assert main(["eval", *words]) == code
    out = capsys.readouterr()
    return json.loads(out.out) if "--json" in words else out.out + out.err


def test_policies_of_several_runs_are_rated_by_one_judge(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(store, capsys, "elo", "r1@0", "r1@1", "r2@1", "--json")
    assert [(one["first"], one["second"], one["prompts"]) for one in found["duels"]] == [
        ("r1@0", "r1@1", PROMPTS), ("r1@0", "r2@1", PROMPTS), ("r1@1", "r2@1", PROMPTS)
    ]  # fmt: skip
    elo = {address: one["value"] for address, one in found["elo"].items()}
    assert sum(elo.values()) == pytest.approx(0, abs=1e-6)
    for one in found["duels"]:  # what wins more often stands higher
        assert (one["wins"]["value"] - 0.5) * (elo[one["first"]] - elo[one["second"]]) >= -1
    for one in found["elo"].values():
        assert one["low"] < one["value"] < one["high"] < 6 * ELO_A_NAT
    again = said(store, capsys, "elo", "r2@1", "r1@1", "r1@0", "--json")
    # Shown the other way round it is judged in both orders all the same.
    assert {address: one["value"] for address, one in again["elo"].items()} == pytest.approx(elo)
    assert said(store, capsys, "elo", "r1@1", "r2@1", "--greedy", "--json")["temperature"] == 0
    assert verify(store) == []


def test_of_a_policy_on_whom_there_is_no_verdict_no_rating_is_made_up() -> None:
    found = in_elo(["r1@0", "r1@1", "r2@1"], [Compared("r1@0", "r2@1", 0.75, about=str(n)) for n in range(500)])
    assert found["r1@1"] == Estimate(None, None, None)
    assert found["r1@0"].value == pytest.approx(400 * math.log10(3) / 2, abs=1)
    page = Ratings("seed", (), 1.0, in_elo(["r1@0", "r1@1"], []), ()).text()
    assert "r1@0" in page and "r1@1" in page
    assert "share won" in page and "a tie being half" in page and "one answer of each policy" in page


def test_whoever_gave_the_labels_is_named_as_no_judge_of_what_learnt_from_them(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [resolve(store, address) for address in ("r1@0", "r1@1", "r2@1")]
    seed, later = found[0].iteration.policy, found[1].iteration.policy
    assert taught_by(store, found, Bench((seed,), None)) == ("r1@1", "r2@1")
    assert taught_by(store, found, Bench((later,), None)) == ()
    assert "Beware: r1@1 learnt from verdicts of seed" in said(store, capsys, "elo", "r1@0", "r1@1")
    assert "Beware" not in said(store, capsys, "elo", "r1@0", "r1@1", "--judge", "r1@1")


def test_what_cannot_be_rated_is_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert "two iterations or more" in said(store, capsys, "elo", "r1@1", code=2)
    assert "somebody else in each iteration" in said(store, capsys, "elo", "r1@0", "r1@1", "--judge", "self", code=2)
    assert "name an iteration" in said(store, capsys, "elo", "r1@0", "r1@1/judge", code=2)


def test_harm_help_and_evasion_are_told_apart_and_beside_gold(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(store, capsys, "harm", "r1@0", "r1@1", "--prompts", "10", "--json")
    assert found["prompts"] == {ASKED: 10, BENIGN: 10}
    (first, _) = found["policies"]
    for way in ("greedy", "sampled"):
        harm = first["judged"][way][ASKED]
        assert 0 <= harm["harmless_frac"]["value"] <= 1 and 0 < harm["harm_0_to_4"]["value"] < 4
        assert 0 <= first["judged"][way][BENIGN]["score"]["value"] <= 5
        assert "over_refusing_frac" not in harm and "harm_0_to_4" not in first["judged"][way][BENIGN]
    sql = """select metric, value from measurements
             where run = 'r1' and iteration = 0 and step = 'gold' and tag = 'harm=none'"""
    gold = dict(query(store, sql)[1])
    assert first["gold"]["sampled"][BENIGN]["score"] == pytest.approx(gold["gold/sampled_mean"])
    assert first["gold"]["greedy"][ASKED]["harm_0_to_4"] <= 4
    assert [first["gold"]["greedy"][kind]["prompts"] for kind in (ASKED, BENIGN)] == [9, 30]
    page = said(store, capsys, "harm", "r1@1", "--prompts", "10")
    assert "harm_0_to_4" in page and "by gold, for the eye; on prompts of its own" in page and "Beware" in page


def test_prompts_of_one_kind_alone_tell_nothing_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"prompt": f"say {n}", "split": "held-out" if n % 2 else "train"} for n in range(40)]
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    plain, _ = run_small(
        tmp_path / "home", iterations="0", prompts__source=str(tmp_path / "prompts.jsonl"), gold__enabled="false",
        measure={"prompts": 4, "anchors": None},
    )  # fmt: skip
    assert "`harm: yes`" in said(plain, capsys, "harm", "r1@0", code=2)


SCALE = Scale(low=0, high=5)


def answer(text: str, **known: float) -> Seen:
    return Seen(known.get("harmful"), known.get("evasive"), known.get("correct"), known.get("score"), signs(text), 0.0)


def test_each_number_is_of_what_it_is_called_and_of_nothing_that_nobody_knows() -> None:
    asked = numbers([answer("I will not.", harmful=0.1), answer("At 7.", harmful=0.9), answer("x")], ASKED, SCALE)
    assert (asked["harmless_frac"].value, asked["harm_0_to_4"].value) == (0.5, pytest.approx(2))
    assert asked["declines_frac"].value == pytest.approx(1 / 3) and asked["evasive_frac"].value is None
    sure, perhaps, no = "It is 7.", "Perhaps it is 7.", "I can't answer that."
    benign = numbers([answer(text, correct=0.2, score=1.0) for text in (sure, perhaps, no)], BENIGN, SCALE)
    told = {name: benign[name].value for name in ("confident_error_frac", "unsure_frac", "over_refusing_frac", "score")}
    assert told == pytest.approx(
        {"confident_error_frac": 1 / 3, "unsure_frac": 1 / 3, "over_refusing_frac": 1 / 3, "score": 1.0}
    )


def test_the_interval_of_a_score_lies_on_the_scale_even_below_zero() -> None:
    low = [answer("It is 7.", score=score) for score in (-9.0, -8.0, -7.0)]
    found = numbers(low, BENIGN, Scale(low=-10, high=-5))["score"]
    assert found.value == -8 and found.low is not None and found.high is not None
    assert -10 <= found.low < -8 < found.high <= -5
