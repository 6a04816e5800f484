"""What the daemon says of itself, in words: for `status` and `daemon status`."""

from typing import Any


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
        if daemon["hindered"]:
            lines.append(f"Hindered: {daemon['hindered']}")
        if daemon["stopping"]:
            lines.append(f"It ends after the shard in flight ({daemon['stopping']}).")
    owed = ", ".join(f"{count} of {run}" for run, count in answer["outbox"].items())
    return [*lines, f"Iterations that MLflow was not sent yet: {owed}."] if owed else lines
