"""Chains of iterations, who made them, and addresses."""

import pytest

from runs.canonical import digest
from runs.errors import CorruptError, UsageError
from runs.lineage import closed, first_link, first_own, iterations, last_index, links, made_by, nearest, resolve
from runs.naming import delete, fork
from runs.records import Iteration, Judgment
from runs.store import Store
from tests.runs.history import BASE, close, new_run


def test_iterations_are_in_order_and_a_branch_has_those_of_its_ancestor(history: Store) -> None:
    r1, r2 = (iterations(history, run) for run in history.runs())
    assert [i.index for i in r1] == [i.index for i in r2] == [0, 1, 2]
    assert r1[:2] == r2[:2] and r1[2] != r2[2]


def test_an_iteration_belongs_to_the_run_that_made_it(history: Store) -> None:
    r2 = history.runs()[1]
    assert [(made_by(r2, i.index), i.index) for i in iterations(history, r2)] == [("r1", 0), ("r1", 1), ("r2", 2)]


def test_an_ancestor_that_was_deleted_keeps_its_name(store: Store) -> None:
    with store.lock():
        close(store, new_run("r1"), 0, BASE)
        child = close(store, fork(store, resolve(store, "r1@0"), "r2"), 1, BASE)
        store.move(fork(store, resolve(store, "r2@1"), "r3"))
        delete(store, "r1")
        delete(store, "r2")
    assert [made_by(child, index) for index in (0, 1, 2)] == ["r1", "r2", "r2"]
    grandchild = store.runs()[0]
    assert [made_by(grandchild, index) for index in (0, 1, 2)] == ["r1", "r2", "r3"]
    assert (first_own(grandchild), len(grandchild.shared)) == (2, 2)


def test_a_branch_above_the_fork_of_its_parent_is_a_child_of_who_made_it(store: Store) -> None:
    with store.lock():
        run = close(store, close(store, new_run("r1"), 0, BASE), 1, BASE)
        store.move(fork(store, resolve(store, "r1@1"), "r2"))
        assert fork(store, resolve(store, "r2@0"), "r3").shared == {"r1": 0}
    assert run.shared == {}


def test_a_branch_sees_the_gold_of_its_ancestors_iterations(history: Store) -> None:
    r2 = history.runs()[1]
    assert ["gold" in link.outputs for link in links(history, r2)] == [False, True, False]


def test_both_ends_of_a_chain_are_had_without_what_lies_between(store: Store) -> None:
    with store.lock():
        run = new_run("r1")
        assert (nearest(store, run), last_index(store, run)) == ((), -1)
        for index in range(6):
            run = close(store, run, index, BASE)
            assert [i.index for i in nearest(store, run)] == sorted({0, max(index - 1, 0), index})
    chain = links(store, run)
    for lost in (chain[2].closing, chain[2].iteration, chain[3].closing, chain[3].iteration):
        store.object_path(lost.digest).unlink()
    assert nearest(store, run) == tuple(chain[n].iteration for n in (0, 4, 5))
    assert (first_link(store, run), last_index(store, run)) == (chain[0], 5)
    assert links(store, run, since=5) == [chain[5]]
    with pytest.raises(CorruptError):
        links(store, run, since=3)


def test_an_address_names_a_run_an_iteration_a_step_or_a_row(history: Store) -> None:
    assert resolve(history, "r1").iteration.index == 2
    assert resolve(history, "r1@0").iteration.index == 0
    step = resolve(history, "r2@2/judge")
    assert step.output is not None and step.output.step == "judge" and step.row is None
    row = resolve(history, "r2@2/judge/3")
    assert isinstance(row.row, Judgment) and row.noun == "judgments"
    assert row.row == history.all_rows("judgments", step.output)[3]
    assert resolve(history, "r1@1/gold").step == "gold"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("r3", "r1, r2"),
        ("r11", "did you mean 'r1'"),
        ("r1@3", "0 to 2"),
        ("r1@99", "0 to 2"),
        ("r1@1/jugde", "did you mean 'judge'"),
        ("r1@1/judge/4", "rows 0 to 3"),
        ("r1@1/train/0", "no rows"),
        ("r1@", "no address"),
        ("r1@-1", "no address"),
        ("r1/judge", "no address"),
        ("", "no address"),
        ("../r1", "no address"),
        ("R1", "cannot be a run's name"),
    ],
)
def test_an_address_that_names_nothing_says_what_there_is(history: Store, address: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(history, address)
    assert says in str(caught.value) and caught.value.exit_code == 2


def test_a_run_without_an_iteration_has_no_address(store: Store) -> None:
    with store.lock():
        store.move(new_run("r1"))
    with pytest.raises(UsageError, match="selfsame status"):
        resolve(store, "r1")


def test_a_chain_with_a_hole_is_corrupt(store: Store) -> None:
    with store.lock():
        run = close(store, new_run("r1"), 0, BASE)
        late = Iteration(run.iteration, 2, {}, 1, {}, BASE, digest("d"))
        store.move(closed(store, run, late, {}))
    with pytest.raises(CorruptError, match="number 0 is the parent of number 2"):
        iterations(store, store.runs()[0])
