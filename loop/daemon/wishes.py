"""What a person can ask of the queue. Called under its lock, where names change under the store's too: by the daemon's
socket, or by the command line.
"""

import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from loop.daemon.queue import Ending, Entry, Priority, Queue, QueueFile, open_entry
from loop.daemon.schedule import Frozen, Schedule
from loop.run_names import fresh_name
from loop.steps.turn import Turn
from loop.word import answering, going_past, keep_word, word_on
from runs import naming
from runs.durable import make_folder, read_checked, write_checked
from runs.errors import ConfigError, UsageError
from runs.lineage import decision_of, find_run
from runs.records import Run
from runs.store import Store

Token = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class Ticket(Frozen):
    """What a run is to be made of. It lies in the home, where only its owner can write, and is named by a token.

    Nothing that names a file or an address goes over the socket, so no request can make the daemon reach for one.
    """

    recipe: str
    config: dict[str, Any] | None
    """A new run's whole configuration, or a known run's changed one; None to go on with a run as it stands."""
    folder: str
    resume: bool


class Submit(Frozen):
    """A run for the queue."""

    ticket: Token
    """The token of what the run is made of, which `selfsame daemon submit` has laid down in the home."""
    name: Annotated[str, Field(max_length=63)] | None = None
    """What to call the run; by default a readable name."""
    priority: Priority | None = None
    """Higher goes first; by default 0, or what a run that is resumed had when it was last in the queue."""
    schedule: Schedule | None = None
    """When it may go on; by default at once, or as a run that is resumed might when it was last in the queue."""


class Branch(Frozen):
    """A run that begins where another one was."""

    ticket: Token
    """The token of the run, which `selfsame branch` has laid down in the home."""


class Said(Frozen):
    """What a person says about the decision that a run waits with, or about a halt."""

    kind: Literal["approve", "reject", "override"]
    """Let it stand, or keep the policy as it was; or go once past a halt."""
    guards: tuple[Annotated[str, Field(max_length=64)], ...] = ()
    """The guards that halted, to go past them."""
    iterations: Annotated[int, Field(ge=0)] | None = None
    """How many iterations the run is to have, to go past its halt; by default as many as it has."""
    because: Annotated[str, Field(max_length=2000)] = ""
    """Why."""


class Tag(Frozen):
    """A lasting name for an iteration."""

    of: Annotated[str, Field(pattern="^[a-z0-9-]{1,63}(@[0-9]{1,9})?$")]
    """The iteration, as `r1@3`, or a run for its last one."""
    name: Annotated[str, Field(max_length=63)]
    """The tag."""


def lay_down(home: Path, value: dict[str, Any]) -> str:
    """The token of `value`, which is now in the home, for a wish to take up."""
    token = secrets.token_hex(16)
    make_folder(_ticket_path(home, token).parent)
    write_checked(_ticket_path(home, token), value)
    return token


def throw_away(home: Path, token: str) -> None:
    """Remove what was laid down, taken up or not."""
    _ticket_path(home, token).unlink(missing_ok=True)


def submit(store: Store, queue: QueueFile, wish: Submit, now: datetime) -> Entry:
    """The new entry, durably in the queue. Raises UsageError or ConfigError, with nothing queued."""
    ticket = Ticket.model_validate(_laid_down(store.home, wish.ticket))
    if not os.path.isdir(ticket.folder):
        raise ConfigError(f"the working folder {ticket.folder} is not there; submit again from one that stays")

    def with_it(before: Queue) -> Queue:
        name = wish.name or fresh_name({run.name for run in store.refs()} | {entry.name for entry in before.entries})
        if before.open(name) is not None:
            raise UsageError(
                f"{name} is in the queue already; `selfsame daemon cancel {name}` takes it out, or give another --name"
            )
        run = store.run(name)
        if ticket.resume:
            if run is None or run.tag:
                raise UsageError(f"there is no run called {name} to go on with; `selfsame status` lists the runs")
            _refuse_halted(store, run)
        if not ticket.resume and run is not None and not run.tag:
            raise UsageError(
                f"a run called {name} exists; `selfsame daemon submit --resume {name}` goes on with it, "
                "or give another --name"
            )
        if not ticket.resume:
            naming.check_new_name(store, name)
        last = next((entry for entry in before.entries if entry.name == name), None) if ticket.resume else None
        return before.added(
            Entry(
                number=before.next_number,
                name=name,
                recipe=ticket.recipe,
                config=ticket.config,
                folder=ticket.folder,
                submitted=now,
                priority=wish.priority if wish.priority is not None else last.priority if last else 0,
                schedule=wish.schedule or (last.schedule if last else None),
            )
        )

    return queue.change(with_it).entries[-1]


def pause(queue: QueueFile, name: str) -> Entry:
    """The entry, not to be taken until it is unpaused; a run at work stops before its next shard."""
    return _changed(queue, name, paused=True)


def unpause(queue: QueueFile, name: str) -> Entry:
    """The entry, to be taken when its turn comes."""
    return _changed(queue, name, paused=False)


def cancel(queue: QueueFile, name: str, now: datetime) -> Entry:
    """The entry, over; a run at work stops before its next shard. What the run did is kept."""
    said = f"cancelled by a person; `selfsame daemon submit --resume {name}` goes on"
    return _changed(queue, name, ended=Ending(how="cancelled", exit_code=0, said=said, at=now))


def answer(store: Store, queue: QueueFile, name: str, wish: Said) -> dict[str, Any]:
    """What was said, which the run goes on by when its turn comes. Raises UsageError where it waits for nobody, or is
    not halted by these guards."""
    with queue.turn:
        run = find_run(store, name)
        if wish.kind == "override":
            word = going_past(store, run, wish.guards, wish.because, wish.iterations)
        else:
            word = answering(store, run, wish.kind, wish.because)
        keep_word(store, run, word)
        entry = queue.read().open(name)
        if entry is not None:
            queue.change(lambda before: before.changed(entry.number, waiting=False))
    said = {"approve": "approved", "reject": "rejected, and its policy stays", "override": "to go past its halt"}[
        word.kind
    ]
    return {"run": name, "kind": wish.kind, "said": said, "queued": entry is not None}


def branch(store: Store, queue: QueueFile, wish: Branch) -> dict[str, Any]:
    """The new run's name and where it was branched. Raises UsageError for a name that is taken."""
    run = Run(**_laid_down(store.home, wish.ticket))
    with queue.turn:
        _refuse_queued(queue, run.name)
        naming.check_new_name(store, run.name)
        store.move(run)
    return {"run": run.name, "branched_from": run.branched_from}


def tag(store: Store, queue: QueueFile, wish: Tag) -> dict[str, Any]:
    """The new tag and what it is of. Raises UsageError for a name that is taken."""
    with queue.turn:
        _refuse_queued(queue, wish.name)
        made = naming.tag(store, wish.of, wish.name)
    return {"tag": made.name, "of": made.branched_from}


def delete(store: Store, queue: QueueFile, name: str, at_work: str | None) -> dict[str, Any]:
    """The name that is none any more. Raises UsageError for a run that is to go on."""
    with queue.turn:
        _refuse_queued(queue, name)
        if name == at_work:
            raise UsageError(f"{name} is at work until its shard in flight is done; try again then")
        naming.delete(store, name)
    return {"deleted": name}


def _refuse_halted(store: Store, run: Run) -> None:
    """Returns if the run can go on. Raises UsageError where a guard halted it: it would come back as it went."""
    iteration = store.iteration(run.iteration) if run.iteration else None
    decision = decision_of(store, iteration) if iteration else {"verdict": None}
    if iteration and decision["verdict"] == "halt" and word_on(store, run.name, Turn.after((iteration,))) is None:
        before = f"{run.name}@{iteration.index - 1} ANOTHER KEY=VALUE"
        way_on = f"selfsame branch {before}" if iteration.index else f"selfsame daemon submit {run.recipe}"
        raise UsageError(
            f"{run.name}@{iteration.index} is where a guard halted ({decision['reason']}), and a halt stays; "
            f"`{way_on}` goes on with other settings, `selfsame daemon submit --resume {run.name} --override GUARD "
            "--because TEXT` once past it"
        )


def _refuse_queued(queue: QueueFile, name: str) -> None:
    if queue.read().open(name) is not None:
        raise UsageError(f"{name} is a run in the queue; `selfsame daemon cancel {name}` takes it out first")


def _changed(queue: QueueFile, name: str, **changes: Any) -> Entry:
    with queue.turn:
        number = open_entry(queue.read(), name).number
        entry = queue.change(lambda before: before.changed(number, **changes)).by_number(number)
    assert entry is not None
    return entry


def _laid_down(home: Path, token: str) -> dict[str, Any]:
    value = read_checked(_ticket_path(home, token))
    if value is None:
        raise UsageError(f"there is no ticket {token} in {home}; `selfsame daemon submit` lays one down")
    return value


def _ticket_path(home: Path, token: str) -> Path:
    return home / "control" / "tickets" / f"{token}.json"
