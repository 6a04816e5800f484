"""`faults`: runs with faults that begin at a known iteration, and what the guards make of them."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from loop.terminal import Json, print_aside, print_document, print_line
from runs.store import Store


def faults(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="FAULT|KEY=VALUE", help="Some of the faults, and settings; all faults if none"),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many runs of each, with seeds from 1 on")] = 1,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A row for each run; what has one is not run again")] = Path(
        "faults.jsonl"
    ),
    guards: Annotated[
        str | None,
        typer.Option(metavar="RECIPE|FILE", help="Whose guards are held over the runs, not the default ones"),
    ] = None,
    as_json: Json = False,
) -> int:
    """Break runs in the microworld on purpose, and say how many the guards stop in time, and how many sound ones.

    Each run goes on to its end whatever the guards say, and its row holds all that they would have seen: other limits
    need no other runs. It can be stopped and goes on where it was. `model.base` and `model.adapter` name another model.
    """
    from loop.config_guards import Guards
    from loop.faults.catalogue import BESIDE, FAULTS, fault_named
    from loop.faults.outcome import outcome
    from loop.faults.report import in_words, report
    from loop.load_config import load_config

    held = load_config(guards).guards if guards else Guards()
    overrides = sorted(word for word in what or () if "=" in word)
    names = [fault_named(word).name for word in what or () if "=" not in word]
    chosen = names or [one.name for one in (*BESIDE, *FAULTS)]
    rows, cells = _rows(out), []
    for seed in range(1, seeds + 1):
        with TemporaryDirectory(prefix="faults-") as folder:
            for name in chosen:
                cells.append({"fault": name, "seed": seed, **({"settings": overrides} if overrides else {})})
                if not any(row["cell"] == cells[-1] for row in rows):
                    rows.append({"cell": cells[-1], "result": _row(cells[-1], Store(Path(folder)))})
                    with out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    found = report([outcome(row["cell"], row["result"], held) for row in rows if row["cell"] in cells])
    if as_json:
        print_document(found.as_document())
    else:
        print_line(in_words(found))
    return 0


def _row(cell: dict[str, Any], store: Store) -> dict[str, Any]:
    from loop.faults.catalogue import fault_named
    from loop.faults.trajectory import settings, trajectory
    from loop.preflight import check
    from loop.watching import watch
    from runs.errors import ConfigError

    fault = fault_named(cell["fault"])
    config = settings(fault, cell["seed"], cell.get("settings", ()))
    check(config)
    if not config.gold.enabled:
        raise ConfigError("gold.enabled=false: nobody would know whether a run did harm; leave it out")
    print_aside(f"{fault.name}, seed {cell['seed']}: {fault.says}")
    with watch() as say:
        return trajectory(fault, config, store, say)


def _rows(path: Path) -> list[dict[str, Any]]:
    """The runs that are done. Raises ConfigError for a line that is none."""
    from runs.errors import ConfigError

    if not path.exists():
        return []
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            rows.append({"cell": row["cell"], "result": row["result"]})
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path}:{number}: is no row of `selfsame faults`; remove the line, or name another file with --out"
            ) from error
    return rows
