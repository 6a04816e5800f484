"""A constitution as Markdown: a front matter with all but the principles, and a section for each principle.

The front matter is the same tree as in YAML. In a section the heading `## id` names the principle, the first paragraph
is its text, the rest are its reasons, and a fenced block ```yaml holds its other fields. What stands before the first
section is for the reader: no model sees it.
"""

from dataclasses import dataclass, field
from itertools import dropwhile, takewhile
from typing import Any

from constitutions.strict_yaml import MAX_CHARACTERS, Lines, StrictYamlError, lined_yaml

MARK = "---"
FENCES = ("```", "~~~")
SAID_ABOVE = {"id": "the heading", "text": "the first paragraph", "reasons": "the paragraphs after the first"}


@dataclass
class Section:
    """A principle's lines of prose, each with its number in the file, and of fields, with the number of the first."""

    id: str
    line: int
    prose: list[tuple[int, str]] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    fields_line: int = 0


def lined_markdown(text: str) -> tuple[Any, Lines]:
    """The tree that `text` spells, as if it were YAML, and the line of each of its values. Raises StrictYamlError."""
    lines = text.split("\n")
    if lines[0].rstrip() != MARK:
        raise StrictYamlError(f"line 1: a constitution in Markdown begins with a front matter between two lines {MARK}")
    end = next((nth for nth, line in enumerate(lines[1:], 1) if line.rstrip() == MARK), None)
    if end is None:
        raise StrictYamlError(f"line 1: the front matter never ends: no second line {MARK}")
    tree, places = lined_yaml("\n".join(lines[1:end]), first_line=2)
    sections = _sections(lines, end + 1)
    if sections and isinstance(tree, dict):
        if "principles" in tree:
            raise StrictYamlError(
                f"line {places['principles',]}: principles stand here and, from line {sections[0].line} on, in sections"
            )
        tree["principles"] = [_principle(section, nth, places) for nth, section in enumerate(sections)]
    return tree, places


def _sections(lines: list[str], start: int) -> list[Section]:
    sections: list[Section] = []
    fenced = False
    for number, line in enumerate(lines[start:], start + 1):
        if fenced:
            if line.strip() == FENCES[0]:
                fenced = False
            else:
                sections[-1].fields.append(line)
        elif line.startswith("## "):
            sections.append(Section(line[3:].strip(), number))
        elif sections:
            fenced = line.strip() == "```yaml"
            if not fenced:
                _refuse(line, number)
                sections[-1].prose.append((number, line))
            elif sections[-1].fields_line:
                raise StrictYamlError(f"line {number}: a second block of fields in the section {sections[-1].id!r}")
            else:
                sections[-1].fields_line = number + 1
    if fenced:
        raise StrictYamlError(f"line {sections[-1].fields_line - 1}: a block that never ends")
    if sum(len(line) + 1 for section in sections for line in section.fields) > MAX_CHARACTERS:
        raise StrictYamlError(f"line {start + 1}: blocks of fields with more than the {MAX_CHARACTERS} characters read")
    if not sections and any(line.strip() for line in lines[start:]):
        raise StrictYamlError(f"line {start + 1}: what follows has no section `## id`, so no principle is read from it")
    return sections


def _refuse(line: str, number: int) -> None:
    """Raises StrictYamlError for a line that a reader of the page would take for something else than prose."""
    if line.startswith("#"):
        raise StrictYamlError(f"line {number}: the heading {line!r} is no principle's; a principle's is `## id`")
    if line.lstrip().startswith(FENCES):
        raise StrictYamlError(f"line {number}: the fence {line.strip()!r} is not read; fields stand in a ```yaml block")
    if "<!--" in line:
        raise StrictYamlError(f"line {number}: a comment, which a reader of the page does not see and a model would")


def _principle(section: Section, nth: int, places: Lines) -> dict[str, Any]:
    """The section as a principle's tree, the lines of its values put into `places`."""
    here = ("principles", nth)
    tree, lines = lined_yaml("\n".join(section.fields), section.fields_line)
    fields = {} if tree is None else tree
    if not isinstance(fields, dict):
        raise StrictYamlError(f"line {lines[()]}: the fields of {section.id!r} must be `key: value` lines")
    for name in SAID_ABOVE.keys() & fields.keys():
        raise StrictYamlError(f"line {lines[name,]}: {name} is not read here: it is {SAID_ABOVE[name]} of the section")
    places.update({(*here, *place): line for place, line in lines.items()})
    places[here] = places[*here, "id"] = section.line
    prose = list(dropwhile(_is_blank, section.prose))
    text = list(takewhile(lambda line: not _is_blank(line), prose))
    reasons = list(dropwhile(_is_blank, prose[len(text) :]))
    for name, part in (("text", text), ("reasons", reasons)):
        if part:
            fields[name] = "\n".join(line for _, line in part)
            places[*here, name] = part[0][0]
    return {"id": section.id, **fields}


def _is_blank(numbered: tuple[int, str]) -> bool:
    return not numbered[1].strip()
