"""`daemon ...`: hand runs to a process that goes on for days, and ask it how it is."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from loop.home import home
from loop.terminal import Json, print_aside, print_document, print_line
from loop.verbs_run import (
    Because,
    DryRun,
    Override,
    Overrides,
    Smoke,
    changed_config,
    new_config,
    say_what_is_ahead,
    say_what_it_takes,
)
from runs.errors import BusyError, UsageError
from runs.store import Store

app = typer.Typer(help="A process that takes runs from a queue for days; see docs/daemon.md.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A run's name")]


@app.command("run")
def run_daemon(
    detach: Annotated[bool, typer.Option("--detach", help="Return when the daemon is ready, and leave it be")] = False,
    as_json: Json = False,
) -> int:
    """Be the daemon of this home until SIGTERM or Ctrl-C, which let the shard in flight finish; a second does not."""
    store = Store(home())
    if detach:
        from loop.daemon.detach import start_detached

        pid = start_detached(store.home)
        log = store.logs / "daemon.log"
        if as_json:
            print_document({"pid": pid, "log": str(log)})
        else:
            print_line(f"The daemon (process {pid}) is ready. It writes to {log}; `selfsame daemon stop` ends it.")
        return 0
    with _ended_by_signals(), store.lock():
        # Imported under the lock: whoever comes second is told so at once.
        from loop.daemon.serve import serve

        stopped_by = serve(store)
    if as_json:
        print_document({"stopped_by": stopped_by})
    return 0


@app.command()
def submit(
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE|FILE", help="A shipped recipe's name, or a YAML file")
    ] = None,
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option(help="What to call the run; by default a readable name")] = None,
    resume: Annotated[str | None, typer.Option(metavar="NAME", help="Go on with this run instead")] = None,
    priority: Annotated[
        int | None, typer.Option(min=-1000, max=1000, help="Higher goes first; with --resume as before, else 0")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Not before, e.g. 2026-11-27T18:00; or now")] = None,
    every: Annotated[str | None, typer.Option(metavar="90s|30m|1h|1d", help="One iteration each such time")] = None,
    cron: Annotated[str | None, typer.Option(metavar="LINE", help="One iteration at each such time, in UTC")] = None,
    override: Override = None,
    because: Because = "",
    smoke: Smoke = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Put a run in the queue: a new one, or one that exists. The daemon takes it when its turn comes."""
    from loop.clock import utc_now
    from loop.daemon.schedule import schedule_of

    schedule = schedule_of(at, every, cron, utc_now())
    # Imported only now: a mistake on the command line is answered at once.
    from loop.daemon import asking
    from loop.daemon.wishes import Ticket
    from loop.run_names import fresh_name
    from runs.lineage import find_run

    store = Store(home())
    if resume is not None:
        if name is not None or smoke:
            given = f"--name {name}" if name is not None else "--smoke"
            raise UsageError(f"--resume {resume} goes on under its own name, as it began; leave {given} out")
        changes = [*([recipe] if recipe else []), *(overrides or ())]
        config = changed_config(store, resume, changes)
        if dry_run:
            return say_what_is_ahead(store, resume, config, as_json)
        if override:
            asking.answer(store, resume, "override", because, tuple(override), config.iterations)
        changed = config.model_dump(mode="json") if changes else None
        ticket = Ticket(recipe=find_run(store, resume).recipe, config=changed, folder=os.getcwd(), resume=True)
    elif recipe is not None:
        config = new_config(store, recipe, overrides or (), smoke)
        if dry_run:
            return say_what_it_takes(store, name or fresh_name(()), config, as_json)
        ticket = Ticket(recipe=recipe, config=config.model_dump(mode="json"), folder=os.getcwd(), resume=False)
    else:
        raise UsageError("name a RECIPE, or a run with --resume NAME; `selfsame recipes` lists the recipes")
    entry, pid = asking.submit(store, ticket, resume or name, priority, schedule)
    if as_json:
        print_document(entry | {"daemon": pid})
        return 0
    print_line(f"{entry['run']} is in the queue" + (f", from {entry['next']} on." if entry["schedule"] else "."))
    if pid is None and (owner := store.owner()) is not None:
        print_line(f"Process {owner} works here without a daemon; when it has ended, `selfsame daemon run` starts one.")
    else:
        print_line(f"The daemon is process {pid}." if pid else "No daemon runs here: `selfsame daemon run` starts one.")
    return 0


@app.command()
def status(as_json: Json = False) -> int:
    """Say what the daemon does, what waits in the queue, and what MLflow is owed."""
    from loop.daemon.client import ask_how_it_stands
    from loop.daemon.standing import standing_without
    from loop.daemon.telling import in_lines, queue_in_lines

    store = Store(home())
    answer = ask_how_it_stands(store) or standing_without(store, None)
    if as_json:
        print_document(answer)
        return 0
    for line in in_lines(answer):
        print_line(line)
    entries = answer["queue"]
    if entries:
        print_line("\n" + queue_in_lines(entries))
    else:
        print_line("The queue is empty. `selfsame daemon submit RECIPE` puts a run in it.")
    return 0


@app.command()
def pause(name: Name, as_json: Json = False) -> int:
    """Stop a run before its next shard, and keep its place in the queue."""
    from loop.daemon import asking

    return _say_where(asking.pause(Store(home()), name), as_json)


@app.command()
def unpause(name: Name, as_json: Json = False) -> int:
    """Let a paused run go on when its turn comes."""
    from loop.daemon import asking

    return _say_where(asking.unpause(Store(home()), name), as_json)


@app.command()
def cancel(name: Name, as_json: Json = False) -> int:
    """Take a run out of the queue, and stop it before its next shard if it is at work. What it did is kept."""
    from loop.daemon import asking

    return _say_where(asking.cancel(Store(home()), name), as_json)


@app.command()
def stop(as_json: Json = False) -> int:
    """End the daemon after the shard in flight, and wait for it. What waits in the queue stays there."""
    from loop.daemon.client import ask

    store = Store(home())
    pid = store.owner()
    answer = ask(store, "POST", "/v1/stop", {})
    if answer is None:
        if pid is not None:
            raise BusyError(
                f"process {pid} works in {store.home} and does not listen: it is no daemon, or one whose socket "
                f"failed. `kill {pid}` stops it after the shard in flight"
            )
    else:
        if answer["at_work"]:
            print_aside(f"waiting for the shard in flight of {answer['at_work']['address']}; Ctrl-C leaves it to end")
        while store.owner() == pid:
            time.sleep(0.1)
    if as_json:
        print_document({"stopped": answer is not None})
    else:
        print_line(f"The daemon (process {pid}) has ended." if answer else f"No daemon runs in {store.home}.")
    return 0


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Whoever asks the daemon to stop before its loop takes the signals has his way at once: nothing is in flight."""
    before = {number: signal.signal(number, lambda *_: os._exit(0)) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_where(answer: tuple[dict[str, Any], int | None], as_json: bool) -> int:
    entry, pid = answer
    if as_json:
        print_document(entry | {"daemon": pid})
    else:
        print_line(f"{entry['run']}: {entry['state']}.")
    return 0
