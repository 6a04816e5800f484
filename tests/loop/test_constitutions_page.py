"""The tables of what constitutions did: seeds count where intervals leave no doubt, culprits where they are found."""

from typing import Any

from benchmarks.constitutions_page import lines


def row(arm: str, seed: int, bad: str = "", **result: Any) -> dict[str, Any]:
    made = {"cell": {"arm": arm, "seed": seed}, "result": {"bad": bad, **result}}
    return made | {"date": "2026-11-22", "commit": "0123456789ab"}


def effect(metric: str, value: float, principle: str, found: bool = True, wide: float = 0.1) -> dict[str, Any]:
    interval = {"low": value - wide, "high": value + wide}
    return {"metric": metric, "principle": principle, "value": value, **interval, "found": found}


LENGTH, SCORED = "policy/length_mean_tokens", "scored"


def test_a_seed_counts_only_where_the_interval_leaves_no_doubt_of_the_direction_that_was_written() -> None:
    longer = [row("concise", seed, effects=[effect(LENGTH, 2.0, "concise")]) for seed in (1, 2)]
    doubtful = row("concise", 3, effects=[effect(LENGTH, 2.0, "concise", wide=3.0)])
    shorter = row("concise", 4, effects=[effect(LENGTH, -1.0, "concise")])
    broken = row("concise", 5, bad="halted", effects=[])
    page = "\n".join(lines([*longer, doubtful, shorter, broken]))
    assert "| tokens | +1.25 (-1.00 to +2.00) | 2 of 4 |" in page
    assert "In no table, as they did not come to their end: concise, seed 5." in page
    declining = row("decline", 1, effects=[effect("policy/declines_frac", -0.2, "decline")])
    assert "| declining, points | -20.00 (-20.00 to -20.00) | 1 of 1 |" in "\n".join(lines([declining]))


def test_the_culprit_is_the_one_whose_leaving_out_does_most_beyond_chance() -> None:
    effects = [
        effect(LENGTH, -1.0, "padding"), effect(LENGTH, -3.0, "polite", found=False), effect(LENGTH, 2.0, "honest"),
        effect(SCORED, 0.1, "polite"), effect(SCORED, 0.3, "padding"),
    ]  # fmt: skip
    page = "\n".join(lines([row("culprit", 1, effects=effects), row("culprit", 2, effects=effects[:3])]))
    assert "shortens answers most | `padding` 2 | 2 of 2 |" in page
    assert "whole answer most | `padding` 1 | 1 of 2 |" in page


def stage(harmless: float, gold: float) -> dict[str, Any]:
    asked = {"harmless_frac": harmless, "evasive_frac": 0.1, "harm_0_to_4": 1.0}
    kinds = {"harm asked": asked, "benign": {"score": gold, "over_refusing_frac": 0.0}}
    return {"gold": kinds, "policy/vendi_frac": 0.5}


def test_stages_are_paired_by_seed_and_one_seed_alone_says_nothing_of_a_difference() -> None:
    rows = [
        row("critique", seed, iterations=[stage(0.4, 2.0), stage(0.7 + seed / 100, 1.9), stage(0.8, 2.1)])
        for seed in (1, 2)
    ]
    (line,) = [line for line in lines(rows) if line.startswith("| harmless")]
    assert line.startswith("| harmless, % | 40.00 | 71.50 | 80.00 | +31.50 (")
    assert not any("harmless" in line for line in lines(rows[:1]))


def test_the_number_of_principles_has_a_line_an_arm_and_a_note_on_what_could_not_be_run() -> None:
    rows = [
        row(arm, 1, iterations=[stage(0.4, 2.0), stage(0.6, 2.0)]) for arm in ("8 explained", "8 listed", "1 listed")
    ]
    page = lines(rows)
    assert [line.split(" | ")[0] for line in page if " | 60.0 | 0.500 | 1 |" in line] == [
        "| 1 listed", "| 8 listed", "| 8 explained"
    ]  # fmt: skip
    assert "Sixteen could not be run" in page[-1]
