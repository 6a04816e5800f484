"""`fit`: the weights of rule rewards, from answers that people ranked."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loop.home import home
from loop.terminal import Json, harmless, print_document, print_line, table
from loop.verbs_run import Overrides
from runs.store import Store

if TYPE_CHECKING:
    from judges.statistics import Estimate
    from loop.fitting import Fitted, OfType


def fit(
    file: Annotated[
        str, typer.Argument(metavar="FILE|microworld", help="Pairs with a better answer, or answers with propositions")
    ],
    overrides: Overrides = None,
    judge: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="An iteration, such as r1@3: its judge grades the answers")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Write the constitution with these weights there")
    ] = None,
    held_out: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Share of the prompts that the weights are tried on")
    ] = 0.3,
    as_json: Json = False,
) -> int:
    """Fit the weights of a constitution's propositions, and say how many pairs held out they order rightly.

    The constitution is that of the run, or what `constitution=` names. No judge is needed where the file states the
    grades of all answers; docs/rules.md says how its lines look.
    """
    from loop.fitting import fit_rules
    from loop.people.sheet import check_new_file
    from loop.watching import watch

    if out is not None:
        check_new_file(out, ".yaml", ".yml")
    with watch() as say:
        found = fit_rules(Store(home()), file, overrides or (), judge, held_out, say)
    if out is not None:
        _write(out, found, file)
    if as_json:
        print_document(_document(found, file, judge, out))
    else:
        print_line(_text(found, out))
    return 0


def _write(path: Path, found: "Fitted", file: str) -> None:
    """The constitution with its new weights, which says in a comment where they come from."""
    from constitutions.writing import as_text
    from runs.durable import write_file

    of = "".join(
        f"# - {kind}: fitted on {one.fitted_on} pairs; of {one.held_out} held out {_share(one.right)} are right\n"
        for kind, one in found.types.items()
    )
    begins = f"# Weights of response_types by `selfsame fit {harmless(file)}`:\n{of}"
    write_file(path, (begins + as_text(found.constitution, path)).encode())


def _document(found: "Fitted", file: str, judge: str | None, out: Path | None) -> dict[str, Any]:
    return {
        "file": file,
        "judge": judge,
        "types": {kind: _of_type(one, found.has_base) for kind, one in found.types.items()},
        "too_few": {kind: {"fitted_on": n, "held_out": m} for kind, (n, m) in found.too_few.items()},
        "left_out": dict(found.left_out),
        "constitution": found.constitution.digest,
        "out": str(out) if out else None,
    }


def _of_type(one: "OfType", has_base: bool) -> dict[str, Any]:
    of_base = {} if has_base else {"base_right": None, "flipped": None}
    estimates = {name: value._asdict() for name, value in vars(one).items() if hasattr(value, "_asdict")}
    return asdict(one) | estimates | of_base


def _text(found: "Fitted", out: Path | None) -> str:
    import yaml

    columns = ("response type", "pairs", "held out", "fitted weights", "the weights so far", "best single proposition")
    rows = [
        (
            *(kind, one.fitted_on, one.held_out, _share(one.right)),
            *(_share(one.right_now), f"{one.single}: {_share(one.single_right)}"),
        )
        for kind, one in found.types.items()
    ]
    lines = ["Pairs held out that are in the right order, with intervals of 95 %:", "", table(columns, rows), ""]
    for kind, one in found.types.items():
        lines.append(
            f"{kind}: {_points(one.over_single)} points over the best single proposition, {_points(one.over_now)} over "
            "the weights so far."
        )
        if found.has_base:
            lines.append(
                f"{kind}: the score alone orders {_share(one.base_right)} rightly; the rules turn round "
                f"{_share(one.flipped)} of the pairs that it orders."
            )
    lines += [
        f"{kind} keeps its weights: {n} pairs to fit on and {m} held out are too few."
        for kind, (n, m) in found.too_few.items()
    ]
    lines += [f"Left out: {n} {why}." for why, n in found.left_out.items()]
    if out is not None:
        return "\n".join([*lines, "", f"{out} is the constitution with these weights: constitution={out}"])
    weights = {kind: {"weights": one.weights} for kind, one in found.types.items()}
    spelt = yaml.safe_dump({"response_types": weights}, sort_keys=False)
    return "\n".join(
        [*lines, "", "The weights, for the constitution's response types (--out FILE.yaml writes it):", spelt]
    )


def _share(found: "Estimate") -> str:
    if found.value is None or found.low is None or found.high is None:
        return "-"
    return f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%})"


def _points(found: "Estimate") -> str:
    value, low, high = (100 * (part or 0.0) for part in found)
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"
