"""`constitution ...`: a constitution looked at, imported, checked and compared, before any model has seen it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from loop.terminal import Json, print_aside, print_document, print_line
from runs.errors import UsageError

app = typer.Typer(help="Look at a constitution, import, check or compare one.", no_args_is_help=True)

File = Annotated[str, typer.Argument(metavar="FILE", help="A constitution: a shipped one's name, or a .yaml or .md")]


@app.command()
def show(file: File, as_json: Json = False) -> int:
    """Show the canonical form, the digest, the principles in order, and what each way of judging would ask."""
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
    ways = Ways(votes, min_agreement, explained, max_words)
    said_by = Provenance(licence=licence, author=author, approver=approver)
    found = imported(files, out, name or out.stem, like, ways, said_by)
    principles = [one.model_dump(mode="json") for one in found.constitution.principles]
    merged = [{"into": into, "text": one.text, "place": one.provenance.place} for into, one in found.merged]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(found.text, encoding="utf-8")
    if as_json:
        document = {"file": str(out), "digest": found.constitution.digest, "principles": principles, "merged": merged}
        print_document(document)
        return 0
    for into, one in found.merged:
        print_aside(f"{one.provenance.source}, {one.provenance.place} says what {into} says, and is left out")
    print_line(f"{out}: {len(principles)} principles, {found.constitution.digest}")
    print_line(f"Next: selfsame constitution lint {out}")
    return 0
