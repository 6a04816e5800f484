"""`label ...`: put the pairs that are worth it to people, keep what they say, and hold a judge against it."""

import getpass
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loop.clock import utc_now
from loop.home import home
from loop.people.choosing import By
from loop.terminal import Json, print_document, print_line
from runs.counted import counted
from runs.errors import ConfigError, UsageError
from runs.store import Store

if TYPE_CHECKING:
    from loop.people.batch import Answer, Batch, Question
    from loop.people.judged import Judged
    from loop.people.report import Report

PERSON = re.compile(r"\w[\w.@+-]{0,63}")

app = typer.Typer(help="Ask people which answer is better, and hold a judge against them.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="An iteration: NAME@3, or NAME for its last one")]
Source = Annotated[str | None, typer.Option(metavar="NAME", help="Who answers; by default your login name")]


@app.command("next")
def next_pairs(
    address: Address,
    n: Annotated[int, typer.Option("--n", min=1, max=1000, help="At most so many pairs")] = 50,
    by: Annotated[By, typer.Option(help="Why they are worth it; mixed takes equal shares")] = "mixed",
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a sheet to fill in instead: .csv or .jsonl")
    ] = None,
    source: Source = None,
    as_json: Json = False,
) -> int:
    """Put the pairs that are most worth a person's time to a person, blind and in random order.

    In the terminal each answer is kept as it is given, and the same command goes on after the last. With --sheet the
    pairs go to a file, with --json to standard output; `selfsame label add` takes what comes back.
    """
    from loop.people.judged import judged
    from loop.people.next_batch import next_batch
    from loop.people.sheet import as_json as question_json
    from loop.people.sheet import check_new_file, write_sheet
    from runs.lineage import resolve

    store = Store(home())
    if sheet is None and not as_json:
        who = _person(source)
        shown = judged(store, resolve(store, address))
        return _ask(store, shown, next_batch(store.home, shown, n, by, who), n, who)
    if source is not None:
        raise UsageError("--source is for the terminal; the answers of a sheet get theirs from `label add --source`")
    if sheet is not None:
        check_new_file(sheet, ".csv", ".jsonl")
    shown = judged(store, resolve(store, address))
    questions = next_batch(store.home, shown, n, by).questions
    filled = "FILE" if sheet is None else str(sheet)
    document = {"address": shown.address, "pairs": len(questions), "next": f"selfsame label add {filled} --source NAME"}
    if sheet is not None:
        write_sheet(sheet, questions)
        document["sheet"] = filled
    else:
        document["questions"] = [question_json(question) for question in questions]
    if as_json:
        print_document(document)
    else:
        print_line(
            f"{filled} asks about {counted(len(questions), 'pair')} of {shown.address}, at most one to a prompt."
        )
        print_line(f"Fill in `label` with a, b or tie, then: {document['next']}")
    return 0


def _ask(store: Store, shown: "Judged", batch: "Batch", n: int, who: str) -> int:
    from loop.people import kept
    from loop.people.batch import Given
    from loop.people.dialogue import ask_all
    from loop.people.reasons import reasons

    questions = batch.open(who)[:n]

    def keep(question: "Question", answer: "Answer", reasons_seen: bool) -> None:
        kept.add(store.home, batch, [Given(question.id, who, _now(), answer, reasons_seen)])

    asked = counted(len(questions), "pair")
    print_line(f"{asked} of {shown.address} for {who}. What was answered is kept; quit when you like.")
    done = ask_all(questions, print_line, _hear, keep, lambda question: reasons(shown, question))
    print_line(f"\n{done} done, {len(batch.open(who)) - done} left; the same command goes on.")
    print_line(f"How the judge agrees: selfsame label report {shown.address}")
    return 0


def _hear(prompt: str) -> str:
    print(prompt, end="", flush=True)
    typed = sys.stdin.readline()
    return typed if typed else "q"


@app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A filled sheet: .csv or .jsonl with `id` and `label`")],
    source: Source = None,
    as_json: Json = False,
) -> int:
    """Keep the answers of a filled sheet. Bad lines are named and the others kept; exits 78 if there are bad ones.

    A sheet can be added again: another answer of the same person counts from then on, and the first is kept beside it.
    """
    from loop.people import kept
    from loop.people.batch import Given
    from loop.people.report_text import as_json as report_json
    from loop.people.sheet import read_sheet

    who = _person(source)
    store = Store(home())
    filled, bad = read_sheet(file, kept.batches(store.home))
    added = 0
    for batch in {one.batch.name: one.batch for one in filled}.values():
        said = [(one.question.id, one.answer) for one in filled if one.batch.name == batch.name]
        last = {one.question: one.answer for one in batch.given if one.source == who}
        new = [Given(question, who, _now(), answer) for question, answer in said if last.get(question) != answer]
        kept.add(store.home, batch, new)
        added += len(new)
    reports = _reports(store, [one.batch for one in filled])
    if as_json:
        document = {"source": who, "answers": len(filled), "new": added, "refused": [one._asdict() for one in bad]}
        print_document(document | {"reports": [report_json(one) for one in reports]})
    else:
        print_line(f"{counted(len(filled), 'answer')} of {who}, {added} of them new.")
        for one in bad:
            print_line(f"not kept: {one.place}: {one.reason}")
        _say(reports)
    return ConfigError.exit_code if bad else 0


def _reports(store: Store, batches: Sequence["Batch"]) -> list["Report"]:
    """On the judges of the iterations that the batches came from, where these are still to be found."""
    from loop.people import kept
    from loop.people.consensus import labelled
    from loop.people.judged import judged
    from loop.people.report import report as report_on
    from runs.lineage import resolve

    found = []
    for address, iteration in sorted({(batch.address, batch.iteration) for batch in batches}):
        try:
            shown = judged(store, resolve(store, address))
        except UsageError:
            continue  # the run was deleted; the labels are kept all the same
        if shown.digest == iteration:
            found.append(report_on(shown, labelled(kept.batches(store.home))))
    return found


@app.command()
def report(address: Address, as_json: Json = False) -> int:
    """Say how the judge of an iteration agrees with people, and people with one another."""
    from loop.people import kept
    from loop.people.consensus import labelled
    from loop.people.judged import judged
    from loop.people.report import report as report_on
    from loop.people.report_text import as_json as report_json
    from runs.lineage import resolve

    store = Store(home())
    found = report_on(judged(store, resolve(store, address)), labelled(kept.batches(store.home)))
    if as_json:
        print_document(report_json(found))
    else:
        _say([found])
    return 0


@app.command()
def export(
    anchors: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Write pairs that a judge is held against")
    ] = None,
    pairs: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="Write preference pairs to train on")] = None,
    as_json: Json = False,
) -> int:
    """Write all labels as anchors (measure.anchors=FILE) or as preference pairs, each with its source."""
    from loop.people import exports, kept
    from loop.people.consensus import labelled
    from loop.people.sheet import check_new_file, write_jsonl

    wanted = [(path, rows) for path, rows in ((anchors, exports.anchor_rows), (pairs, exports.training_rows)) if path]
    if not wanted:
        raise UsageError("name what to write: --anchors FILE.jsonl, --pairs FILE.jsonl, or both")
    if anchors == pairs:
        raise UsageError(f"--anchors and --pairs both name {pairs}; name two files")
    for path, _ in wanted:
        check_new_file(path, ".jsonl")
    found = labelled(kept.batches(Store(home()).home))
    if not found:
        raise UsageError("nobody has labelled anything here yet; `selfsame label next ADDRESS` asks")
    written = {}
    for path, rows in wanted:
        write_jsonl(path, rows(found))
        written[str(path)] = len(rows(found))
    if as_json:
        print_document({"labelled": len(found), "written": written})
    else:
        for name, count in written.items():
            print_line(f"{name}: {count} of {counted(len(found), 'labelled pair')}.")
    return 0


def _say(reports: Sequence["Report"]) -> None:
    from loop.people.report_text import in_lines

    for one in reports:
        print_line(in_lines(one))


def _person(source: str | None) -> str:
    """The name under which answers are kept. Raises UsageError for what cannot be one."""
    try:
        name = getpass.getuser() if source is None else source
    except (KeyError, OSError) as error:
        raise UsageError("nobody is logged in here; say who answers with --source NAME") from error
    if not PERSON.fullmatch(name):
        raise UsageError(f"--source {name!r}: a name is 1 to 64 letters, digits, _ . @ + or -; give --source NAME")
    return name


def _now() -> str:
    return utc_now().isoformat(timespec="milliseconds")
