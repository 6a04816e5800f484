"""`ablate`: what each principle of the constitution does, by branches that do without it."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from loop.home import home
from loop.stopping import stop_on_sigterm
from loop.terminal import Json, print_aside, print_document, print_line
from loop.verbs_run import DryRun, Overrides
from runs.errors import UsageError
from runs.store import Store


def ablate(
    address: Annotated[str, typer.Argument(metavar="RUN@N", help="The iteration that all branches go on from")],
    overrides: Overrides = None,
    principles: Annotated[
        bool, typer.Option("--principles", help="Take the constitution's principles out, a branch for each")
    ] = False,
    modes: Annotated[
        str, typer.Option(metavar="MODES", help="leave-one-out, none, opposite, with commas between")
    ] = "leave-one-out",
    only: Annotated[list[str] | None, typer.Option(metavar="ID", help="This principle; may be given again")] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Trainings of each branch, with the run's seed and those after it")
    ] = 1,
    iterations: Annotated[int, typer.Option(min=1, help="Iterations of each branch")] = 1,
    judge: Annotated[
        str, typer.Option(metavar="WHO", help="Who says whose answers are better: seed, base, or an iteration")
    ] = "seed",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Say what each principle did: branches without it, with its opposite, or with none, against one with all of them.

    The branches share the run's seed and stay in the store as runs; asked for again, they go on where they were.
    """
    from loop.ablation import ahead, arms, said_of
    from runs.lineage import resolve

    if not principles:
        raise UsageError("say what is to be taken out: --principles")
    store, named = Store(home()), said_of(modes)
    found = resolve(store, address)
    if found.step is not None:
        raise UsageError(f"{address} is a part of an iteration; branch at a whole one: {address.partition('/')[0]}")
    branches = arms(found, named, only or (), seeds, iterations, overrides or ())
    from loop.ablating import ablate as taken_out
    from loop.ablation_page import cost_text, text
    from loop.watching import watch

    # Of all branches before any is trained, so that what one of them is refused for is said at once.
    with TemporaryDirectory(prefix="ablation-") as folder:
        before = [ahead(store, found, arm, Path(folder)) for arm in branches]
    if dry_run:
        if as_json:
            todo = [
                {"run": arm.name, "mode": arm.mode, "principle": arm.principle, "seconds": one.seconds,
                 "steps": [asdict(step) for step in one.steps]}
                for arm, one in zip(branches, before, strict=True)
            ]  # fmt: skip
            print_document({"address": address, "branches": todo, "seconds": sum(one.seconds for one in before)})
        else:
            print_line(cost_text(address, branches, before))
        return 0
    try:
        with stop_on_sigterm() as stop, watch() as say:
            done = taken_out(store, found, branches, found.iteration.index + iterations, judge, say, stop)
    except KeyboardInterrupt:
        print_aside("interrupted; the same command goes on from what is there")
        raise
    if as_json:
        print_document(done.document())
    else:
        print_line(text(done))
    return 0
