"""Files that are drawn from a seed by a program of their own, one JSON object a line."""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from runs.records import Message


def command_line(program: str, says: str, things: str) -> argparse.ArgumentParser:
    """What such a program is told: how many `things` to draw, from which seed, and the file."""
    parser = argparse.ArgumentParser(prog=f"python -P -m {program}", description=says)
    parser.add_argument("--n", type=int, required=True, help=f"number of {things}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the file to write, one JSON object a line")
    return parser


def to_imitate(messages: Sequence[Message], answer: str) -> str:
    """A line with the answer to imitate."""
    return json.dumps({"answer": answer, "messages": [asdict(message) for message in messages]}, sort_keys=True)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Make `path` hold these lines, once all are drawn."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
