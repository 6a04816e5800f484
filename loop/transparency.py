"""A run's transparency page, with the provenance of its constitution: the file has it, and no digest holds it."""

from functools import partial

from constitutions.load import Constitution, find_constitution
from constitutions.principle import Provenance
from runs.card import card
from runs.errors import ConfigError
from runs.lineage import Found
from runs.records import Run
from runs.store import Store


def page_of(store: Store, found: Found) -> str:
    """The page as HTML. Who says what is named where a constitution's file is there and says what it said."""
    return card(store, found, partial(_provenance, store, found.run))


def _provenance(store: Store, run: Run, digest: str) -> dict[str, dict[str, str]]:
    """Who says what in the constitution of that digest, by the file of the run or of another that began with it."""
    for one in (run, *store.refs()):
        if one.inputs.get("constitution") == digest and (constitution := _as_it_was(one, digest)):
            named = {"": constitution.provenance, **{each.id: each.provenance for each in constitution.principles}}
            return {id: _texts(provenance) for id, provenance in named.items()}
    return {}


def _as_it_was(run: Run, digest: str) -> Constitution | None:
    """What the run's file says, unless it is gone or says something else now."""
    try:
        constitution = find_constitution(run.config["constitution"])
    except ConfigError:
        return None
    return constitution if constitution.digest == digest else None


def _texts(provenance: Provenance) -> dict[str, str]:
    return {what: said for what, said in provenance.model_dump().items() if isinstance(said, str)}
