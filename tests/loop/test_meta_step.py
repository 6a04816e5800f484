"""The policy's own judgments are judged, and pairs of them are learnt from beside pairs of answers."""

import pytest
from small import chain, run_small, small_config

from judges.judgment_pairs import Battle
from loop import drive
from loop.load_config import load_config
from loop.preflight_meta import check_meta
from loop.steps.meta import battles_of, written_judgments
from loop.steps.train_rows import judgment_rows
from runs.errors import ConfigError
from runs.records import Judgment, Reply, Response, Sampling, Unscored
from runs.store import Store

RUBRIC: dict[str, object] = {
    "judge": {"method": "rubric", "replies": "4"},
    "guards": {"min_pairs": "1", "max_unscored_frac": "1", "min_anchor_accuracy": "0"},
    "gold__enabled": False,
    "measure": {"prompts": "6", "anchors": None},
}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two iterations, of which the first alone asks a meta-judge."""
    phases = [{"since": 2, "settings": {"meta_judge.max_frac": 0.0}}]
    store, _ = run_small(tmp_path_factory.mktemp("home"), meta_judge__max_frac=0.5, phases=phases, **RUBRIC)
    return store


def test_a_meta_judge_is_asked_in_the_iterations_that_want_one(learnt: Store) -> None:
    assert ["meta" in iteration.outputs for iteration in chain(learnt)] == [False, True, False]


def test_the_strongest_judgment_of_an_answer_is_chosen_over_the_weakest_and_learnt_from(learnt: Store) -> None:
    first = chain(learnt)[1]
    output = learnt.output(first.outputs["meta"])
    pairs = learnt.all_rows("pairs", output)
    assert 0 < len(pairs) == output.metrics["signal/judgment_pairs"] <= output.metrics["signal/judgment_pairs_found"]
    assert len(pairs) <= len(learnt.all_rows("pairs", learnt.output(first.outputs["pair"])))
    assert all(pair.margin > 0 and pair.label_source == "meta" for pair in pairs)
    questions = {prompt.digest: prompt.messages[0].content for prompt in learnt.all_rows("prompts", output)}
    assert all("judge this answer" in questions[pair.prompt] for pair in pairs)
    with drive.desk_of(learnt, "r1", small_config(meta_judge__max_frac=0.5, **RUBRIC)) as desk:
        rows = judgment_rows(desk, first.outputs["meta"])
    assert len(rows) == len(pairs)
    assert all(row["chosen"] != row["rejected"] for _, row in rows)


def test_what_a_reply_of_the_second_order_says_is_of_the_judgment_shown_first() -> None:
    replies = (Reply("", "ab", "", 0.9), Reply("", "ba", "", 0.7))
    verdict = Judgment("judgment", ("x", "y"), "p", "base", "meta", "c", (), replies, 0.8, None, 0.8, 0)
    assert battles_of([verdict]) == [Battle("x", "y", 0.9), Battle("y", "x", pytest.approx(0.3))]


def test_each_different_reply_that_states_a_score_is_one_judgment() -> None:
    answer = Response("q", "p", "base", Sampling(1, 1, 9), 0, "blue", (1,), (0.0,), "end")
    replies = (Reply("", "", "Good.\nScore: 4", 4), Reply("", "", "Good.\nScore: 4", 4), Reply("", "", "Hm.", None))
    one = Judgment("response", (answer.digest,), "p", "base", "rubric", "c", (), replies, 4.0, None, None, 0)
    none = Judgment("response", (answer.digest,), "p", "base", "rubric", "c", (), (), None, Unscored.TIE, None, 0)
    (found,) = written_judgments([one, none], {answer.digest: answer})
    assert (found.score, found.text, found.prompt, found.response) == (4, "Good.\nScore: 4", "q", answer.digest)


@pytest.mark.parametrize(
    "overrides", [[], ["judge.method=rubric", "judge.adapter=seed"], ["judge.method=rubric", "train.method=sft"]]
)
def test_what_cannot_be_judged_again_or_learnt_from_is_refused(overrides: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"meta_judge\.max_frac=0\.1"):
        check_meta(load_config("self-rewarding", ["meta_judge.max_frac=0.1", *overrides]))


def test_a_run_without_a_meta_judge_keeps_the_keys_that_it_had() -> None:
    assert "meta_judge" not in small_config().semantic()
    assert small_config(meta_judge__max_frac=0.1, **RUBRIC).semantic()["meta_judge"]["max_frac"] == 0.1
