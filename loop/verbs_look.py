"""`status`, `log`, `show`, `query`, `verify`: what looks at the store and changes nothing."""

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from loop.home import home
from loop.terminal import Json, harmless, print_aside, print_document, print_line, table
from loop.unasked import unasked_steps
from runs.counted import counted
from runs.records import Run
from runs.store import Store

WAITS = "a person's word"
"""What comes next where a decision waits."""
OF_THE_SEED = ("seed", "preference", "measure", "capability", "audit", "drift", "decide", "gold")
"""The steps of iteration 0. They are spelt here and not asked for: `status` has no time to import them."""


def status(as_json: Json = False) -> int:
    """Say what each run is at, and whether somebody is at work here."""
    from loop.daemon.client import as_typed_here, ask_how_it_stands
    from loop.daemon.queued import queued
    from loop.word import what_waits
    from runs.mlflow_mark import lag

    store = Store(home())
    owner = store.owner()
    daemon = ask_how_it_stands(store) if owner else None
    waiting = queued(store.home)
    if daemon and daemon["at_work"]:
        waiting.pop(daemon["at_work"]["run"], None)
    rows: list[dict[str, Any]] = []
    for run in store.runs():
        # The last iteration alone: a run of thousands is not read for it.
        last = store.iteration(run.iteration) if run.iteration else None
        decided = store.output(last.outputs["decide"]).values if last else {}
        decision = decided.get("decision", {"verdict": None, "reason": None})
        waits = what_waits(store, run)
        rows.append(
            {
                "run": run.name,
                "recipe": run.recipe,
                "branched_from": run.branched_from or None,
                "iteration": last.index if last else None,
                "iterations": run.operational["iterations"],
                "decision": decision["verdict"],
                "reason": decision["reason"],
                "under_way": list(run.under_way),
                "waits": waits or None,
                "otherwise": decided.get("otherwise") or None,
                "next": WAITS if waits else next_step(run, last.index if last else -1, decision["verdict"] == "halt"),
                "mlflow_lag": lag(store, run),
            }
        )
    tags = {ref.name: ref.branched_from for ref in store.refs() if ref.tag}
    if as_json:
        running = {"running": owner is not None, "pid": owner, "daemon": daemon}
        print_document({"home": str(store.home), **running, "runs": rows, "queued": list(waiting), "tags": tags})
        return 0
    if rows:
        columns = ["run", "recipe", "branched_from", "iteration", "iterations", "decision", "next", "mlflow_lag"]
        print_line(table(columns, [[row[column] for column in columns] for row in rows]))
    elif not waiting:
        print_line(as_typed_here(store, f"No run in {store.home} yet. `selfsame run self-rewarding` starts one."))
    for row in rows:
        if row["waits"]:
            print_line(f"{harmless(row['waits'])}.")
        if row["otherwise"]:
            print_line(f"{row['run']}@{row['iteration']}: {harmless(row['otherwise'])}.")
    for sentence in waiting.values():
        print_line(f"{sentence}.")
    for name, address in tags.items():
        print_line(f"{name} is a tag of {address}.")
    if daemon is not None:
        from loop.daemon.telling import in_lines

        print_line("\n" + "\n".join(in_lines(daemon)))
    elif owner:
        print_line(f"\nProcess {owner} is at work here.")
    elif rows or waiting:
        print_line("\nNot running. Nobody is at work here.")
        for row in rows:
            if row["next"] is not None and not row["waits"] and row["run"] not in waiting:
                print_line(f"{row['run']} has {row['next']} before it: `selfsame resume {row['run']}` goes on there.")
    return 0


def next_step(run: Run, last: int, halted: bool) -> str | None:
    """The step that a run would do next, as `3/judge`; None if it has come to its end."""
    from loop.showing import ORDER

    if halted or (last >= run.operational["iterations"] and not run.under_way):
        return None
    steps = OF_THE_SEED if last < 0 else ORDER[1:]
    skipped = run.under_way.keys() | unasked_steps(run.config, last + 1)
    return f"{last + 1}/{next(step for step in steps if step not in skipped)}"


def log(
    name: Annotated[str | None, typer.Argument(help="A run's name; all runs if none is given")] = None,
    graph: Annotated[
        bool, typer.Option("--graph", help="Draw the family of all runs and tags, or that of one")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Oldest first, each as it closes, until the run ends")
    ] = False,
    most: Annotated[
        int | None, typer.Option("--newest", min=1, help="How many iterations to list; by default 50, in JSON all")
    ] = None,
    as_json: Json = False,
) -> int:
    """List the iterations of a run, newest first, with their decisions and headline metrics."""
    from loop.daemon.client import as_typed_here
    from loop.daemon.queued import queued
    from loop.guards.in_words import PASSED
    from loop.summary import SHOWN, history, history_table, newest, what_is_left_out
    from runs.lineage import find_run

    store = Store(home())
    if follow:
        return _follow(store, name, as_json)
    # What waits for its first turn has a name in the queue alone.
    waiting = {run: said for run, said in queued(store.home).items() if name in (None, run) and store.run(run) is None}
    if graph and name not in waiting:
        return _graph(store, name, as_json)
    wanted = [] if name in waiting else [find_run(store, name)] if name else store.runs()
    if most is None and not as_json:
        most = SHOWN
    logs = {run.name: newest(store, run, most) if most else history(store, run) for run in wanted}
    if as_json:
        shown = {run: [one.shown() for one in closed[::-1]] for run, closed in logs.items()}
        print_document(shown | {run: [] for run in waiting})
        return 0
    if not logs and not waiting:
        print_line(as_typed_here(store, f"No run in {store.home} yet. `selfsame run self-rewarding` starts one."))
    for run, closed in logs.items():
        listed = f"{history_table(closed[::-1])}\n{what_is_left_out(run, closed)}"
        print_line(f"{run}\n{listed}" if closed else f"{run}\nno iteration finished yet\n")
        for one in closed[::-1]:
            if one.verdict != "promote" or one.reason != PASSED:
                print_line(f"{run}@{one.index} {one.verdict}: {harmless(one.reason)}")
    for sentence in waiting.values():
        print_line(f"{sentence}.")
    return 0


def _graph(store: Store, name: str | None, as_json: bool) -> int:
    from runs.graph import draw, family, kin
    from runs.lineage import find_run

    nodes = family(store)
    if name is not None:
        nodes = kin(nodes, find_run(store, name).iteration)
    if as_json:
        print_document({"iterations": [asdict(node) for node in nodes]})
        return 0
    if not nodes:
        print_line("No iteration is finished yet.")
    for columns, node in draw(nodes):
        if node is None:
            print_line(columns)
            continue
        names = f" ({', '.join(node.refs)})" if node.refs else ""
        decision = "" if node.verdict == "promote" else f" {node.verdict}"
        print_line(f"{columns} {harmless(f'{node.address}{decision}{names}')}")
    return 0


def _follow(store: Store, name: str | None, as_json: bool) -> int:
    from loop.following import follow, how_it_ended, line
    from runs.errors import UsageError

    if name is None:
        raise UsageError("--follow wants a run's name; `selfsame status` lists the runs")
    closed = []
    for one in follow(store, name):
        closed.append(one.shown())
        if not as_json:
            print_line(line(name, one))
            sys.stdout.flush()
    ended = harmless(how_it_ended(store, name))
    if as_json:
        print_aside(ended)
        print_document({name: closed})
    else:
        print_line(ended)
    return 0


def show(
    address: Annotated[str, typer.Argument(help="NAME, NAME@3, NAME@3/judge or NAME@3/judge/17")],
    rows: Annotated[int, typer.Option(min=1, help="How many rows of a step to show")] = 10,
    as_json: Json = False,
) -> int:
    """Show an iteration, a step with its rows, or one row whole."""
    from loop import showing
    from runs.lineage import resolve

    store = Store(home())
    found = resolve(store, address)
    if found.row is not None:
        shown = showing.row(store, found)
    elif found.output is not None:
        shown = showing.step(store, found, rows)
    else:
        shown = showing.iteration(store, found)
    if as_json:
        print_document(shown.document)
    else:
        print_line(shown.text)
    return 0


def query(
    sql: Annotated[str, typer.Argument(help="SQL over the views; `selfsame query 'show tables'` names them")],
    as_json: Json = False,
) -> int:
    """Ask the rows of every run with SQL (DuckDB, in memory, read only)."""
    from runs.query import query as ask

    columns, rows = ask(Store(home()), sql)
    if as_json:
        print_document({"columns": columns, "rows": rows})
    else:
        print_line(table(columns, rows))
    return 0


def verify(
    address: Annotated[str | None, typer.Argument(help="A run or an iteration; everything if none is given")] = None,
    as_json: Json = False,
) -> int:
    """Check every byte that the store holds against its name. Exits 74 if anything is wrong."""
    from runs.errors import CorruptError
    from runs.pruned import pruned
    from runs.verify import verify as find_problems

    store = Store(home())
    problems = find_problems(store, address)
    gone = [] if problems else [weights for weights in sorted(pruned(store.home)) if not store.has(weights)]
    if as_json:
        print_document({"problems": [asdict(problem) for problem in problems], "pruned": gone})
    else:
        for problem in problems:
            print_line(f"{problem.file}: {problem.what}")
            print_line(f"  needed by: {', '.join(problem.needed_by) or 'nobody any more'}")
        print_line(
            f"{counted(len(problems), 'problem')}." if problems else f"{address or store.home} is as it was written."
        )
        if gone:
            print_line(
                f"Weights of {counted(len(gone), 'old adapter')} were pruned by `selfsame gc`, and are gone on purpose."
            )
    return CorruptError.exit_code if problems else 0
