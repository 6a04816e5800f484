"""A constitution out of files that hold principles in other forms, each said once, with where it comes from."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from constitutions.contradiction import content, contrary
from constitutions.extends import Part
from constitutions.importing.cai import read_json
from constitutions.importing.draft import Draft, LeftOut, with_different_ids
from constitutions.importing.explained import read_explained
from constitutions.importing.lists import read_list
from constitutions.importing.votes import read_votes
from constitutions.load import EXEMPLARS_OF, SHOWN, Constitution, Method, find_constitution, validated
from constitutions.principle import Principle, Provenance
from constitutions.strict_yaml import StrictYamlError, read_text
from constitutions.writing import as_text
from loop.near_duplicates import NearDuplicates
from runs.errors import ConfigError, UsageError

MIN_AGREEMENT = 0.7
"""By default the least probability with which somebody of each group agrees; 4 of 4 votes or 8 of 10 say so much."""
MAX_WORDS = 120
"""By default the most words of a part of a document: with both answers it fits a context of 512 tokens."""
MAX_ROUGE_L = 0.7
"""Above it two texts are much alike, as in Self-Instruct (Wang et al., 2212.10560). Short ones say the same by far not
always: "The response is honest." and "The response is kind." have 0.75."""


@dataclass(frozen=True)
class Ways:
    """How files are read: `votes` beside a CSV of statements, Markdown as a document (`explained`) or as a list.

    `merge_near` leaves out what is much like an earlier text, too, beside what says the same.
    """

    votes: Path | None = None
    min_agreement: float = MIN_AGREEMENT
    explained: bool = False
    max_words: int = MAX_WORDS
    merge_near: bool = False


@dataclass(frozen=True)
class Once:
    """Principles that say different things, each with the places of those left out for it.

    `merged` are those left out, `near` those kept that are much like an earlier one, each with that one's place.
    """

    kept: tuple[Principle, ...]
    merged: tuple[tuple[int, Principle], ...]
    near: tuple[tuple[int, Principle], ...]


@dataclass(frozen=True)
class Imported:
    """What was written: the text of the file and what it says; each text that is gone because some principle says it;
    each that stays though it is much like a principle, which is for a person to decide; and what else of the files is
    in no principle. Principles by their ids. Then by file what to know of how it was read, and the groups of voters."""

    text: str
    constitution: Constitution
    merged: tuple[tuple[str, Principle], ...]
    near: tuple[tuple[str, Principle], ...]
    left_out: tuple[LeftOut, ...]
    remarks: tuple[str, ...]
    groups: Mapping[str, Mapping[str, int]]


def imported(files: Sequence[Path], out: Path, name: str, like: str, ways: Ways, said_by: Provenance) -> Imported:
    """The constitution that the files amount to. Its scale, and the questions that show a principle, are those of
    `like`. Raises ConfigError for files that cannot be read so, UsageError for options that do nothing.
    """
    suffixes = {file.suffix for file in files}
    if ways.votes is not None and ".csv" not in suffixes:
        raise UsageError("--votes belongs to a CSV file of statements; name it as FILE")
    if ways.min_agreement != MIN_AGREEMENT and ".csv" not in suffixes:
        raise UsageError("--min-agreement is of statements with votes, and no FILE is a .csv; leave it out")
    if ways.explained and ".md" not in suffixes:
        raise UsageError("--explained is a way to read a .md, and no FILE is one; leave it out")
    if ways.max_words != MAX_WORDS and not ways.explained:
        raise UsageError("--max-words is of a document's parts; add --explained, or leave it out")
    drafts = [_draft(file, ways) for file in files]
    once = said_once([one for draft in drafts for one in draft.principles], ways.merge_near)
    if not once.kept:
        raise ConfigError(f"{', '.join(map(str, files))}: no principle is left of what stands there")
    asks, principles = find_constitution(like, "--like "), with_different_ids(once.kept)
    constitution = Constitution(
        name=name,
        scale=asks.scale,
        explain=("reasons",) if any(one.reasons for one in principles) else (),
        principles=principles,
        questions=_questions(asks, _uses(principles, drafts)),
        exemplars_compared=tuple(one for draft in drafts for one in draft.compared),
        exemplars_revised=tuple(one for draft in drafts for one in draft.revised),
        provenance=said_by.model_copy(update={"source": ", ".join(file.name for file in files)}),
    )
    text = as_text(constitution, out)
    if validated((Part(out, text),))[0] != constitution:
        raise RuntimeError(f"{out} would not say what was imported: {constitution.digest}")
    merged, near = (tuple((principles[place].id, one) for place, one in found) for found in (once.merged, once.near))
    left_out = tuple(one for draft in drafts for one in draft.left_out)
    read = list(zip(files, drafts, strict=True))
    remarks = tuple(f"{file.name}: {remark}" for file, draft in read for remark in draft.remarks)
    groups = {str(file): draft.groups for file, draft in read if draft.groups}
    return Imported(text, constitution, merged, near, left_out, remarks, groups)


def said_once(principles: Sequence[Principle], merge_near: bool = False) -> Once:
    """The first of those that say the same for the same use, with the places of the others.

    Two texts say the same where they are one but for words that mean nothing by themselves. They are near where ROUGE-L
    is above MAX_ROUGE_L and neither is the other's contrary: "share" and "do not share" differ by two words.
    """
    said: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    pools: dict[tuple[str, ...], tuple[NearDuplicates, list[int]]] = {}
    kept: list[Principle] = []
    merged: list[tuple[int, Principle]] = []
    near: list[tuple[int, Principle]] = []
    for one in principles:
        pool, places = pools.setdefault(one.use, (NearDuplicates(MAX_ROUGE_L), []))
        like = (places[nth] for nth in pool.those_like(one.text))
        alike = next((place for place in like if not contrary(kept[place].text, one.text)), None)
        same = said.get((one.use, content(one.text)), alike if merge_near else None)
        if same is not None:
            first = kept[same]
            found = (*first.provenance.merged, f"{one.provenance.source}, {one.provenance.place}: {one.text}")
            kept[same] = first.model_copy(update={"provenance": first.provenance.model_copy(update={"merged": found})})
            merged.append((same, one))
            said.setdefault((one.use, content(one.text)), same)
            continue
        if alike is not None:
            near.append((alike, one))
        pool.add(one.text)
        places.append(len(kept))
        said[one.use, content(one.text)] = len(kept)
        kept.append(one)
    return Once(tuple(kept), tuple(merged), tuple(near))


def _uses(principles: Sequence[Principle], drafts: Sequence[Draft]) -> set[str]:
    """What is to be asked: as far as there are principles or exemplars for it."""
    compared = {"comparison" for draft in drafts if draft.compared}
    revised = {"critique" for draft in drafts if draft.revised}
    return {use for one in principles for use in one.use} | compared | revised


def _questions(asks: Constitution, uses: set[str]) -> dict[Method, str]:
    """Those questions that ask by a principle; what scores an answer as a whole is none of the principles'."""
    comparing = EXEMPLARS_OF["exemplars_compared"]
    return {
        method: text
        for method, text in asks.questions.items()
        if "principle" in SHOWN[method] and ("comparison" if method in comparing else "critique") in uses
    }


def _draft(file: Path, ways: Ways) -> Draft:
    readers: dict[str, Callable[[str], Draft]] = {
        ".json": lambda text: read_json(file.name, text),
        ".csv": lambda text: _voted(file, text, ways),
        ".txt": lambda text: read_list(file.name, text),
        ".md": lambda text: (
            read_explained(file.name, text, ways.max_words) if ways.explained else read_list(file.name, text)
        ),
    }
    if file.suffix not in readers:
        raise ConfigError(
            f"{file}: principles are imported from {', '.join(readers)}; a .yaml of our own needs no import"
        )
    return readers[file.suffix](_text_of(file))


def _voted(file: Path, text: str, ways: Ways) -> Draft:
    votes = None if ways.votes is None else _text_of(ways.votes)
    return read_votes(file.name, text, str(ways.votes), votes, ways.min_agreement)


def _text_of(file: Path) -> str:
    if not os.path.isfile(file):
        raise ConfigError(f"{file}: no such file")
    try:
        # Votes are longer than any constitution, and full of what nobody sees: of them only what is kept must be clean.
        return file.read_text(encoding="utf-8-sig") if file.suffix == ".csv" else read_text(file)
    except (OSError, StrictYamlError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
