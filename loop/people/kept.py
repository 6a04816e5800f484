"""Where questions and answers are kept: one self-checksummed file a batch, `control/labels-NAME.json`.

They hold all that a label is about, so that it outlives the run that it came from. They have a lock of their own, held
for the moment of a write: people can answer while a run or a daemon is at work.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loop.people.batch import Batch, Given, from_json, to_json
from runs.durable import make_folder, read_checked, write_checked
from runs.lock import hold


def batches(home: Path) -> list[Batch]:
    """All batches, in the order of their names. Raises CorruptError for a damaged one."""
    found = (read_checked(path) for path in sorted((home / "control").glob("labels-*.json")))
    return [from_json(value) for value in found if value is not None]


def issue(home: Path, batch: Batch) -> Batch:
    """The batch of these questions, which is now kept: with its answers if it was issued before."""
    return _updated(home, batch, ())


def add(home: Path, batch: Batch, given: Sequence[Given]) -> Batch:
    """The batch with these answers, which are now kept."""
    return _updated(home, batch, given)


def _updated(home: Path, batch: Batch, given: Sequence[Given]) -> Batch:
    path = home / "control" / f"labels-{batch.name}.json"
    make_folder(path.parent)
    with hold(path.with_name("labels.lock")):
        value = read_checked(path)
        known = batch if value is None else from_json(value)
        now = replace(known, given=(*known.given, *given))
        if value is None or given:
            write_checked(path, to_json(now))
    return now
