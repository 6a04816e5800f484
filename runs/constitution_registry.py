"""Constitutions in MLflow's prompt registry: each version of what a run was judged by, once, under its own digest."""

import json
import re
from typing import TYPE_CHECKING, Any

from runs.lineage import kept_constitution
from runs.records import Run
from runs.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST_TAG = "selfsame.digest"
MOST = 90_000
"""Characters that are sent of a constitution; MLflow takes 100,000 of a prompt."""


def constitution_version(client: "MlflowClient", store: Store, run: Run) -> tuple[str, int] | None:
    """The name and the version of the run's constitution in the registry, made there if it was not.

    None for a run of which no constitution is kept. Raises MlflowException, also where a server has no registry.
    """
    digest = kept_constitution(store, run)
    if not digest:
        return None
    said: dict[str, Any] = store.get_json(digest)
    name = f"constitution-{re.sub(r'[^A-Za-z0-9_.-]+', '-', said['name'])[:100]}"
    if client.get_prompt(name) is not None:
        for version in client.search_prompt_versions(name):
            if version.tags.get(DIGEST_TAG) == digest:
                return name, int(version.version)
    text = json.dumps(said, indent=2, ensure_ascii=False)
    whole = text if len(text) <= MOST else f"{text[:MOST]}\n... cut: {len(text)} characters"
    made = client.register_prompt(name, whole, commit_message=f"first used by {run.name}", tags={DIGEST_TAG: digest})
    return name, int(made.version)
