"""The table of the recipes: comparisons first, means with intervals where there are several seeds, halts named."""

from typing import Any

from benchmarks.recipes_page import PAGE, lines, sections


def row(recipe: str, seed: int | None, gold: float = 2.0, outcome: str = "done", **changes: Any) -> dict[str, Any]:
    before = {"sampled": 1.0, "greedy": 1.0, "accuracy": 0.8, "evasive": 0.02, "tokens": 9.0, "moved": 0.0}
    after = {**before, "sampled": gold, "harmful": 0.25, **changes}
    whole = {"outcome": outcome, "reason": "too far", "iterations": [{**before, "harmful": 0.5}, after]}
    checked = {"bad": "", "wall_s": 30.0, "load": 1.0}
    return {
        "cell": {"recipe": recipe, "seed": seed},
        "result": checked if seed is None else {**checked, **whole},
        "date": "2026-11-21",
        "commit": "0123456789ab",
    }


def cells(line: str) -> list[str]:
    return [part.strip() for part in line.strip("|").split("|")]


def test_the_seed_and_the_comparisons_come_before_the_recipes() -> None:
    found = lines([row("spin", 1), row("self-rewarding", 1), row("gold-judged", 1), row("spin", None)])
    table = [cells(line) for line in found if line.startswith("|")][2:]
    assert [line[0] for line in table] == [
        "the seed, `m1`",
        "`self-rewarding`, judged by gold",
        "`self-rewarding`",
        "`spin`",
    ]
    assert table[0][1:5] == ["1.00", "1.00", "80", "50"] and table[3][1:5] == ["2.00", "1.00", "80", "75"]
    assert table[3][-3:] == ["30", "30", "1"]


def test_several_seeds_have_students_interval_and_what_was_not_measured_has_none() -> None:
    found = lines([row("spin", seed, gold, accuracy=None) for seed, gold in ((1, 1.0), (2, 2.0), (3, 3.0))])
    (line,) = [cells(line) for line in found if "`spin`" in line]
    assert line[1] == "2.00 (-0.48 to 4.48)" and line[3] == "-" and line[-1] == "3"


def test_a_run_that_was_halted_is_named_with_its_reason() -> None:
    assert lines([row("spin", 1, outcome="halted")])[-1] == "- `spin`, seed 1: halted, too far"
    assert not any(line.startswith("- ") for line in lines([row("spin", 1)]))


def test_the_page_says_of_each_recipe_what_its_file_says() -> None:
    said = "\n".join(["<!-- sections: begin -->", *sections(), "<!-- sections: end -->"])
    assert said in PAGE.read_text(encoding="utf-8"), "write the page anew: python -m benchmarks.recipes --page"
