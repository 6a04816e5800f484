"""The family of runs, drawn."""

from runs.canonical import digest
from runs.graph import draw, family, kin
from runs.lineage import resolve
from runs.naming import fork, tag
from runs.store import Store
from tests.runs.history import BASE, close, new_run


def drawn(store: Store) -> list[str]:
    lines = draw(family(store))
    return [f"{left} {node.address} {' '.join(node.refs)}".rstrip() if node else left for left, node in lines]


def test_a_line_a_fork_and_a_branch_that_has_done_nothing_yet(store: Store) -> None:
    with store.lock():
        run = new_run("r1")
        for index in range(3):
            run = close(store, run, index, BASE)
        close(store, fork(store, resolve(store, "r1@1"), "r2"), 2, BASE, salt=1)
        close(store, fork(store, resolve(store, "r1@1"), "r3"), 2, BASE, salt=2)
        close(store, fork(store, resolve(store, "r3@2"), "r4"), 3, BASE, salt=3)
        store.move(fork(store, resolve(store, "r1@1"), "r5"))
        tag(store, "r1@0", "start")
        close(store, new_run("zz"), 0, digest("another seed"))
    assert drawn(store) == [
        "* r1@2 r1",
        "| * r2@2 r2",
        "| | * r4@3 r4",
        "| | * r3@2 r3",
        "| |/",
        "|/",
        "* r1@1 r5",
        "* r1@0 tag start",
        "",
        "* zz@0 zz",
    ]
    nodes = family(store)
    assert [node.address for node in kin(nodes, store.runs()[-1].iteration)] == ["zz@0"]
    assert len(kin(nodes, store.runs()[0].iteration)) == len(nodes) - 1


def test_two_names_for_the_same_work_are_one_line(store: Store) -> None:
    with store.lock():
        close(store, new_run("r1"), 0, BASE)
        close(store, new_run("r2"), 0, BASE)
    assert drawn(store) == ["* r1@0 r1 r2"]


def test_lines_that_branch_again_and_again_meet_again(history: Store) -> None:
    assert drawn(history) == ["* r1@2 r1", "| * r2@2 r2", "|/", "* r1@1", "* r1@0"]


def test_an_empty_store_has_no_family(store: Store) -> None:
    assert family(store) == [] and list(draw([])) == []
