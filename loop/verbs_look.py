"""`status`, `log`, `show`, `query`, `verify`: what looks at the store and changes nothing."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from loop.home import home
from loop.terminal import Json, print_document, print_line, table
from runs.store import Store


def status(as_json: Json = False) -> int:
    """Say what each run is at, and whether somebody is at work here."""
    from runs.lineage import entries

    store = Store(home())
    owner = store.owner()
    rows: list[dict[str, Any]] = []
    for run in store.runs():
        chain = entries(store, run)
        rows.append(
            {
                "run": run.name,
                "recipe": run.recipe,
                "iteration": chain[-1].iteration.index if chain else None,
                "iterations": run.operational["iterations"],
                "decision": chain[-1].verdict if chain else None,
                "reason": chain[-1].reason if chain else None,
                "under_way": list(run.under_way),
            }
        )
    if as_json:
        print_document({"home": str(store.home), "pid": owner, "runs": rows})
        return 0
    if not rows:
        print_line(f"No run in {store.home} yet. `selfsame run self-rewarding` starts one.")
        return 0
    columns = ["run", "recipe", "iteration", "iterations", "decision", "under_way"]
    print_line(table(columns, [[row[column] for column in columns] for row in rows]))
    print_line(f"\nProcess {owner} is at work here." if owner else "\nNobody is at work here.")
    return 0


def log(
    name: Annotated[str | None, typer.Argument(help="A run's name; all runs if none is given")] = None,
    as_json: Json = False,
) -> int:
    """List the iterations of a run, newest first, with their decisions and headline metrics."""
    from loop.summary import history, history_table
    from runs.lineage import find_run

    store = Store(home())
    wanted = [find_run(store, name)] if name else store.runs()
    logs = {run.name: history(store, run)[::-1] for run in wanted}
    if as_json:
        print_document({run: [one.shown() for one in closed] for run, closed in logs.items()})
        return 0
    if not logs:
        print_line(f"No run in {store.home} yet. `selfsame run self-rewarding` starts one.")
    for run, closed in logs.items():
        print_line(f"{run}\n{history_table(closed)}\n" if closed else f"{run}\nno iteration finished yet\n")
        for one in closed:
            if one.verdict != "promote":
                print_line(f"{run}@{one.index} {one.verdict}: {one.reason}")
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
        shown = showing.row(found)
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
    from runs.verify import verify as find_problems

    store = Store(home())
    problems = find_problems(store, address)
    if as_json:
        print_document({"problems": [asdict(problem) for problem in problems]})
    else:
        for problem in problems:
            print_line(f"{problem.file}: {problem.what}")
            print_line(f"  needed by: {', '.join(problem.needed_by) or 'nobody any more'}")
        print_line(f"{len(problems)} problems." if problems else f"{address or store.home} is as it was written.")
    return CorruptError.exit_code if problems else 0
