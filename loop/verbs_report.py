"""`report`: what a run became, as one page."""

from pathlib import Path
from typing import Annotated

import typer

from loop.home import home
from loop.terminal import Json, print_document, print_line
from runs.store import Store


def report(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run's name")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Where to write it; RUN-report.html here by default")
    ] = None,
    as_json: Json = False,
) -> int:
    """Write a run's drift report: one HTML page with its figures, decisions, costs and examples in it."""
    from runs.lineage import find_run
    from runs.report import report as page  # matplotlib and jinja2: a second that few starts need

    store = Store(home())
    path = out if out is not None else Path(f"{name}-report.html")
    html = page(store, find_run(store, name))
    path.write_text(html, encoding="utf-8", errors="backslashreplace")
    if as_json:
        print_document({"run": name, "report": str(path.resolve())})
    else:
        print_line(f"{path} holds the drift report of {name}.")
    return 0
