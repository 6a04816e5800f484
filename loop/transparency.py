"""A run's transparency page, with the provenance of its constitution: the file has it, and no digest holds it."""

from constitutions.load import find_constitution
from constitutions.principle import Provenance
from runs.card import card
from runs.errors import ConfigError
from runs.lineage import Found
from runs.store import Store


def page_of(store: Store, found: Found) -> str:
    """The page as HTML. Who says what is named where the constitution's file is there and says what it said."""
    return card(store, found, _provenance(found))


def _provenance(found: Found) -> dict[str, dict[str, str]]:
    digest = found.run.inputs.get("constitution")
    if digest is None:
        return {}
    try:
        constitution = find_constitution(found.run.config["constitution"])
    except ConfigError:
        return {}
    if constitution.digest != digest:
        return {}
    named = {"": constitution.provenance, **{one.id: one.provenance for one in constitution.principles}}
    return {id: _texts(provenance) for id, provenance in named.items()}


def _texts(provenance: Provenance) -> dict[str, str]:
    return {what: said for what, said in provenance.model_dump().items() if isinstance(said, str)}
