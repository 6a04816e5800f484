"""Judges made of judges, and one that asks nobody: rule rewards, safety first, an own answer first, a verifier."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from small import chain, run_small, small_config

from constitutions.load import Constitution, find_constitution
from judges.composite import SafetyFirst, Weighted
from judges.dialogue import Item
from loop.auditing import audit_of
from loop.cli import main
from loop.config_judge import Judge as Settings
from loop.configured_judge import configured_judge
from loop.cost import estimate
from loop.engine.protocol import Write
from loop.engine.stub import StubEngine
from loop.load_config import load_config
from loop.preflight import check
from runs.errors import ConfigError, UsageError
from runs.records import Judgment, Message
from runs.store import Store

TINY: dict[str, object] = {
    "iterations": 1,
    "prompts__count": 12,
    "measure": {"prompts": 5, "anchor_count": 6},
    "gold__enabled": False,
    "guards__max_unscored_frac": 1.0,
}
MICROWORLD = find_constitution("microworld")


def judged(home: Path, **way: object) -> dict[tuple[str, ...], Judgment]:
    """The judgments of the answers of iteration 1, by what they are of."""
    tree = {**TINY, **{f"judge__{leaf}": value for leaf, value in way.items()}}
    store, outcome = run_small(home, **tree)
    assert outcome.kind == "done", outcome.reason
    return {own.judged: own for own in store.all_rows("judgments", store.output(chain(store)[1].outputs["judge"]))}


def test_the_rule_reward_is_added_to_the_score_as_often_as_it_weighs(tmp_path: Path) -> None:
    whole, rules = judged(tmp_path / "1"), judged(tmp_path / "2", method="propositions")
    both = judged(tmp_path / "3", rule_weight=0.5)
    assert whole.keys() == rules.keys() == both.keys()
    for answer, own in both.items():
        parts = whole[answer].score, rules[answer].score
        assert own.method == "weighted" and None not in (own.score, *parts)
        assert own.score == pytest.approx(parts[0] + 0.5 * parts[1])  # type: ignore[operator]
        assert [reply.principle for reply in own.replies] == list(MICROWORLD.propositions)


def test_safety_alone_counts_where_the_prompt_is_risky(tmp_path: Path) -> None:
    alone = judged(tmp_path / "1", safety_first=True, safety_tags="family=sort")
    never, whole = judged(tmp_path / "2", safety_first=True, safety_tags="no=never"), judged(tmp_path / "3")
    only_safety = [answer for answer, own in alone.items() if own.score != never[answer].score]
    assert only_safety and len(only_safety) < len(alone)
    above = [answer for answer, own in never.items() if own.score == whole[answer].score]
    assert above  # safe enough: the score of the answer as a whole
    assert {reply.principle for own in alone.values() for reply in own.replies} == {"harmful"}


def test_a_safety_score_lies_on_the_scale_of_the_other_one() -> None:
    judge = configured_judge(Settings(safety_first=True, safety_floor=0.2), MICROWORLD)
    assert isinstance(judge, SafetyFirst) and judge.floor == 1.0
    weighted = configured_judge(Settings(method="rubric", rule_weight=2, safety_first=True), MICROWORLD)
    assert isinstance(weighted, SafetyFirst) and isinstance(weighted.helpfulness, Weighted)


def test_an_own_answer_is_written_once_for_all_answers_to_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    run = StubEngine.run

    def listening(self: StubEngine, given: Sequence[Any]) -> list[Any]:
        # The answers to be judged are drawn at the temperature of `generate`.
        written.extend(one for one in given if isinstance(one, Write) and one.sampling.temperature == 0.125)
        return run(self, given)

    monkeypatch.setattr(StubEngine, "run", listening)
    found = judged(tmp_path, commit_first=True, temperature=0.125)
    assert len(written) == len(set(written))
    own = {judgment.replies[0].text for judgment in found.values()}
    assert 1 < len(own) <= 12 < len(found)
    assert {judgment.method for judgment in found.values()} == {"commit_first_expected"}


@pytest.mark.parametrize(
    "way", [{"method": "propositions"}, {"rule_weight": 3}, {"commit_first": True}, {"agreement": 0.5}]
)
def test_every_way_to_judge_can_be_audited(tmp_path: Path, way: dict[str, object]) -> None:
    tree = {**TINY, "iterations": 0, "audit__items": 6, **{f"judge__{leaf}": value for leaf, value in way.items()}}
    store, outcome = run_small(tmp_path, **tree)
    assert outcome.kind == "done", outcome.reason
    metrics = store.output(chain(store)[0].outputs["audit"]).metrics
    assert "audit/label/accuracy" in metrics
    on_the_scale = "commit_first" in way or "agreement" in way
    assert ("audit/spread/at_high" in metrics) == on_the_scale


def test_comparisons_are_made_by_the_principles_that_are_named(tmp_path: Path) -> None:
    found = judged(tmp_path, method="pairwise", principle_ids="polite,concise", principles=None)
    assert {own.principles for own in found.values()} == {("polite", "concise")}


def test_a_verifier_asks_nobody_and_says_so(tmp_path: Path) -> None:
    lines = [
        {"prompt": f"{split} {n}?", "split": split, "tags": {"reference": f"word{n}"}}
        for n in range(12)
        for split in ("train", "held-out")
    ]
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("\n".join(map(json.dumps, lines)))
    way = {"judge": {"method": "verifier", "match": "words"}}
    tree = {"prompts": {"count": 12, "source": str(prompts)}, "measure": {"prompts": 5, "anchors": None}}
    store, outcome = run_small(tmp_path / "home", **{**TINY, **tree, **way})
    rows = [own for made in chain(store) for one in made.outputs.values() for own in judgments(store, one)]
    assert rows and {own.by for own in rows} == {"verifier"} and {own.score for own in rows} <= {0.0, 1.0}
    assert not {own.adapter for own in rows} & {made.policy for made in chain(store)}
    assert outcome.kind == "halted" and "pairs" in outcome.reason  # the stub is never right: nothing to learn from
    for overrides in ((), ("measure.anchors=microworld",)):
        with pytest.raises(UsageError, match=r"a verifier has no taste to audit.*judge\.method=expected"):
            audit_of(store, "r1@0", overrides, lambda event: None)


def judgments(store: Store, output: str) -> list[Judgment]:
    return store.all_rows("judgments", store.output(output))


def refused(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        check(load_config("self-rewarding", overrides))
    return str(caught.value)


def test_what_a_way_to_judge_lacks_is_refused_at_the_door(tmp_path: Path) -> None:
    assert "overal" in refused("judge.method=pairwise", "judge.principle_ids=polite,overal")
    assert "padding" in refused("judge.method=pairwise", "judge.principle_ids=padding")  # said in audits alone
    plain = tmp_path / "plain.yaml"
    plain.write_text('name: plain\nscale: {low: 0, high: 5}\nquestions:\n  expected: "{request} {response}"\n')
    assert "proposition" in refused(f"constitution={plain}", "judge.rule_weight=1")
    plain.write_text(plain.read_text() + '  proposition: "{proposition} {request} {response}"\n')
    assert "response_types" in refused(f"constitution={plain}", "judge.rule_weight=1")
    assert "disallow" in refused(f"constitution={plain}", "judge.safety_first=true")


def test_the_first_refusal_of_a_verifier_names_all_that_it_lacks_and_nothing_else(tmp_path: Path) -> None:
    said = refused("judge.method=verifier")
    lacks = ("judge.match=number", "measure.anchors=null", 'prompts.source=FILE, with lines such as {"prompt": ')
    assert all(one in said for one in lacks) and "judge.panel" not in said
    assert "judge.match" not in refused("judge.method=verifier", "judge.match=exact")
    assert "no judge.panel (seed)" in refused("judge.method=verifier", "judge.match=exact", "judge.panel=seed")
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("\n".join(json.dumps({"prompt": f"{n}?"}) for n in range(40)))
    own = (f"prompts.source={prompts}", "measure.anchors=null", "gold.enabled=false", "capability.prompts=null")
    assert '"tags": {"reference": "5"}' in refused("judge.method=verifier", "judge.match=exact", *own)


def test_a_question_that_a_constitution_lacks_is_blamed_on_the_setting_that_asks_it() -> None:
    said = refused("constitution=helpful", "judge.safety_first=true")
    assert said.startswith("judge.safety_first=true asks proposition: constitution=helpful has no such question")
    assert "microworld" in said and "judge.method" not in said
    said = refused("constitution=helpful", "judge.method=pairwise")
    assert said.startswith("judge.method=pairwise asks pairwise:")
    assert said.endswith("or judge in another way (judge.method=expected, judge.method=rubric)")


def test_no_file_says_which_answers_are_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("judge: {method: verifier, match: exact}\n")
    assert main(["run", str(recipe)]) == 78
    assert "judge.match" in capsys.readouterr().err


def test_what_is_switched_off_is_no_part_of_the_way_to_judge() -> None:
    assert Settings().way() == {"method": "expected", "min_mass": 0.5}
    assert Settings(rule_weight=0.5).way() == {"method": "expected", "min_mass": 0.5, "rule_weight": 0.5}


def test_the_estimate_counts_every_round_that_a_judge_may_ask_for(tmp_path: Path) -> None:
    def replies(**way: object) -> int:
        config = small_config(**{f"judge__{leaf}": value for leaf, value in way.items()})
        return next(one.reply_tokens for one in estimate(Store(tmp_path), config, []).shares if "verdicts" in one.work)

    assert replies(commit_first=True) == pytest.approx(33 * replies(), rel=0.01)  # 32 tokens of its own, and a score
    assert replies(agreement=0.5) == replies(commit_first=True)


def test_whoever_judges_by_rules_shows_what_it_was_asked() -> None:
    constitution: Constitution = MICROWORLD
    judge = configured_judge(Settings(rule_weight=1), constitution)
    asked = judge.ask(Item((Message("user", "sort 2 1."),), ("1, 2.",), {"harm": "none"}), [])
    assert len(asked) == 1 + len(constitution.propositions)
