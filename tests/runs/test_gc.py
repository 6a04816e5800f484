"""What gc removes and what it never does, whatever is under way and wherever it is killed."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from runs import points
from runs.canonical import digest
from runs.errors import CorruptError, UsageError
from runs.gc import Garbage, Retention, collect, garbage
from runs.lineage import iterations, resolve
from runs.mlflow_mark import Mark, mark_path, write_mark
from runs.naming import check_new_name, delete, fork, loss, tag
from runs.pruned import pruned, refuse_pruned
from runs.query import query
from runs.store import Store
from runs.verify import verify
from tests.runs.history import BASE, close, new_run, prompt, small_history


def age(store: Store) -> None:
    """Make everything older than any lock that is taken from now on."""
    for path in store.home.rglob("*"):
        os.utime(path, (1000, 1000))


def names(store: Store) -> set[str]:
    folders = ("objects", "receipts", "refs", "adapters", "control")
    return {str(p.relative_to(store.home)) for folder in folders for p in (store.home / folder).rglob("*")}


def gc(store: Store, retention: Retention | None = None) -> Garbage:
    age(store)
    with store.lock():
        found = garbage(store, retention)
        collect(store, found)
    return found


@pytest.fixture
def copy(history: Store, tmp_path: Path) -> Store:
    shutil.copytree(history.home, tmp_path / "copy")
    return Store(tmp_path / "copy")


@pytest.fixture
def long(store: Store) -> Store:
    """`r1` with iterations 0 to 5, and a tag on number 1."""
    with store.lock():
        run = close(store, new_run("r1"), 0, BASE)
        for index in range(1, 6):
            run = close(store, run, index, store.iteration(run.iteration).policy)
            store.adapter_folder(store.iteration(run.iteration).policy)
        tag(store, "r1@1", "best")
    return store


def test_where_all_is_reached_nothing_goes(copy: Store) -> None:
    gc(copy)  # copies of adapters, which are made again when somebody asks
    before = names(copy)
    assert {files for files, _ in gc(copy).sizes().values()} == {0}
    assert names(copy) == before and {"objects", "receipts", "refs"} == {name.split("/")[0] for name in before}


def test_what_only_a_deleted_run_reached_goes_and_what_its_branch_shares_stays(copy: Store) -> None:
    shared, tip = iterations(copy, copy.runs()[1]), iterations(copy, copy.runs()[0])[2]
    lost = loss(copy, "r1")
    assert lost.iterations == ("r1@2",) and lost.under_way == ("prompts",)
    with copy.lock():
        delete(copy, "r1")
    found = gc(copy)
    assert not copy.has(tip.digest) and not copy.has(tip.outputs["judge"]) and found.receipts and found.objects
    assert iterations(copy, copy.runs()[0]) == shared
    assert verify(copy) == []
    _, rows = query(copy, "select run, iteration, count(*) from judgments group by all order by all")
    assert rows == [("r1", 1, 4), ("r2", 2, 4)]
    assert resolve(copy, "r2@1/gold").step == "gold"
    assert {files for files, _ in gc(copy).sizes().values()} == {0}


def test_a_tag_keeps_what_it_names_and_its_name_is_not_given_twice(copy: Store) -> None:
    with copy.lock():
        tag(copy, "r1@2", "best")
        for name in ("r1", "r2"):
            assert loss(copy, name).iterations != ("r1@2",)
            delete(copy, name)
    gc(copy)
    assert [i.index for i in iterations(copy, copy.refs()[0])] == [0, 1, 2] and copy.runs() == []
    assert verify(copy) == []
    for taken in ("best", "r1"):
        with pytest.raises(UsageError, match=taken):
            check_new_name(copy, taken)


def test_what_is_under_way_for_a_run_stays_and_goes_with_it(copy: Store) -> None:
    """A step killed before its name was noted, and a shard of one that was not finished."""
    kept = []
    with copy.lock():
        for address in ("r1@3/generate", "r1@2/generate", "r2@3/judge", "r9@3/judge"):
            asked = {"step": digest(address), "noun": "prompts", "shard": 0}
            shard = copy.put_rows("prompts", [prompt(len(kept) + 50)])
            copy.commit(digest(asked), shard, asked, {"address": address, "began": 1.0, "ended": 2.0})
            kept.append((digest(asked), shard))
    gc(copy)
    assert [copy.recall(key) == shard and copy.has(shard) for key, shard in kept] == [True, False, True, False]
    with copy.lock():
        delete(copy, "r1")
    gc(copy)
    assert [copy.has(shard) for _, shard in kept] == [False, False, True, False]


def test_what_was_written_since_the_lock_was_taken_stays(copy: Store) -> None:
    age(copy)
    with copy.lock():
        os.utime(copy.home / "lock", (2000, 2000))
        fresh = copy.put(b"its receipt is yet to come")
        leftover = copy.home / "objects" / ".tmp-fresh"
        leftover.write_bytes(b"half")
        collect(copy, garbage(copy))
        assert copy.has(fresh) and leftover.exists()
        for path in (copy.object_path(fresh), leftover):
            os.utime(path, (1500, 1500))
        collect(copy, garbage(copy))
        assert not copy.has(fresh) and not leftover.exists()


def test_what_its_owner_wrote_goes_before_the_moment_that_he_names_but_for_another_writers_half_a_file(
    copy: Store,
) -> None:
    """The process that feeds MLflow writes beside the owner, under a lock of its own."""
    age(copy)
    with copy.lock():
        os.utime(copy.home / "lock", (2000, 2000))
        kept, gone = copy.put(b"written since"), copy.put(b"written before")
        half = copy.home / "objects" / ".tmp-fresh"
        half.write_bytes(b"half")
        for path, age_s in ((copy.object_path(gone), 2500), (half, 2500), (copy.object_path(kept), 3500)):
            os.utime(path, (age_s, age_s))
        collect(copy, garbage(copy, before_ns=3000 * 10**9))
        assert (copy.has(gone), copy.has(kept), half.exists()) == (False, True, True)


def test_a_receipt_that_stays_keeps_what_it_names(copy: Store) -> None:
    """Work that is done while a daemon holds the lock finds objects that are older than the lock."""
    asked = {"step": digest("step"), "noun": "prompts", "shard": 0}
    with copy.lock():
        shard = copy.put_rows("prompts", [prompt(70)])
    age(copy)
    with copy.lock():
        os.utime(copy.home / "lock", (2000, 2000))
        copy.commit(digest(asked), copy.put_rows("prompts", [prompt(70)]), asked, {"began": 1.0, "ended": 2.0})
        assert copy.object_path(shard).stat().st_mtime == 1000
        collect(copy, garbage(copy))
    assert copy.recall(digest(asked)) == shard and verify(copy) == []


def test_copies_of_adapters_that_no_run_needs_next_go_and_come_back_when_asked_for(long: Store) -> None:
    policies = [iteration.policy for iteration in iterations(long, long.runs()[0])]
    gc(long)
    held = {path.name for path in long.files("adapters")}
    assert held == {policies[n].removeprefix("s1:") for n in (1, 5)}
    with long.lock():
        assert (long.adapter_folder(policies[3]) / "adapter_model.safetensors").is_file()


def test_a_mark_of_a_deleted_run_goes_with_it(copy: Store) -> None:
    for name in ("r1", "r2"):
        write_mark(copy.home, name, Mark("sqlite:///x.db", "", "1", "2"))
    with copy.lock():
        delete(copy, "r2")
    gc(copy)
    assert mark_path(copy.home, "r1").exists() and not mark_path(copy.home, "r2").exists()


def test_half_finished_work_goes_unless_a_run_may_go_on_from_it(copy: Store) -> None:
    left = {}
    with copy.lock():
        for address in ("r1@3/train", "r1@2/train", "r9@3/train"):
            folder = copy.begin_unfinished(digest(address), address)
            (folder / "out").mkdir()
            (folder / "out" / "checkpoint").write_bytes(bytes(1000))
            left[address] = folder
    assert garbage(copy).sizes()["unfinished"] == (4, 2 * (1000 + len("r1@2/train")))
    gc(copy)
    assert [folder.exists() for folder in left.values()] == [True, False, False]
    with copy.lock():
        delete(copy, "r1")
    gc(copy)
    assert not left["r1@3/train"].exists()


def test_a_ticket_goes_once_nobody_can_wait_for_it_any_more(copy: Store) -> None:
    tickets = copy.home / "control" / "tickets"
    tickets.mkdir(parents=True)
    for name in ("old", "new"):
        (tickets / f"{name}.json").write_bytes(b"{}")
    os.utime(tickets / "old.json", (1000, 1000))
    os.utime(tickets / "new.json", (9000, 9000))
    with copy.lock():
        collect(copy, garbage(copy, before_ns=10_000 * 10**9))
    assert [path.name for path in tickets.iterdir()] == ["new.json"]


def test_old_weights_go_by_policy_and_are_known_to_be_pruned(long: Store) -> None:
    chain = iterations(long, long.runs()[0])
    weights = [None, *(long.adapter(iteration.policy).weights for iteration in chain[1:])]
    found = gc(long, Retention(older_than=1, keep_every=3))
    # Number 1 is tagged, 3 is a third one, 4 and 5 are young.
    assert [n for n in range(1, 6) if not long.has(str(weights[n]))] == [2]
    assert pruned(long.home) == {weights[2]} and len(found.weights) == 1
    assert verify(long) == []
    for index, allowed in enumerate((True, True, False, True)):
        branch = fork(long, resolve(long, f"r1@{index}"), "r2")
        if allowed:
            refuse_pruned(long, branch)
        else:
            with pytest.raises(UsageError, match="r1@2 was pruned"):
                refuse_pruned(long, branch)
    long.object_path(str(weights[3])).unlink()
    assert [problem.file for problem in verify(long)] == [long.object_path(str(weights[3]))]


def test_a_branch_is_refused_where_a_decision_could_go_back_to_weights_that_were_pruned(long: Store) -> None:
    chain = iterations(long, long.runs()[0])

    def kept(index: int) -> dict[str, object]:
        return {"index": index, "policy": chain[index].policy, "outputs": {}}

    with long.lock():
        run = long.runs()[0]
        # What is older than the best is never gone back to.
        for index, best in ((6, 2), (7, 5)):
            last = {"seed": kept(0), "previous": kept(5), "best": kept(best), "first": None}
            run = close(long, run, index, chain[5].policy, standing=last | {"recent": [], "anew": [kept(1)]})
        delete(long, "best")
    gc(long, Retention(older_than=2))
    assert not long.has(long.adapter(chain[1].policy).weights)
    with pytest.raises(UsageError, match=r"r1@2 was pruned.*selfsame log r1"):
        refuse_pruned(long, fork(long, resolve(long, "r1@6"), "r2"))
    refuse_pruned(long, fork(long, resolve(long, "r1@7"), "r2"))


def test_the_weights_stay_that_a_decision_could_go_back_to(long: Store) -> None:
    chain = iterations(long, long.runs()[0])

    def kept(index: int) -> dict[str, object]:
        return {"index": index, "policy": chain[index].policy, "outputs": {}}

    standing = {"seed": kept(0), "previous": kept(5), "best": kept(2), "first": kept(1), "recent": [kept(3), kept(5)]}
    with long.lock():
        close(long, long.runs()[0], 6, chain[5].policy, standing=standing)
        delete(long, "best")
    gc(long, Retention(older_than=1))
    assert [long.has(long.adapter(one.policy).weights) for one in chain[1:]] == [False, True, True, False, True]


def test_a_branch_keeps_the_weights_that_it_goes_on_from(long: Store) -> None:
    chain = iterations(long, long.runs()[0])
    with long.lock():
        long.move(fork(long, resolve(long, "r1@2"), "r2"))
    gc(long, Retention(older_than=1))
    held = [long.has(long.adapter(iteration.policy).weights) for iteration in chain[1:]]
    assert held == [True, True, False, True, True]


def test_what_branches_share_is_read_no_oftener_for_each_of_them(long: Store) -> None:
    class Counting(Store):
        def get(self, name: str) -> bytes:
            read[name] += 1
            return super().get(name)

    shared = [output for one in iterations(long, long.runs()[0])[2:4] for output in one.outputs.values()]
    read: Counter[str] = Counter()
    garbage(Counting(long.home))
    once = [read[output] for output in shared]
    with long.lock():
        for number in range(2, 6):
            long.move(fork(long, resolve(long, "r1@5"), f"r{number}"))
    read.clear()
    garbage(Counting(long.home))
    assert min(once) >= 1 and [read[output] for output in shared] == once


def test_damage_is_named_and_nothing_goes(copy: Store) -> None:
    with copy.lock():
        delete(copy, "r1")
    broken = copy.object_path(copy.iteration(copy.runs()[0].iteration).outputs["judge"])
    broken.write_bytes(b"{}")
    before = names(copy)
    with copy.lock(), pytest.raises(CorruptError):
        garbage(copy)
    assert names(copy) == before


class Killed(BaseException):
    """What stands for a SIGKILL: nothing of gc's catches it."""


@pytest.fixture
def no_hook() -> Iterator[None]:
    before = points.hook
    yield
    points.hook = before


def test_killed_at_any_point_it_leaves_a_sound_store_that_a_second_one_finishes(tmp_path: Path, no_hook: None) -> None:
    ready = small_history(tmp_path / "ready")
    with ready.lock():
        delete(ready, "r1")
        for index in (3, 4):
            run = ready.runs()[0]
            close(ready, run, index, ready.iteration(run.iteration).policy, salt=10)
        for iteration in iterations(ready, ready.runs()[0])[1:]:
            ready.adapter_folder(iteration.policy)
    (ready.home / "objects" / ".tmp-left").write_bytes(b"half")
    age(ready)
    retention, ends = Retention(older_than=1), []
    for at in count(1, 2):
        store = Store(tmp_path / f"killed-{at}")
        shutil.copytree(ready.home, store.home)  # with its times
        numbers = count(1)  # every other point: a folder's files go one after the other

        def kill(label: points.Label, path: Path, numbers: Iterator[int] = numbers, at: int = at) -> None:
            if next(numbers) == at:
                raise Killed

        with store.lock():
            found = garbage(store, retention)
            points.hook = kill
            try:
                collect(store, found)
                break
            except Killed:
                pass
            finally:
                points.hook = None
        assert verify(store) == [], f"killed at point {at}"
        gc(store, retention)
        assert verify(store) == []
        ends.append(names(store))
        shutil.rmtree(store.home)
    assert at > 40 and all(end == names(store) for end in ends)
