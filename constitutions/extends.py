"""Overlays: a constitution that says only in what it differs from another one, put together before it is read.

    extends: helpful-honest-harmless      a shipped one, or a file beside this one
    name: mine
    without: [does-not-preach]            principles that are left out
    principles:
      - {id: helpful, weight: 3}          these fields of a principle that is there, which keeps its place
      - {id: brief, text: ...}            a new one, which comes last

Of all else what the overlay says takes the place of what was there: key by key in a mapping, a list as a whole. Its
name and provenance are its own, and so is the provenance of a principle that it changes: nobody approved those words.
"""

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from constitutions.files import READERS, shipped_files, tree_of
from constitutions.strict_yaml import Lines, Place, StrictYamlError, read_text
from runs.errors import ConfigError

EXTENDS, WITHOUT, PRINCIPLES, PROVENANCE = "extends", "without", "principles", "provenance"
MAX_FILES = 10

Origins = dict[Place, tuple[Path, int]]
"""The file and line of every value of a tree that was put together."""


class Part(NamedTuple):
    """One file of a constitution and its text."""

    path: Path
    text: str


def parts_of(path: Path) -> tuple[Part, ...]:
    """The file, what it extends, what that extends, and so on, each read once. Raises ConfigError."""
    parts: list[Part] = []
    named = path
    while True:
        try:
            parts.append(Part(named, read_text(named)))
            tree, lines = tree_of(named.suffix, parts[-1].text)
        except (OSError, StrictYamlError) as error:
            raise ConfigError(f"{named}: {error}") from error
        if not isinstance(tree, dict) or EXTENDS not in tree:
            return tuple(parts)
        place = f"{named}: line {lines[EXTENDS,]}: extends = {tree[EXTENDS]!r}"
        named = _base(named, tree[EXTENDS], place)
        if any(os.path.samefile(named, part.path) for part in parts):
            circle = ", which extends ".join(str(part.path) for part in parts)
            raise ConfigError(f"{place}: {circle}, would in the end extend itself; let one of them stand by itself")
        if len(parts) == MAX_FILES:
            raise ConfigError(f"{place}: more than {MAX_FILES} files, each on top of the next, are not read")


def put_together(parts: Sequence[Part]) -> tuple[Any, Origins]:
    """The tree that the first file means, with all that it extends under it, and where each value stands.

    Raises ConfigError for an overlay that speaks of principles which are not there.
    """
    tree: Any = None
    origins: Origins = {}
    for part in reversed(parts):
        over, lines = tree_of(part.path.suffix, part.text)
        if part is parts[-1]:
            tree, origins = over, {place: (part.path, line) for place, line in lines.items()}
        else:
            tree, origins = _overlaid(tree, origins, over, lines, part.path)
    return tree, origins


def _base(path: Path, named: Any, place: str) -> Path:
    known = shipped_files()
    if not isinstance(named, str):
        raise ConfigError(f"{place}: must name a constitution: {', '.join(known)}, or a file beside this one")
    base = known.get(named, path.parent / named)
    if not os.path.isfile(base) or base.suffix not in READERS:
        raise ConfigError(
            f"{place}: no such constitution; shipped are {', '.join(known)}, and {base} is no file that ends in "
            f"{', '.join(READERS)}"
        )
    return base


def _overlaid(
    base: Any, origins: Origins, over: dict[str, Any], lines: Lines, path: Path
) -> tuple[dict[str, Any], Origins]:
    """The overlay on top of what it extends."""
    if not isinstance(base, dict):  # nothing that could be laid under anything: whoever reads it says so
        return base, origins
    here: Origins = {place: (path, line) for place, line in lines.items()}
    kept = {key: value for key, value in base.items() if key not in ("name", PROVENANCE, PRINCIPLES)}
    tree = _laid_over(kept, {key: value for key, value in over.items() if key not in (EXTENDS, WITHOUT, PRINCIPLES)})
    found = {place: origin for place, origin in origins.items() if place and place[0] in kept} | here
    for key in (EXTENDS, WITHOUT, PRINCIPLES):
        found = {place: origin for place, origin in found.items() if place[:1] != (key,)}
    if PRINCIPLES not in base and PRINCIPLES not in over:
        return tree, found
    tree[PRINCIPLES], moved = _principles(base, origins, over, here, path)
    places = {(PRINCIPLES, *place): origin for place, origin in moved.items()}
    return tree, found | {(PRINCIPLES,): here.get((PRINCIPLES,), here[()])} | places


def _laid_over(base: Any, over: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return base | {key: _laid_over(base[key], value) if key in base else value for key, value in over.items()}


def _principles(
    base: Mapping[str, Any], origins: Origins, over: Mapping[str, Any], here: Origins, path: Path
) -> tuple[list[Any], Origins]:
    """The principles of the overlay on those of the base, with the origin of each value below `principles`."""
    standing, given = _listed(base), _listed(over)
    ids = [_id(principle) for principle in standing]
    out = _left_out(over, ids, here, path)
    changes = {_id(change): nth for nth, change in enumerate(given) if _id(change) in ids}
    for id in changes.keys() & set(out):
        raise ConfigError(f"{path}: line {here[PRINCIPLES, changes[id]][1]}: {id!r} is left out and changed; do one")
    told: list[Any] = []
    found: Origins = {}
    for nth, principle in enumerate(standing):
        if ids[nth] in out:
            continue
        below = _below(origins, nth)
        if (change := changes.get(ids[nth])) is not None:
            own = {key: value for key, value in principle.items() if key != PROVENANCE}
            principle, below = own | given[change], below | _below(here, change)
        found |= {(len(told), *place): origin for place, origin in below.items()}
        told.append(principle)
    for nth, principle in enumerate(given):
        if nth not in changes.values():
            _check_new(principle, ids, f"{path}: line {here[PRINCIPLES, nth][1]}")
            found |= {(len(told), *place): origin for place, origin in _below(here, nth).items()}
            told.append(principle)
    for one in told:
        if isinstance(one, dict) and (opposite := one.get("opposite")) in out:
            place = f"{path}: line {here[WITHOUT, out.index(opposite)][1]}: without = {opposite!r}"
            raise ConfigError(
                f"{place}: {_id(one)!r} names it as its opposite; leave out that one too, or say "
                f"`{{id: {_id(one)}, opposite: null}}` under `principles:`"
            )
    return told, found


def _check_new(principle: Any, ids: Sequence[Any], place: str) -> None:
    """Raises ConfigError for what changes fields of a principle that is not there."""
    id = _id(principle)
    if isinstance(id, str) and "text" not in principle:
        near = difflib.get_close_matches(id, map(str, ids), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(str, ids)) or 'none'}."
        raise ConfigError(f"{place}: what is extended has no principle {id!r} to change; {hint} A new one needs `text`")


def _left_out(over: Mapping[str, Any], ids: Sequence[Any], here: Origins, path: Path) -> list[str]:
    named = over.get(WITHOUT, [])
    if not isinstance(named, list):
        raise ConfigError(f"{path}: line {here[WITHOUT,][1]}: without = {named!r}: must be a list of principles' ids")
    for nth, id in enumerate(named):
        if id not in ids:
            raise ConfigError(
                f"{path}: line {here[WITHOUT, nth][1]}: without = {id!r}: what is extended has no such principle, only "
                f"{', '.join(map(str, ids))}"
            )
    return named


def _listed(tree: Mapping[str, Any]) -> list[Any]:
    principles = tree.get(PRINCIPLES)
    return principles if isinstance(principles, list) else []


def _id(principle: Any) -> Any:
    return principle.get("id") if isinstance(principle, dict) else None


def _below(origins: Origins, nth: int) -> Origins:
    """The origins of one principle, by the places below it."""
    return {place[2:]: origin for place, origin in origins.items() if place[:2] == (PRINCIPLES, nth)}
