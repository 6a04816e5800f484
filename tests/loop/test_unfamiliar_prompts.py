"""Where a prompt is too far from the labelled ones the judge abstains, and nothing is learnt from its answers."""

import json
from pathlib import Path

import pytest
from small import chain, run_small, small_config

from constitutions.load import find_constitution
from judges.audit.distance import asked, distances
from judges.dialogue import Item
from judges.expected import Expected
from judges.familiar import Familiar
from loop import drive
from loop.anchors import anchor_pairs
from loop.cli import main
from loop.familiar import bounds
from loop.preflight import check
from runs.errors import ConfigError
from runs.records import Judgment, Message, PreferencePair, Prompt, Response, Unscored
from runs.store import Store
from runs.verify import verify

LIMIT = 0.6
CHANGES: dict[str, object] = {
    "iterations": "1",
    "judge__max_distance": LIMIT,
    "judge__min_mass": "0.1",
    "guards__max_unscored_frac": "1",
    "gold__enabled": "false",
    "measure__prompts": "8",
}


@pytest.fixture(scope="module")
def anchors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The labelled pairs of two families alone."""
    pairs = [pair for pair in anchor_pairs("microworld") if pair.tags["family"] in ("sort", "count")]
    rows = [
        {"messages": [vars(m) for m in pair.messages], "a": pair.a, "b": pair.b, "label": pair.label, "tags": pair.tags}
        for pair in pairs
    ]
    path = tmp_path_factory.mktemp("labelled") / "anchors.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def done(anchors: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store, outcome = run_small(tmp_path_factory.mktemp("home"), measure__anchors=str(anchors), **CHANGES)
    assert outcome.kind == "done", outcome
    return store


def test_the_judge_abstains_on_far_prompts_alone_and_no_pair_is_made_of_them(done: Store, anchors: Path) -> None:
    outputs = chain(done)[1].outputs
    prompts: list[Prompt] = done.all_rows("prompts", done.output(outputs["prompts"]))
    known = [asked(pair.messages) for pair in anchor_pairs(str(anchors))]
    distance = dict(
        zip((p.digest for p in prompts), distances([asked(p.messages) for p in prompts], known), strict=True)
    )
    answers: list[Response] = done.all_rows("responses", done.output(outputs["generate"]))
    far = {answer.digest: distance[answer.prompt] > LIMIT for answer in answers}
    assert 0 < sum(far.values()) < len(far)

    judged = done.output(outputs["judge"])
    judgments: list[Judgment] = done.all_rows("judgments", judged)
    assert {own.judged[0]: own.unscored is Unscored.UNFAMILIAR for own in judgments} == far
    assert all(own.replies == () and own.probability is None for own in judgments if far[own.judged[0]])
    share = sum(far.values()) / len(far)
    assert judged.metrics["judge/train_unscored/unfamiliar_frac"] == pytest.approx(share)
    pairs: list[PreferencePair] = done.all_rows("pairs", done.output(outputs["pair"]))
    assert pairs and not any(far[pair.chosen] or far[pair.rejected] for pair in pairs)
    assert verify(done) == []


def test_labelled_pairs_are_always_judged_and_far_held_out_answers_are_not(done: Store) -> None:
    measured = done.output(chain(done)[1].outputs["measure"])
    assert measured.metrics["judge/anchor_unscored_frac"] == 0
    assert 0 < (measured.metrics["judge/unscored/unfamiliar_frac"] or 0) < 1


def test_show_says_that_nobody_was_asked(
    done: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(done.home))
    judgments = done.all_rows("judgments", done.output(chain(done)[1].outputs["judge"]))
    row = next(n for n, own in enumerate(judgments) if own.unscored is Unscored.UNFAMILIAR)
    assert main(["show", f"r1@1/judge/{row}"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "unfamiliar" in shown and "nobody was asked" in shown


def test_other_labelled_prompts_are_another_question_to_the_judge(done: Store, anchors: Path) -> None:
    def key(**changes: object) -> str:
        config = small_config(**{**CHANGES, "measure__anchors": str(anchors), **changes})
        with drive.desk_of(done, "r1", config) as desk:
            return json.dumps(bounds(desk, desk.config.judge.way()))

    assert key() != key(measure__anchors="microworld") and key(judge__max_distance=None) == "{}"


def test_a_far_prompt_is_no_question_at_all() -> None:
    whole = Expected(find_constitution("microworld"), 0.5)
    near, far = ((Message("user", text),) for text in ("sort these.", "something else."))
    judge = Familiar(whole, frozenset({far}))
    assert judge.ask(Item(near, ("an answer",)), ()) == whole.ask(Item(near, ("an answer",)), ())
    assert judge.ask(Item(far, ("an answer",)), ()) == ()
    assert judge.read(Item(far, ("an answer",)), ()).score is Unscored.UNFAMILIAR
    assert (judge.method, judge.compares) == ("expected", 1)


def test_a_distance_without_labelled_prompts_or_for_rewards_that_never_abstain_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"judge\.max_distance=0\.6 .*measure\.anchors=null has none"):
        check(small_config(**{**CHANGES, "measure__anchors": None}))
    with pytest.raises(ConfigError, match=r"never abstains, so that judge\.max_distance=0\.6"):
        check(small_config(**CHANGES, train__method="rl"))
