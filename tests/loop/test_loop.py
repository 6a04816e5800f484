"""The loop on the stub engine: what it keeps, where it goes on, and when it stops."""

from pathlib import Path

import pytest
from small import chain, quiet, run_small, small_config

from constitutions.files import shipped
from loop import drive
from loop.progress import Event
from runs.errors import ConfigError, DiskError, UsageError, WorkerError
from runs.lineage import decision_of, links
from runs.query import query
from runs.store import Store
from runs.verify import verify


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store, outcome = run_small(tmp_path_factory.mktemp("home"))
    assert outcome.kind == "done"
    return store


def test_a_run_has_its_seed_and_its_iterations_each_with_every_step(finished: Store) -> None:
    seed, first, second = chain(finished)
    assert set(seed.outputs) == {"seed", "measure", "decide"}
    assert set(first.outputs) == {"prompts", "generate", "judge", "pair", "train", "measure", "decide"}
    assert second.parent == first.digest and first.parent == seed.digest
    assert first.policy == finished.output(first.outputs["train"]).values["adapter"]


def test_verify_finds_nothing_wrong_and_every_row_names_its_maker(finished: Store) -> None:
    assert verify(finished) == []
    for view in ("responses", "judgments"):
        _, rows = query(finished, f"select count(*), count(adapter) filter (adapter <> '') from {view}")
        assert rows[0][0] == rows[0][1] > 0


def test_the_same_seed_gives_the_same_digests_and_another_seed_others(finished: Store, tmp_path: Path) -> None:
    again, _ = run_small(tmp_path / "again")
    other, _ = run_small(tmp_path / "other", seed=1)
    assert [i.digest for i in chain(again)] == [i.digest for i in chain(finished)]
    assert not {i.digest for i in chain(other)} & {i.digest for i in chain(finished)}


def test_with_gold_off_every_digest_of_the_loop_is_the_same(finished: Store, tmp_path: Path) -> None:
    blind, _ = run_small(tmp_path, gold__enabled="false")
    assert [i.digest for i in chain(blind)] == [i.digest for i in chain(finished)]
    beside = [
        [link.outputs.keys() - link.iteration.outputs for link in links(store, drive.existing(store, "r1"))]
        for store in (blind, finished)
    ]
    assert beside == [[set()] * 3, [{"gold"}] * 3]


class Interrupted(Exception):
    """What stands for a Ctrl-C or a crash."""


@pytest.mark.parametrize("after", [1, 7, 13, 20, 28, 40])
def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(finished: Store, tmp_path: Path, after: int) -> None:
    seen = []

    def interrupt(event: Event) -> None:
        seen.append(event)
        if len(seen) == after:
            raise Interrupted

    store = Store(tmp_path)
    drive.begin(store, "r1", "test", small_config())
    with pytest.raises(Interrupted):
        drive.carry_on(store, "r1", interrupt)
    assert drive.carry_on(store, "r1", quiet).kind == "done"
    assert [i.digest for i in chain(store)] == [i.digest for i in chain(finished)]


def test_a_worker_that_fails_once_is_tried_again_and_one_that_goes_on_failing_is_an_error(
    finished: Store, tmp_path: Path
) -> None:
    failures = iter(range(1))

    def fail_once(event: Event) -> None:
        if event.address == "r1@1/judge" and next(failures, None) is not None:
            raise WorkerError("the engine ended")

    def fail_always(event: Event) -> None:
        if event.address == "r1@1/judge":
            raise WorkerError("the engine ended")

    once, always = Store(tmp_path / "once"), Store(tmp_path / "always")
    for store in (once, always):
        drive.begin(store, "r1", "test", small_config())
    assert drive.carry_on(once, "r1", fail_once).kind == "done"
    assert [i.digest for i in chain(once)] == [i.digest for i in chain(finished)]
    with pytest.raises(WorkerError, match="the engine ended"):
        drive.carry_on(always, "r1", fail_always)


def test_a_run_refuses_to_go_on_with_a_file_that_has_changed(tmp_path: Path) -> None:
    constitution = tmp_path / "mine.yaml"
    constitution.write_text(shipped("microworld").read_text(encoding="utf-8"), encoding="utf-8")
    store, outcome = run_small(tmp_path / "home", constitution=str(constitution), iterations="0")
    assert outcome.kind == "done"
    constitution.write_text(
        constitution.read_text(encoding="utf-8").replace("judge this answer", "score this answer"), encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="constitution is not what it was when r1 began"):
        drive.carry_on(store, "r1", quiet)


def test_a_finished_run_has_nothing_to_do_and_more_iterations_extend_it(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path)
    before = chain(store)
    begun: list[Event] = []
    assert drive.carry_on(store, "r1", begun.append).kind == "done"
    assert [event for event in begun if event.kind == "begin"] == []
    drive.change(store, "r1", small_config(iterations="3"))
    assert drive.carry_on(store, "r1", quiet).kind == "done"
    assert chain(store)[:3] == before and len(chain(store)) == 4


def test_a_semantic_change_is_refused_with_leaf_values_step_and_next_command(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path)
    with pytest.raises(ConfigError) as caught:
        drive.change(store, "r1", small_config(train__beta="0.7"))
    for fact in ("train.beta", "0.7", "0.3", "1/train", "selfsame branch r1@2 r1-2 train.beta=0.7"):
        assert fact in str(caught.value)


def test_a_name_that_is_taken_is_refused(finished: Store) -> None:
    with pytest.raises(UsageError, match="selfsame resume r1"):
        drive.begin(finished, "r1", "test", small_config())


def test_too_few_pairs_halt_before_training_and_the_halt_stays(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, guards__min_pairs="1000")
    assert outcome.kind == "halted" and "min_pairs" in outcome.reason
    seed, halted = chain(store)
    assert "train" not in halted.outputs and halted.policy == seed.policy
    assert decision_of(store, halted)["verdict"] == "halt"
    assert drive.carry_on(store, "r1", quiet) == outcome
    assert len(chain(store)) == 2


def test_a_policy_that_moved_too_far_is_not_promoted(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, guards__max_kl_to_seed_nats="1e-6")
    assert outcome.kind == "halted" and "max_kl_to_seed_nats" in outcome.reason
    *_, before, halted = chain(store)
    assert "train" in halted.outputs and halted.policy == before.policy
    assert decision_of(store, halted)["verdict"] == "halt"


def test_a_run_that_computes_otherwise_recalls_nothing_of_one_that_shares_its_home(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, iterations="1")
    drive.begin(store, "r2", "test", small_config(iterations="1", model__dtype="bfloat16"))
    said: list[Event] = []
    drive.carry_on(store, "r2", said.append)
    known = {event.address.rpartition("/")[2] for event in said if event.kind == "known"}
    assert not known & {"seed", "measure", "generate", "judge", "train", "gold"}


def test_what_a_home_already_holds_changes_no_digest(tmp_path: Path) -> None:
    alone, _ = run_small(tmp_path / "alone", iterations="1", judge__adapter="seed")
    store, _ = run_small(tmp_path / "shared", "r0", iterations="1")
    drive.begin(store, "r1", "test", small_config(iterations="1", judge__adapter="seed"))
    drive.carry_on(store, "r1", quiet)
    assert [i.digest for i in chain(store)] == [i.digest for i in chain(alone)]


def test_the_previous_judge_of_a_candidate_is_the_policy_that_it_was_trained_from(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, judge__adapter="previous")
    seed, first, second = chain(store)
    for iteration, step, judge in ((first, "judge", seed), (second, "judge", seed), (second, "measure", first)):
        judgments = store.all_rows("judgments", store.output(iteration.outputs[step]))
        assert {judgment.adapter for judgment in judgments} == {judge.policy}


def test_a_token_limit_stops_cleanly_and_the_next_start_goes_on(finished: Store, tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, limits={"tokens": "200"})
    assert outcome.kind == "stopped" and "limits.tokens=200" in outcome.reason
    starts = 1
    while drive.carry_on(store, "r1", quiet).kind == "stopped":
        starts += 1
    assert starts > 2
    assert [i.digest for i in chain(store)] == [i.digest for i in chain(finished)]


def test_a_disk_that_is_too_full_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="min_free_disk_gib"):
        run_small(tmp_path, limits={"min_free_disk_gib": "1e9"})


def test_the_rubric_judge_keeps_every_reply_and_its_score(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, judge__method="rubric", judge__replies="2", iterations="1")
    assert outcome.kind == "done"
    columns, rows = query(store, "select replies, score from judgments where method = 'rubric'")
    assert columns == ["replies", "score"] and rows
    for replies, score in rows:
        read = [reply["score"] for reply in replies if reply["score"] is not None]
        assert len(replies) == 2 and (score is None) == (not read)
        assert score is None or score == pytest.approx(sum(read) / len(read))
