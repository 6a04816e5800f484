"""A list of principles: one a line, or the items of a Markdown list. Headings are no principles."""

import re

from constitutions.importing.draft import Draft, LeftOut, drafted, id_of

ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(?=\S)")


def read_list(file: str, text: str) -> Draft:
    """The principles of a list. Where some line is a list's item, only items count, each with its indented lines.

    The other lines, but for headings, are left out, and told.
    """
    lines = list(enumerate(text.split("\n"), 1))
    left_out = []
    remarks: tuple[str, ...] = ()
    if not any(ITEM.match(line) for _, line in lines):
        found = [(number, line.strip()) for number, line in lines if line.strip() and not line.startswith("#")]
        if file.endswith(".md"):
            remarks = (
                "no line is an item of a list, so that each is a principle; --explained reads it by its sections",
            )
    else:
        found = []
        within = False
        for number, line in lines:
            if ITEM.match(line):
                found.append((number, ITEM.sub("", line).strip()))
                within = True
            elif within and line.startswith((" ", "\t")) and line.strip():
                found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
            else:
                within = False
                if line.strip() and not line.startswith("#"):
                    left_out.append(LeftOut(file, f"line {number}", line.strip(), "it is no item of the list"))
    principles = tuple(drafted(file, f"line {number}", id_of(said), said) for number, said in found)
    return Draft(principles, left_out=tuple(left_out), remarks=remarks)
