"""A long document that explains: each of its sections in parts short enough to be shown to a judge.

A part is a principle: its first paragraph is the text, the others of it are the reasons, and it is called by the
section's heading. Paragraphs are never torn, unless one alone is longer than a part may be: then at a sentence's end.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from constitutions.importing.draft import Draft, drafted, id_of

HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*\s*$")
FENCE = re.compile(r"\s*(```|~~~)")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class Paragraph(NamedTuple):
    """Lines without a blank one between them, on one line, and where they begin."""

    line: int
    heading: str
    text: str

    @property
    def words(self) -> int:
        """How many words it has."""
        return len(self.text.split())


def read_explained(file: str, text: str, max_words: int) -> Draft:
    """The parts of a document, each of at most `max_words` words, but for a sentence that alone is longer."""
    sections: list[list[Paragraph]] = []
    for one in _paragraphs(COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text), file):
        if not sections or sections[-1][0].heading != one.heading:
            sections.append([])
        sections[-1] += _pieces(one, max_words)
    principles = [
        drafted(
            file,
            f"line {part[0].line}",
            id_of(part[0].heading),
            part[0].text,
            reasons="\n\n".join(one.text for one in part[1:]),
        )
        for section in sections
        for part in _parts(section, max_words)
    ]
    remark = (
        "each section is a principle, also what introduces the document or says how it is changed: take out of the "
        "file what no judge is to be shown"
    )
    return Draft(tuple(principles), remarks=(remark,))


def _paragraphs(text: str, file: str) -> Iterator[Paragraph]:
    heading, begun, lines = file.rpartition(".")[0], 0, list[str]()
    for number, line in enumerate([*text.split("\n"), ""], 1):
        titled = HEADING.match(line)
        if line.strip() and not titled and not FENCE.match(line):
            begun = begun if lines else number
            lines.append(line.strip())
            continue
        if lines:
            yield Paragraph(begun, heading, " ".join(lines))
            lines = []
        if titled:
            heading = titled[1]


def _pieces(paragraph: Paragraph, max_words: int) -> list[Paragraph]:
    """The paragraph, or its sentences in as few pieces as hold no more words."""
    if paragraph.words <= max_words:
        return [paragraph]
    pieces = [paragraph._replace(text="")]
    for sentence in SENTENCE_END.split(paragraph.text):
        longer = pieces[-1]._replace(text=f"{pieces[-1].text} {sentence}".strip())
        if longer.words <= max_words or not pieces[-1].text:
            pieces[-1] = longer
        else:
            pieces.append(paragraph._replace(text=sentence))
    return pieces


def _parts(section: Sequence[Paragraph], max_words: int) -> Iterator[list[Paragraph]]:
    part: list[Paragraph] = []
    for one in section:
        if part and sum(other.words for other in part) + one.words > max_words:
            yield part
            part = []
        part.append(one)
    if part:
        yield part
