"""What the daemon says of itself, in words: for `status` and `daemon status`."""

from datetime import datetime
from typing import Any

from loop.clock import utc_now
from loop.terminal import table, with_text

COLUMNS = ("run", "state", "priority", "next", "exit_code")


def in_lines(answer: dict[str, Any]) -> list[str]:
    """What the daemon said of itself, for people; what waits in its queue is a table of its own."""
    daemon, at_work = answer["daemon"], answer["at_work"]
    if daemon is None:
        lines = ["No daemon runs here. `selfsame daemon run` starts one."]
    elif "unanswered" in daemon:
        lines = [daemon["unanswered"]]
    else:
        lines = [f"The daemon is process {daemon['pid']}, since {daemon['started'][:19]} (UTC)."]
        if at_work is not None:
            shards = f", shard {at_work['shard']} of {at_work['shards']}" if at_work["shards"] else ""
            lines.append(f"At work: {at_work['address']}{shards}; something got done {daemon['silent_s']:.0f} s ago.")
            if at_work["failed"]:
                lines.append(f"This is attempt {at_work['attempt']}. Before it: {at_work['failed']}")
        if daemon["hindered"]:
            lines.append(f"Hindered, and tried again by itself: {daemon['hindered']}")
        if daemon["stopping"]:
            lines.append(f"It ends after the shard in flight ({daemon['stopping']}).")
    owed = ", ".join(f"{count} of {run}" for run, count in answer["outbox"].items())
    return [*lines, f"Iterations that MLflow was not sent yet: {owed}."] if owed else lines


def queue_in_lines(entries: list[dict[str, Any]]) -> str:
    """The entries of a queue as a table, with what was said at the end of each whole."""
    now = utc_now()
    rows = [[*(entry[column] for column in COLUMNS)] for entry in entries]
    for row in rows:
        time = row[3] and datetime.fromisoformat(row[3])
        row[3] = "now" if time and time <= now else time and f"{time:%Y-%m-%d %H:%M:%S} UTC"
    return with_text(table(COLUMNS, rows), ["said", *(entry["said"] for entry in entries)])
