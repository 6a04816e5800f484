"""`approve`: what a run waits for."""

from typing import Annotated

import typer

from loop.home import home
from loop.terminal import Json, print_document, print_line
from runs.store import Store


def approve(
    name: Annotated[str, typer.Argument(help="A run that waits for a person")],
    because: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept with the decision")] = "",
    reject: Annotated[bool, typer.Option("--reject", help="Keep the policy that it has instead")] = False,
    as_json: Json = False,
) -> int:
    """Let a decision that waits for a person stand, or with --reject keep the policy as it was."""
    from loop.daemon import asking
    from loop.daemon.client import as_typed_here

    store = Store(home())
    said, pid = asking.answer(store, name, "reject" if reject else "approve", because)
    if as_json:
        print_document(said | {"daemon": pid})
        return 0
    print_line(f"{name}: {said['said']}.")
    goes_on = "The daemon goes on with it." if said["queued"] and pid else None
    print_line(goes_on or f"Next: {as_typed_here(store, f'selfsame resume {name}')}")
    return 0
