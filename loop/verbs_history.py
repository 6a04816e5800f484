"""`branch`, `diff`, `tag`, `delete`, `gc`: runs as a family, the names in it, and what nobody names any more."""

from dataclasses import asdict
from typing import Annotated

import typer

from loop.home import home
from loop.terminal import Json, print_document, print_line, table
from loop.verbs_run import DryRun, Overrides
from runs.errors import UsageError
from runs.store import Store

Name = Annotated[str, typer.Argument(help="A name for it: a-z, 0-9 and -")]
Address = Annotated[str, typer.Argument(help="An iteration: NAME@3, or NAME for its last one")]


def branch(
    address: Address,
    name: Name,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Give an old iteration a name of its own, with other settings from there on; `resume NAME` takes it on."""
    from loop import branching
    from loop.changes import leaf_changes, semantic_changes
    from loop.daemon import asking
    from loop.daemon.client import as_typed_here
    from loop.drive import config_of, planned
    from loop.forecast import forecast
    from runs.lineage import first_own, nearest, resolve

    store = Store(home())
    run = branching.proposed(store, address, name, overrides or ())
    if not dry_run:
        asking.branch(store, run)
    config, parent = config_of(run), resolve(store, address).run
    changes = semantic_changes(config_of(parent), config)
    set_anew = {change.leaf for change in changes}
    files = [one for one in leaf_changes(parent.inputs, run.inputs) if one.leaf not in set_anew]
    more = "" if config.iterations >= first_own(run) else f" iterations={first_own(run) + 2}"
    document = {
        "run": name,
        "branched_from": run.branched_from,
        "first_iteration": first_own(run),
        "changes": [asdict(change) for change in changes],
        "files": [asdict(file) for file in files],
        "next": as_typed_here(store, f"selfsame resume {name}{more}"),
    }
    says = f"is a branch of {run.branched_from} with {' '.join(map(str, changes)) or 'the same settings'}"
    if files:
        says += (
            f", and with {', '.join(one.leaf for one in files)} as the file is now: not what {parent.name} began with"
        )
    if not dry_run:
        if as_json:
            print_document(document)
        else:
            print_line(f"{name} {says}; its first own iteration is {first_own(run)}.")
            print_line(f"Next: {document['next']}")
        return 0
    ahead = forecast(store, parent, config, planned(store, name, config, nearest(store, run)))
    if as_json:
        print_document(document | ahead.document())
    else:
        further = f" It ends where it begins;{more} with `selfsame resume` takes it further." if more else ""
        print_line(f"{name} {says.replace('is', 'would be', 1)}.\n\n{ahead.text()}{further}\nNothing was written.")
    return 0


def diff(
    a: Annotated[str, typer.Argument(help="A run or an iteration: NAME or NAME@3")],
    b: Annotated[str, typer.Argument(help="Another one")],
    as_json: Json = False,
) -> int:
    """Say which settings of two runs differ, where they parted, and how their metrics compare since."""
    from loop.compare import compare
    from runs.lineage import resolve

    store = Store(home())
    found = compare(store, resolve(store, a), resolve(store, b))
    if as_json:
        print_document(found.document())
    else:
        print_line(found.text())
    return 0


def tag(address: Address, name: Name, as_json: Json = False) -> int:
    """Put a name on an iteration. It stays there, and keeps from `gc` what it names, whatever becomes of the run."""
    from loop.daemon import asking
    from runs.lineage import find_run, resolve

    store = Store(home())
    found = resolve(store, address)
    if found.step is not None:
        raise UsageError(f"{address} is a part of an iteration; a tag is put on a whole one: {address.split('/')[0]}")
    asking.tag(store, address, name)
    made = find_run(store, name)
    if as_json:
        print_document({"tag": name, "of": made.branched_from, "digest": made.iteration})
    else:
        print_line(f"{name} is a tag of {made.branched_from}.")
    return 0


def delete(
    name: Annotated[str, typer.Argument(help="A run or a tag")],
    yes: Annotated[bool, typer.Option("--yes", help="Also if that leaves iterations without a name")] = False,
    as_json: Json = False,
) -> int:
    """Take a name away, and nothing else; what only it reached goes with the next `gc`."""
    from loop.daemon import asking
    from runs import naming

    store = Store(home())
    lost = naming.loss(store, name)
    what = ", ".join([*lost.iterations, *(f"the finished step {step}" for step in lost.under_way)])
    if what and not yes:
        raise UsageError(
            f"only {name} reaches {what}; `selfsame delete {name} --yes` gives that to the next `selfsame gc`, "
            f"`selfsame tag {name} ANOTHER` keeps the closed iterations"
        )
    asking.delete(store, name)
    if as_json:
        print_document({"deleted": name, "only_it_reached": asdict(lost)})
    else:
        print_line(
            f"{name} is no name any more. " + (f"Only it reached {what}." if what else "Nothing is lost by that.")
        )
    return 0


def gc(
    dry_run: DryRun = False,
    prune_adapters: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Also weights of iterations more than N before a run's last")
    ] = None,
    keep_every: Annotated[
        int | None, typer.Option(metavar="M", min=1, help="With --prune-adapters: but keep those of each M-th")
    ] = None,
    as_json: Json = False,
) -> int:
    """Remove what no run and no tag reaches: objects, receipts, copies of adapters, and what killed writers left."""
    from runs.gc import Retention, collect, garbage

    if keep_every is not None and prune_adapters is None:
        raise UsageError("--keep-every says which weights stay when others go: give --prune-adapters N with it")
    store = Store(home())
    retention = None if prune_adapters is None else Retention(prune_adapters, keep_every)
    if dry_run:
        sizes = garbage(store, retention).sizes()
    else:
        with store.lock():
            found = garbage(store, retention)
            sizes = found.sizes()
            collect(store, found)
    if as_json:
        kinds = {kind: {"files": files, "bytes": size} for kind, (files, size) in sizes.items()}
        print_document({"removed": not dry_run, **kinds})
        return 0
    rows = [(kind, files, f"{size / 2**20:.2f}") for kind, (files, size) in sizes.items() if files]
    if rows:
        print_line(table(["what", "files", "MiB"], rows))
    print_line("Nothing was removed." if dry_run or not rows else "All that is gone.")
    return 0
