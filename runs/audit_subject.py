"""What an audit was of: who judged and how, by which constitution, on which labelled pairs, and when.

It stands beside the audit and not in it: equal audits of two runs, or of two days, are one.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def with_subject(document: Mapping[str, Any], subject: Mapping[str, Any]) -> dict[str, Any]:
    """The audit with what it was of as `audited`, and how many tests it made."""
    return {"audited": {**subject, "tests": tests_of(document)}, **document}


def tests_of(document: Mapping[str, Any]) -> int:
    """How many statistics of an audit could have shown a fault."""
    return sum("p_value" in one and one["value"] is not None for one in document["statistics"].values())


def subject_of(address: str, receipt: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit of the iteration at `address` was of, by the receipt of the step that made it.

    `config` says what the constitution and the labelled pairs are called; the digests say what was in them.
    """
    inputs = receipt["asked"]["inputs"]
    subject: dict[str, Any] = {"address": address}
    if "judge" in inputs:
        subject["judge"] = {"digest": inputs["judge"], **receipt["asked"]["config"]["judge"]}
        subject["constitution"] = {"name": config["constitution"], "digest": inputs["constitution"]}
    else:
        subject["implicit reward of"] = {"digest": inputs["candidate"], "beta": inputs["beta"]}
    subject["labelled pairs"] = {"file": config["measure"]["anchors"], "digest": inputs["anchors"]}
    subject["items"] = int(inputs["items"])
    ended = datetime.fromtimestamp(receipt["provenance"]["ended"], UTC)
    return {**subject, "date": ended.isoformat(timespec="seconds")}
