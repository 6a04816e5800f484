"""A daemon and names: which a submission may have, and what is collected once nothing has one."""

import threading
from dataclasses import asdict

import pytest

from loop.daemon import wishes
from loop.daemon.work import Daemon
from runs import gc
from runs.errors import UsageError
from runs.lineage import resolve
from runs.naming import fork
from runs.store import Store
from runs.verify import verify
from tests.loop.daemon.living import NOON, how, put, tiny_config
from tests.loop.small import chain, small_config


def test_a_name_is_free_or_the_submission_is_refused_with_the_way_on(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config())
    with pytest.raises(UsageError, match="daemon cancel r1"):
        put(daemon, "r1", tiny_config())
    assert daemon.turn()
    with pytest.raises(UsageError, match="submit --resume r1"):
        put(daemon, "r1", tiny_config())
    with pytest.raises(UsageError, match="no run called r9"):
        put(daemon, "r9")
    with pytest.raises(UsageError, match="cannot be a run's name"):
        put(daemon, "../r1", tiny_config())
    assert [entry.name for entry in daemon.queue.read().entries] == ["r1"]


def test_more_iterations_are_given_to_a_run_that_exists_and_a_semantic_change_is_not(daemon: Daemon) -> None:
    put(daemon, "r1", small_config(iterations=0))
    assert daemon.turn()
    put(daemon, "r1", small_config(iterations=1), resume=True)
    assert daemon.turn()
    assert len(chain(daemon.store)) == 2
    put(daemon, "r1", small_config(iterations=1, train__beta=0.2), resume=True)
    assert daemon.turn()
    assert how(daemon, "r1") == ("failed", 78)


def test_a_name_in_the_queue_is_given_to_no_tag_and_taken_from_no_run(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config())
    assert daemon.turn()
    wishes.tag(daemon.store, daemon.queue, wishes.Tag(of="r1@0", name="good"))
    put(daemon, "r1")
    put(daemon, "r2", tiny_config())
    with pytest.raises(UsageError, match="cancel r1"):
        wishes.delete(daemon.store, daemon.queue, "r1", None)
    with pytest.raises(UsageError, match="cancel r2"):
        wishes.tag(daemon.store, daemon.queue, wishes.Tag(of="good", name="r2"))
    wishes.cancel(daemon.queue, "r1", NOON)
    with pytest.raises(UsageError, match="at work"):
        wishes.delete(daemon.store, daemon.queue, "r1", "r1")
    wishes.delete(daemon.store, daemon.queue, "r1", None)
    assert [ref.name for ref in daemon.store.refs()] == ["good"]


def test_garbage_is_collected_between_two_runs_and_nothing_that_is_named_goes(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config())
    daemon.turn()
    before = sorted(path.name for path in daemon.store.files("objects"))
    stray = daemon.store.home / "objects" / ("0" * 64)
    stray.write_bytes(b"nobody's")
    daemon._collect()
    assert sorted(path.name for path in daemon.store.files("objects")) == before


def test_what_a_deleted_run_left_is_collected_by_the_daemon_that_wrote_it(daemon: Daemon) -> None:
    put(daemon, "r1", tiny_config())
    daemon.turn()
    assert daemon.store.files("objects") and daemon.store.files("receipts")
    wishes.delete(daemon.store, daemon.queue, "r1", None)
    daemon._collect()
    assert daemon.store.files("objects") == daemon.store.files("receipts") == []


def test_a_name_that_is_given_while_garbage_is_looked_for_keeps_what_it_names(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(daemon, "r1", tiny_config())
    daemon.turn()
    run = fork(daemon.store, resolve(daemon.store, "r1@0"), "r2")
    wish = wishes.Branch(ticket=wishes.lay_down(daemon.store.home, asdict(run)))
    wishes.delete(daemon.store, daemon.queue, "r1", None)
    person = threading.Thread(target=wishes.branch, args=(daemon.store, daemon.queue, wish))

    def interrupted(store: Store, before_ns: int) -> gc.Garbage:
        found = garbage(store, before_ns=before_ns)
        if not person.ident:
            person.start()
            person.join(10)
        return found

    garbage = gc.garbage
    monkeypatch.setattr(gc, "garbage", interrupted)
    daemon._collect()
    assert verify(daemon.store) == [] and daemon.store.has(run.iteration)
    assert [ref.name for ref in daemon.store.refs()] == ["r2"]
