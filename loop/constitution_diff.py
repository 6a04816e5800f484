"""What `selfsame constitution diff` says of two constitutions: as a document, and as lines for people."""

from typing import Any

from constitutions.diff import changes, other_parts, overlap
from constitutions.load import Constitution
from loop.terminal import harmless

SIGNS = {"added": "+", "removed": "-"}


def document(a: Constitution, b: Constitution) -> dict[str, Any]:
    """As JSON values."""
    shared = overlap(a, b)
    return {
        "a": {"name": a.name, "digest": a.digest},
        "b": {"name": b.name, "digest": b.digest},
        "principles": [change._asdict() for change in changes(a, b)],
        "other": other_parts(a, b),
        "overlap": {
            "of_a": shared.of_a,
            "of_b": shared.of_b,
            "counterparts": [one._asdict() for one in shared.counterparts],
        },
    }


def text(a: Constitution, b: Constitution) -> str:
    """As lines: what changed, and how much of each the other speaks of too."""
    if a.digest == b.digest:
        return f"{a.name} and {b.name} say the same ({a.digest})."
    lines = [f"{a.name} {a.digest}", f"{b.name} {b.digest}", ""]
    for kind, principle, before, after in changes(a, b):
        lines.append(f"{SIGNS.get(kind, '~')} {kind} {principle}: {harmless(_difference(before, after))}")
    lines += [f"~ {part}" for part in other_parts(a, b)]
    shared = overlap(a, b)
    names = (a.name, b.name) if a.name != b.name else ("the first", "the second")
    if shared.of_a is not None and shared.of_b is not None:
        others = [f"  {one.a} ~ {one.b} ({one.similarity:.2f})" for one in shared.counterparts if one.a != one.b]
        lines += [
            "",
            f"{shared.of_a:.0%} of the principles of {names[0]} have a counterpart in {names[1]}, by their words, and "
            f"{shared.of_b:.0%} the other way round{'; counterparts of another name:' if others else '.'}",
            *others,
        ]
    return "\n".join(lines)


def _difference(before: Any, after: Any) -> str:
    """What was and what is, field by field where there are several."""
    if isinstance(before, dict) and isinstance(after, dict):
        return "; ".join(f"{field} {_said(before[field])} -> {_said(after[field])}" for field in after)
    return " -> ".join(_said(value) for value in (before, after) if value is not None)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_said(each)}" for key, each in value.items() if each) or "none"
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return "none" if value in (None, "") else str(value)
