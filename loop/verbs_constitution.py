"""`constitution ...`: a constitution looked at, imported, checked and compared, before any model has seen it."""

import os
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loop.home import home
from loop.terminal import Json, print_aside, print_document, print_line
from runs.counted import counted
from runs.errors import ConfigError, UsageError
from runs.store import Store

if TYPE_CHECKING:
    from constitutions.importing.draft import LeftOut
    from constitutions.principle import Principle

CONTEXT = 512
"""The tokens that the microworld's models read at once."""

app = typer.Typer(help="Look at a constitution, import, check or compare one.", no_args_is_help=True)

File = Annotated[str, typer.Argument(metavar="FILE", help="A constitution: a shipped one's name, or a .yaml or .md")]


@app.command()
def show(file: File, as_json: Json = False) -> int:
    """Show the digest, the principles in order, and what each way of judging would ask; with --json all of each."""
    from constitutions.extends import parts_of
    from constitutions.load import constitution_file, find_constitution
    from loop.constitution_shown import document, text

    constitution = find_constitution(file)
    files = [str(part.path) for part in parts_of(constitution_file(file))]
    if as_json:
        print_document(document(constitution, files))
    else:
        print_line(text(constitution, files))
    return 0


@app.command()
def lint(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Constitutions: shipped ones, .yaml or .md")],
    measure: Annotated[
        str | None, typer.Option("--with", metavar="RUN@N", help="Also how its principles voted on these comparisons")
    ] = None,
    reworded: Annotated[
        str | None, typer.Option(metavar="RUN@N", help="With --with: the same comparisons, judged by other words")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="FOLDER|microworld:m1", help="Also whether questions fit this judge")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="With --model: the tokens that it reads at once; 512 if not said")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 78 if there is any finding")] = False,
    as_json: Json = False,
) -> int:
    """Say what is doubtful about constitutions, and what to do about it. A finding is no error: the exit code is 0."""
    from constitutions.finding import Linted
    from constitutions.lint import lint as of_words
    from constitutions.load import constitution_file, load_with_origins
    from loop.constitution_lint import findings_text, lint_context, lint_measured, measured

    if reworded and not measure:
        raise UsageError("--reworded is held against --with RUN@N; name that iteration too")
    if context is not None and model is None:
        raise UsageError("--context is of the judge that --model names; name that too")
    store = Store(home())
    documents, findings = [], []
    for file in files:
        constitution, origins = load_with_origins(constitution_file(file))
        read = Linted(constitution, origins)
        found = of_words(constitution, origins)
        votes = measured(store, measure, constitution, reworded) if measure else None
        if votes is not None:
            found += lint_measured(read, votes)
        if model is not None:
            found += lint_context(read, _tokens_of(model), context or CONTEXT)
        findings += sorted(found)
        documents.append({"file": file, "digest": constitution.digest, "measured": votes and votes.document()})
        if votes is not None and not as_json:
            print_line(f"{votes.text()}\n")
    if as_json:
        print_document({"constitutions": documents, "findings": [one._asdict() for one in findings]})
    else:
        print_line(findings_text(findings) or "Nothing is doubtful.")
    return ConfigError.exit_code if strict and findings else 0


@app.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A constitution: a shipped one's name, or a .yaml or .md")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one")],
    judged: Annotated[
        str | None, typer.Option("--with", metavar="RUN@N", help="Also which labels of this iteration B would change")
    ] = None,
    as_json: Json = False,
) -> int:
    """Say which principles differ, how much both speak of the same, and which labels change, before anything is asked.

    With an iteration that was judged by A, its comparisons are counted again by B from the votes that it keeps.
    """
    from constitutions.load import find_constitution
    from loop.constitution_diff import document, text
    from loop.constitution_flips import flips

    before, after = find_constitution(a), find_constitution(b)
    found = flips(Store(home()), judged, before, after) if judged else None
    if as_json:
        print_document({**document(before, after), "labels": found and found.document()})
    else:
        print_line(text(before, after) + (f"\n\n{found.text()}" if found else ""))
    return 0


@app.command("import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help=".json of Constitutional AI, .txt or .md list, .csv of votes"),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Write the constitution there: .yaml or .md")],
    votes: Annotated[
        Path | None, typer.Option(metavar="CSV", help="The votes on the statements of a .csv, by statements' ids")
    ] = None,
    min_agreement: Annotated[
        float, typer.Option(min=0.5, max=1, help="Least probability that somebody of each group of voters agrees")
    ] = 0.7,
    explained: Annotated[
        bool, typer.Option("--explained", help="A .md is a document that explains: its sections become principles")
    ] = False,
    max_words: Annotated[int, typer.Option(min=1, help="With --explained: the most words of a principle")] = 120,
    merge_near: Annotated[
        bool, typer.Option("--merge-near", help="Leave out, too, what has most words in common with an earlier text")
    ] = False,
    like: Annotated[
        str, typer.Option(metavar="FILE", help="Whose scale and questions it takes")
    ] = "helpful-honest-harmless",
    name: Annotated[str | None, typer.Option(help="What it is called; by default as the file is")] = None,
    licence: Annotated[str, typer.Option(help="Under which the texts may be used")] = "",
    author: Annotated[str, typer.Option(help="Who wrote them")] = "",
    approver: Annotated[str, typer.Option(help="Who said that they hold")] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there")] = False,
    as_json: Json = False,
) -> int:
    """Make a constitution of what stands in other files: each principle once, with where it comes from.

    Of statements with votes, those become principles that every group of opinion holds.
    """
    from constitutions.files import READERS
    from constitutions.principle import Provenance
    from loop.constitution_import import Ways, imported

    if out.suffix not in READERS:
        raise UsageError(f"--out {out}: a constitution is written to a file that ends in {', '.join(READERS)}")
    if os.path.exists(out) and not force:
        raise UsageError(f"--out {out}: there is such a file; --force writes over it")
    ways = Ways(votes, min_agreement, explained, max_words, merge_near)
    said_by = Provenance(licence=licence, author=author, approver=approver)
    found = imported(files, out, name or out.stem, like, ways, said_by)
    principles = [one.model_dump(mode="json") for one in found.constitution.principles]
    merged, near = (
        [{"principle": other, "text": one.text, "place": one.provenance.place} for other, one in alike]
        for alike in (found.merged, found.near)
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(found.text, encoding="utf-8")
    if as_json:
        left_out = [
            {**one._asdict(), "votes": one.votes and {group: own.model_dump() for group, own in one.votes.items()}}
            for one in found.left_out
        ]
        what = {"principles": principles, "merged": merged, "near": near, "left_out": left_out, "groups": found.groups}
        print_document({"file": str(out), "digest": found.constitution.digest, **what})
        return 0
    why = "has most words in common with" if merge_near else "says, but for words such as `the` and `is`, what"
    for other, one in found.merged:
        print_aside(f"{_place(one)} {why} {other}{'' if merge_near else ' says'}, and is left out")
    if found.near:
        pairs = [f"{_place(one)} ~ {other}" for other, one in found.near]
        print_aside(f"much alike, and kept for you to decide (--merge-near leaves out the later one): {_some(pairs)}")
    for remark in found.remarks:
        print_aside(remark)
    for (file, why), each in groupby(found.left_out, lambda one: (one.file, one.why)):
        print_aside(f"{file}: left out, as {why}: {_some([f'{one.place}{_agreed(one)}' for one in each])}")
    print_line(f"{out}: {counted(len(principles), 'principle')}, {found.constitution.digest}")
    print_line(f"Next: selfsame constitution lint {out}")
    if "pairwise" in found.constitution.questions:
        settings = (f"constitution={out}", "judge.method=pairwise")
        if _fits_the_recipes_judge(settings):
            print_line(f"      selfsame run self-rewarding {' '.join(settings)}")
        else:
            print_line(
                "      The microworld's models, with which recipes run here, read too little for these questions: for "
                "them\n      import it again with --like microworld --force"
            )
    return 0


def _fits_the_recipes_judge(settings: Sequence[str]) -> bool:
    """Whether the questions fit the context of the small model that judges in a shipped recipe."""
    from loop.load_config import load_config
    from loop.preflight_context import check_context

    try:
        check_context(load_config("self-rewarding", settings))
    except ConfigError:
        return False
    return True


def _place(principle: "Principle") -> str:
    return f"{principle.provenance.source}, {principle.provenance.place}"


def _agreed(one: "LeftOut") -> str:
    """How many agreed, of those of each group who voted."""
    voted = [(own.agree, own.agree + own.disagree + own.passed) for own in (one.votes or {}).values()]
    return f": {' and '.join(f'{agree} of {all}' for agree, all in voted)} agree" if voted else ""


def _some(places: Sequence[str], most: int = 5) -> str:
    """How many places there are, and the first of them."""
    more = f" and {len(places) - most} more (--json names them all)" if len(places) > most else ""
    return f"{len(places)} ({', '.join(places[:most])}{more})"


def _tokens_of(model: str) -> Callable[[str], float]:
    """How many tokens a text has for that model. Raises ConfigError for a model that is not here."""
    from loop.base import find_base
    from loop.config import Model
    from loop.token_count import counter

    folder = find_base(Model(base=model)).folder
    if not (folder / "tokenizer.json").is_file():
        raise ConfigError(f"--model {model}: {folder} has no tokenizer.json, so that nothing can be counted")
    return counter(folder)
