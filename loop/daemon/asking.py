"""What changes under the lock, asked for in one way: the daemon does it if there is one, and this process if not."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from typing import Any, Literal

from loop.clock import utc_now
from loop.daemon import wishes
from loop.daemon.client import ask
from loop.daemon.queue import QueueFile, open_entry
from loop.daemon.schedule import Schedule
from loop.daemon.standing import shown
from runs.errors import BusyError
from runs.records import Run
from runs.store import Store

ATTEMPTS = 4

Answer = tuple[dict[str, Any], int | None]
"""What was answered, and the pid of the daemon that did; None if it was done here."""


def submit(
    store: Store, ticket: wishes.Ticket, name: str | None, priority: int | None, schedule: Schedule | None
) -> Answer:
    """The entry that is now in the queue."""
    if name is not None:
        store.ref_path(name)  # what cannot be a name is refused here
    token = wishes.lay_down(store.home, ticket.model_dump(mode="json"))
    try:
        wish = wishes.Submit(ticket=token, name=name, priority=priority, schedule=schedule)

        def alone() -> dict[str, Any]:
            now = utc_now()
            return shown(wishes.submit(store, QueueFile(store.home), wish, now), now, False)

        return _ask_or_do(store, "/v1/queue", wish.model_dump(mode="json"), alone, QueueFile(store.home).lock)
    finally:
        wishes.throw_away(store.home, token)


def pause(store: Store, name: str) -> Answer:
    """The entry, paused."""
    return _tell(store, name, "pause", wishes.pause)


def unpause(store: Store, name: str) -> Answer:
    """The entry, to be taken when its turn comes."""
    return _tell(store, name, "unpause", wishes.unpause)


def cancel(store: Store, name: str) -> Answer:
    """The entry, over."""
    return _tell(store, name, "cancel", lambda queue, name: wishes.cancel(queue, name, utc_now()))


def answer(
    store: Store,
    name: str,
    kind: Literal["approve", "reject", "override"],
    because: str,
    guards: tuple[str, ...] = (),
    iterations: int | None = None,
) -> Answer:
    """What was said of the decision that the run waits with, or of its halt, which it now goes on by.

    Going past a halt takes an iteration, so that it is said how many the run is to have.
    """
    store.ref_path(name)
    wish = wishes.Said(kind=kind, because=because, guards=guards, iterations=iterations)
    return _ask_or_do(
        store,
        f"/v1/runs/{name}/answer",
        wish.model_dump(mode="json"),
        lambda: wishes.answer(store, QueueFile(store.home), name, wish),
        QueueFile(store.home).lock,
    )


def branch(store: Store, run: Run) -> None:
    """Make `run`, a branch as `loop.branching` proposes it, be in the store."""
    token = wishes.lay_down(store.home, asdict(run))
    try:
        wish = wishes.Branch(ticket=token)
        _name(store, "/v1/branches", wish.model_dump(mode="json"), lambda queue: wishes.branch(store, queue, wish))
    finally:
        wishes.throw_away(store.home, token)


def tag(store: Store, address: str, name: str) -> None:
    """Put a lasting name on an iteration."""
    store.ref_path(name)
    wish = wishes.Tag(of=address, name=name)
    _name(store, "/v1/tags", wish.model_dump(mode="json"), lambda queue: wishes.tag(store, queue, wish))


def delete(store: Store, name: str) -> None:
    """Take the name of a run or a tag away."""
    store.ref_path(name)
    _name(store, f"/v1/runs/{name}/delete", {}, lambda queue: wishes.delete(store, queue, name, None))


def _tell(store: Store, name: str, what: str, wish: Callable[[QueueFile, str], Any]) -> Answer:
    open_entry(QueueFile(store.home).read(), name)  # a mistake is answered before the lock is taken
    return _ask_or_do(
        store,
        f"/v1/queue/{name}/{what}",
        {},
        lambda: shown(wish(QueueFile(store.home), name), utc_now(), False),
        QueueFile(store.home).lock,
    )


def _name(store: Store, path: str, body: dict[str, Any], alone: Callable[[QueueFile], dict[str, Any]]) -> Answer:
    """`_ask_or_do` under both locks: names are the store's, and none may be given that waits in the queue."""
    queue = QueueFile(store.home)

    @contextmanager
    def both_locks() -> Iterator[None]:
        with store.lock(), queue.lock():
            yield

    return _ask_or_do(store, path, body, lambda: alone(queue), both_locks)


def _ask_or_do(
    store: Store,
    path: str,
    body: dict[str, Any],
    alone: Callable[[], dict[str, Any]],
    lock: Callable[[], AbstractContextManager[None]],
) -> Answer:
    """What the daemon answers, or what `alone` returns, called under `lock`, if there is no daemon.

    Raises BusyError if somebody else than a daemon holds that lock.
    """
    for attempt in range(ATTEMPTS):
        pid = store.owner()
        answer = ask(store, "POST", path, body)
        if answer is not None:
            return answer, pid
        try:
            with lock():
                return alone(), None
        except BusyError:
            # A daemon that starts has its locks a moment before it listens.
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")
