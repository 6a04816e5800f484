"""The league of judges: its page is made of its rows, and what it counts is what was decided."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import judge_ablations, league_page
from benchmarks.league import Desks
from benchmarks.league_items import PROMPTS, Answered, held_out
from benchmarks.league_judges import OVERALL, WAYS, BetterJudgment, judge_of
from benchmarks.league_page import between, by_seed, decided, over, right, right_of_decided
from constitutions.load import find_constitution
from judges.dialogue import Chances, Choose, Item, Question, Text, Verdict
from judges.several_tests import holm
from judges.statistics import Estimate
from judges.verifier import Verifier
from loop import drive
from loop.desk import Desk
from loop.judging import verdicts
from loop.load_config import load_config
from microworld.grammar import parse
from microworld.phrasings import FAMILIES
from microworld.solutions import right_body
from runs.records import Message
from runs.store import Store

CONSTITUTION = find_constitution("microworld")
FEW = 26


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    @contextmanager
    def stub_desk(model: str) -> Iterator[Desk]:
        config = load_config("self-rewarding", ["engine.kind=stub", f"model.base=microworld:{model}"])
        with drive.desk_of(Store(tmp_path / model), "league", config) as desk:
            yield desk

    with Desks(stub_desk) as opened:
        yield opened


def cell(judge: str, by: str = "m1") -> dict[str, Any]:
    return {"judge": judge, "seed": 1, "policy": "m1", "by": by}


def row(letters: str, judge: str = "both", seed: int = 1, items: str = "same") -> dict[str, Any]:
    return {"cell": {**cell(judge), "seed": seed}, "result": {"letters": letters, "items": items}}


def verdict_of(name: str, item: Item, answer: Any) -> Verdict:
    settings = load_config("self-rewarding", WAYS[name].settings).judge
    (verdict,) = verdicts(judge_of(WAYS[name], settings, CONSTITUTION), [item], answer)
    return verdict


def asked_item(*texts: str) -> Item:
    return Item((Message("user", "sort these: 3 1."),), texts)


@pytest.mark.parametrize("tables", [league_page.tables, judge_ablations.tables])
def test_the_pages_tables_are_those_of_the_rows(tables: Any) -> None:
    for mark, lines in tables().items():
        assert between(mark) == "\n".join(lines)


def test_every_way_to_judge_decides_or_is_silent_on_the_same_pairs_and_says_what_that_took(desks: Desks) -> None:
    found = {name: desks.measure(cell(name, "m1+m0" if name == "panel" else "m1"), FEW) for name in WAYS}
    assert len({one["items"] for one in found.values()}) == 1
    for name, one in found.items():
        assert len(one["letters"]) == FEW, name
        assert set(one["letters"]) <= set("01-."), name
        assert one["pairs"] == FEW - one["letters"].count(".") > 0, name
    pairs = found["bare"]["pairs"]
    asked = {name: one["requests"] / pairs for name, one in found.items()}
    assert (asked["bare"], asked["both"], asked["reasoned3"], asked["panel"]) == (1, 2, 6, 4)
    assert asked["ensemble"] == 8 * asked["both"]
    assert asked["verifier"] == 0
    assert found["both"]["prompt_tokens"] >= found["bare"]["prompt_tokens"]


def test_both_orders_decide_alike_whichever_answer_is_called_the_first(desks: Desks) -> None:
    items = desks.items("m1", 1, FEW)
    found = desks.measure(cell("both"), FEW)["letters"]
    desks._sampled["m1", 1] = [replace(item, texts=(item.texts[1], item.texts[0], *item.texts[2:])) for item in items]
    assert desks.measure(cell("both"), FEW)["letters"] == found


def test_a_tournament_puts_the_answer_first_that_wins_most_whatever_its_two_own_comparisons_said() -> None:
    # All prefer the longer one, but of the first two texts the shorter one is preferred when they meet.
    first, second, *others = ("sort 1 2 3", "sort 1 2 3 4", "sort", "sort 1 2 3 4 5")

    def longer(asked: Sequence[tuple[Question, int]]) -> list[Chances | Text]:
        replies: list[Chances | Text] = []
        for question, _ in asked:
            lines = question.messages[-1].content.split("\n")
            a, b = (next(line[3:] for line in lines if line.startswith(mark)) for mark in ("A: ", "B: "))
            wins = len(a) > len(b)
            if {a, b} == {first, second}:
                wins = not wins
            replies.append(Chances((-0.1, -3.0) if wins else (-3.0, -0.1)))
        return replies

    verdict = verdict_of("tournament", asked_item(first, second, *others), longer)
    strengths = {reply.text: reply.score for reply in verdict.replies}
    assert set(strengths) == {first, second, *others}
    assert max(strengths, key=lambda text: strengths[text] or 0.0) == others[1]
    assert min(strengths, key=lambda text: strengths[text] or 0.0) == others[0]


@pytest.mark.parametrize(("better", "low", "high"), [(0, 0.9, 1.6), (1, 4.4, 5.1)])
def test_the_judgment_that_the_meta_judge_prefers_decides_the_score(better: int, low: float, high: float) -> None:
    judgments = ("bad.\nScore: 1", "good.\nScore: 5")

    def answer(asked: Sequence[tuple[Question, int]]) -> list[Chances | Text]:
        if not isinstance(asked[0][0], Choose):
            return [Text(judgment, True) for judgment in judgments]
        shown = [question.messages[-1].content.split("\nA: ")[1] for question, _ in asked]
        return [
            Chances((-0.06, -3.0) if text.startswith(judgments[better].split("\n")[0]) else (-3.0, -0.06))
            for text in shown
        ]

    score = verdict_of("meta", asked_item("1 3."), answer).score
    assert isinstance(score, float) and low <= score <= high


def test_a_meta_judge_is_not_asked_where_both_judgments_say_the_same() -> None:
    judge = judge_of(WAYS["meta"], load_config("self-rewarding", WAYS["meta"].settings).judge, CONSTITUTION)
    assert isinstance(judge, BetterJudgment)
    same = (Text("bad.\nScore: 2", True), Text("worse.\nScore: 2", True))
    assert judge.ask(asked_item("1 3."), [same]) == ()
    assert judge.read(asked_item("1 3."), [same]).score == 2


def test_the_reference_of_a_prompt_is_the_number_that_a_right_answer_ends_in() -> None:
    judge = Verifier("number")
    with_reference = [prompt for prompt in held_out(1) if "reference" in prompt.tags]
    assert {prompt.tags["family"] for prompt in with_reference} == {"count", "compare", "compute", "steps"}
    for prompt in with_reference:
        task = parse(prompt.messages)
        assert task is not None
        said = right_body(task) if task.family != "count" else f"it is there {prompt.tags['reference']} times"
        ends_in_it = said if task.family != "compare" else f"the {task.facts['degree']} is {prompt.tags['reference']}"
        assert judge.read(Item(prompt.messages, (ends_in_it,), prompt.tags), []).score == 1


def test_a_seed_has_as_many_prompts_of_each_family() -> None:
    drawn = [prompt.tags["family"] for prompt in held_out(2)]
    assert {family: drawn.count(family) for family in FAMILIES} == dict.fromkeys(FAMILIES, PROMPTS // len(FAMILIES))


def test_a_verdict_is_held_against_gold_and_none_or_a_tie_is_no_verdict() -> None:
    prompt = next(prompt for prompt in held_out(1) if prompt.tags["family"] == "compute")
    task = parse(prompt.messages)
    assert task is not None
    item = Answered(prompt, (f"sure. {right_body(task)}.", "no.", "a", "b"))
    assert item.better == "a"
    assert [item.letter(chance) for chance in (0.9, 0.1, 0.5, None)] == ["1", "0", "-", "-"]
    assert Answered(prompt, ("no.", "no.", "a", "b")).letter(0.9) == "."


def test_a_difference_is_taken_pair_by_pair_and_silence_counts_a_half() -> None:
    before, after = row("0011-.", "bare"), row("0111-.")
    assert right([before]).value == (0 + 0 + 1 + 1 + 0.5) / 5
    assert right_of_decided([before]).value == 0.5
    assert decided([before]).value == 0.8
    assert over([after], [before]).value == pytest.approx(0.2)
    assert by_seed([after, row("0000-.", seed=2)], [before, row("1000-.", "bare", 2)]) == pytest.approx([0.2, -0.2])


def test_rows_of_other_pairs_are_not_compared() -> None:
    with pytest.raises(ValueError, match="not of the same pairs"):
        over([row("01")], [row("01", "bare", items="others")])


def test_an_interval_over_seeds_says_what_helps() -> None:
    import numpy as np

    found = judge_ablations.paired(np.array([0.1, 0.2, 0.15, 0.12, 0.18]))
    assert found.low is not None and found.low > 0.09
    wide = judge_ablations.paired(np.array([0.5, -0.4, 0.1, 0.0, -0.1]))
    assert wide.low is not None and wide.high is not None and wide.low < 0 < wide.high


def test_what_helps_is_what_holms_procedure_leaves() -> None:
    # Three times the smallest, twice the second, once the third, and never less than the one before.
    assert holm([0.03, 0.01, 0.04]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == [] and holm([0.7, 0.9]) == [1.0, 1.0]
    assert judge_ablations.normal_p(Estimate(1.96, 0.0, 3.92)) == pytest.approx(0.05, abs=1e-4)


def test_the_baseline_asks_by_one_principle_alone() -> None:
    settings = load_config("self-rewarding", WAYS["bare"].settings).judge
    assert OVERALL.endswith(settings.principle_ids[0])
    assert (settings.both_orders, settings.method) == (False, "pairwise")
