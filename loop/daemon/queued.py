"""What waits in the queue, for who looks at runs. Read as it stands: `status` has no time to import the schema."""

from pathlib import Path
from typing import Any

from runs.durable import read_checked


def queued(home: Path) -> dict[str, str]:
    """Each run that is in the queue and not over, in the order of turns, and what to say of it.

    Raises CorruptError for a damaged queue.
    """
    value = read_checked(home / "control" / "queue.json") or {"entries": []}
    waiting = [entry for entry in value["entries"] if entry["ended"] is None]
    taken = value.get("taken")
    waiting.sort(key=lambda entry: (entry["number"] != taken, -entry["priority"], entry["number"]))
    return {
        entry["name"]: f"{entry['name']} is queued, place {place}{_why(entry)}; `selfsame daemon status` says more"
        for place, entry in enumerate(waiting, start=1)
    }


def _why(entry: dict[str, Any]) -> str:
    """Why it is not taken though its turn may be there; "" if nothing is in its way."""
    return " (paused)" if entry["paused"] else " (waits for a person)" if entry.get("waiting") else ""
