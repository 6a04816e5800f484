"""`audit ...`: what a judge's verdicts depend on besides quality."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from loop.home import home
from loop.terminal import Json, print_document, print_line
from runs.counted import counted
from runs.errors import UsageError
from runs.records import Unscored
from runs.store import Store

if TYPE_CHECKING:
    from judges.audit.findings import Audit
    from judges.length_controlled import WinRate
    from judges.statistics import Estimate
    from loop.external.labels import Labels


class AddressFirst(TyperGroup):
    """A group in which a first word that is none of its commands is an address: `audit r1@3`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command `of` before an address."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["of", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=AddressFirst,
    help="Say what a judge's verdicts depend on besides quality: `audit NAME@3`, or of judgments in a file.",
    no_args_is_help=True,
)

Out = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write audit.json, .md and .png there")]
NO_LABELS = (
    "no column was named, so that neither agreement nor any fault that only labels can show was tested; name one with "
    "--label COLUMN"
)


def _column(what: str) -> Any:
    """The option that names a column."""
    return typer.Option(metavar="COLUMN", show_default=False, help=f"The column of {what}")


@app.command()
def of(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="An iteration, such as r1@3: its judge is audited")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings, such as audit.items=400")
    ] = None,
    implicit: Annotated[
        bool, typer.Option("--implicit", help="Audit the reward that the policy's own training stands for instead")
    ] = False,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Audit the judge of an iteration; the word `of` may be left out."""
    from loop.auditing import audit_of
    from loop.watching import watch
    from runs.audit_report import as_markdown

    with watch() as say:
        found = audit_of(Store(home()), address, overrides or [], say, implicit)
    title = f"The {'implicit reward' if implicit else 'judge'} of {address}"
    if out is not None:
        _write(out, found, title)
    if as_json:
        print_document({"address": address, "implicit": implicit, **found})
    else:
        print_line(f"# {title}\n\n{as_markdown(found)}")
    return 0


@app.command()
def labels(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Judgments of pairs: Parquet, JSONL or CSV")],
    first: Annotated[str | None, _column("the output that the judge saw first")] = None,
    second: Annotated[str | None, _column("the other output")] = None,
    preference: Annotated[str | None, _column("what the judge said: which is better")] = None,
    label: Annotated[
        str | None, _column("what people said of the same two; without it agreement is not tested")
    ] = None,
    prompt: Annotated[str | None, _column("what was asked")] = None,
    family: Annotated[str | None, _column("the kind of prompt: statistics are shown of each")] = None,
    says_first: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The preference that says: the first output is better")
    ] = None,
    says_second: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The preference that says: the second output is better")
    ] = None,
    label_first: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The label that says: the first output is better")
    ] = None,
    label_second: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The label that says: the second output is better")
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Audit judgments that somebody else made: win rates, length, order, agreement with labels.

    A row has two outputs and a preference; columns with usual names are found, others are named. AlpacaEval's files and
    files of `chosen` and `rejected` are read as they are. Lengths are in characters.
    """
    from judges.audit.findings import Judged, audit
    from judges.audit.report import as_json as audit_document
    from judges.length_controlled import Comparison, win_rate
    from judges.statistics import mean
    from loop.external.labels import read_labels
    from loop.external.preferences import LABEL, SAYS
    from runs.audit_report import as_markdown
    from runs.audit_subject import with_subject

    options = {
        "first": first, "second": second, "preference": preference, "label": label, "prompt": prompt, "family": family
    }  # fmt: skip
    named = {what: column for what, column in options.items() if column is not None}
    read = read_labels(file, named, _both(says_first, says_second, SAYS), _both(label_first, label_second, LABEL))
    wins = win_rate([Comparison(1 - p.chance, p.length_b, p.length_a) for p in read.pairs if p.chance is not None])
    audited = audit(Judged(pairs=read.pairs, repeated_pairs=read.repeated))
    found = with_subject(audit_document(_known(audited)), _subject(file, read))
    if out is not None:
        _write(out, found, f"The judgments of {file.name}")
    length_first = mean([float(pair.length_a) for pair in read.pairs]).value
    if as_json:
        print_document(
            {
                "file": str(file),
                "rows": read.rows,
                "missing_verdicts": read.missing,
                "pairs": len(read.pairs),
                "columns": asdict(read.columns),
                "second_wins": _second_wins(read, wins),
                "length_coefficient": wins.controlled and wins.controlled.length._asdict(),
                "length_characters": {"first_mean": length_first, "second_mean": wins.length_mean},
                "audit": found,
            }
        )
    else:
        print_line(_summary(read, wins, length_first))
        print_line(as_markdown(found))
    return 0


def _both(first: str | None, second: str | None, options: tuple[str, str]) -> tuple[str, str] | None:
    if first is not None and second is not None:
        return first, second
    if first is not None or second is not None:
        raise UsageError(f"{options[0]} and {options[1]} belong together: name both values")
    return None


def _write(folder: Path, document: dict[str, Any], title: str) -> None:
    """Put the audit there in its three forms."""
    from runs.audit_report import audit_files

    folder.mkdir(parents=True, exist_ok=True)
    for name, data in audit_files(document, title).items():
        (folder / name).write_bytes(data)


def _subject(file: Path, read: "Labels") -> dict[str, Any]:
    """What was audited, under the names that a page says it by."""
    from loop.clock import utc_now
    from runs.canonical import digest_file

    says = "nothing: the first output is the better one, and was put first or second by lot"
    ends = [
        one and f"{one.first} where the first output is better, {one.second} where the second is"
        for one in (read.ends, read.label_ends)
    ]
    return {
        "judgments": {"file": str(file), "digest": digest_file(file), "rows": read.rows},
        "columns": asdict(read.columns),
        "preference": ends[0] or says,
        "labels": ends[1] or NO_LABELS,
        "items": len(read.pairs),
        "date": utc_now().isoformat(timespec="seconds"),
    }


def _known(found: "Audit") -> "Audit":
    """The audit without what the file cannot tell: an empty row would read as if it had been looked for."""
    groups = {
        kind: {name: tuple(one for one in statistics if one.n) for name, statistics in of_kind.items()}
        for kind, of_kind in found.groups.items()
    }
    return replace(found, statistics=tuple(one for one in found.statistics if one.n), groups=groups)


def _second_wins(read: "Labels", wins: "WinRate") -> dict[str, Any] | None:
    """None where the preferred output was put first or second by lot."""
    if read.ends is None:
        return None
    return {**wins.raw._asdict(), "at_equal_length": wins.controlled and wins.controlled.rate._asdict()}


def _summary(read: "Labels", wins: "WinRate", length_first: float | None) -> str:
    lines = [f"{counted(read.rows, 'judgment')} of {counted(len(read.pairs), 'pair')}."]
    if read.columns.label is None:
        lines.append(f"Labels: {NO_LABELS}.")
    if read.missing:
        pairs = sum(any(isinstance(one, Unscored) for one in (pair.ab, pair.ba)) for pair in read.pairs)
        lines.append(
            f"{read.missing} of {read.rows} judgments hold no preference. Below, a pair counts as one to which the "
            f"judge failed to answer if it did in any order: {pairs} of {len(read.pairs)}."
        )
    if read.ends is None:
        lines.append("The preferred output is taken as the first or the second by lot.")
    elif wins.raw.value is not None:
        error = f", standard error {wins.raw.standard_error:.2%}" if wins.raw.standard_error is not None else ""
        lines.append(f"The second output wins {wins.raw.value:.2%} of {wins.raw.n}{error}.")
        if wins.controlled is not None:
            lines.append(f"At equal lengths it would win {_interval(wins.controlled.rate, '.1%')}.")
    lines.append(f"Mean length in characters: {length_first:.1f} and {wins.length_mean:.1f}.")
    if wins.controlled is not None:
        beside = "no label is held against it, and longer may be better, so by itself it is no finding"
        if read.columns.label is not None:
            beside = "without regard to labels; length/coefficient below is the one beside labels"
        drawn = _interval(wins.controlled.length, "+.2f")
        lines.append(f"Coefficient of length (more: the longer wins): {drawn} nats; {beside}.")
    return "\n".join(lines) + "\n"


def _interval(estimate: "Estimate", digits: str) -> str:
    value, low, high = (format(number, digits) for number in estimate)
    return f"{value} ({low} to {high})"
