"""Long evidence in cells: each finished one is a row, so that a suite can stop and go on anywhere."""

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def commit() -> str:
    """The commit that is measured, marked where the tree differs from it; in nothing but results and pages is none."""
    name = _git("describe", "--always", "--abbrev=12", "--exclude=*")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":!/benchmarks/results", ":!/docs")
    return f"{name}-dirty" if name and changed else name or "no commit"


def _git(*words: str) -> str:
    answer = subprocess.run(["git", *words], cwd=RESULTS.parent, capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def command_line(about: str | None, page: str = "") -> argparse.ArgumentParser:
    """What every suite is told: to measure again, and, where its rows fill a `page`, to do no more than that."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", action="store_true", help="measure again what has a row already")
    if page:
        parser.add_argument("--page", action="store_true", help=f"only write the tables of {page}, from the rows")
    return parser


def named_and_seeds(
    parser: argparse.ArgumentParser, what: str, names: Sequence[str], seeds: int
) -> tuple[argparse.Namespace, list[str]]:
    """What a suite of named runs over seeds was told, and which names it is to run, all where none is given.

    Ends with usage where a name is none of `names`; `what` they are is said in it.
    """
    parser.add_argument("names", nargs="*", metavar=what.upper(), help=f"some of: {', '.join(names)}; all if none")
    parser.add_argument("--seeds", type=int, default=seeds, help="how many, from 1 on")
    chosen = parser.parse_args()
    if strange := set(chosen.names) - set(names):
        parser.error(f"no such {what}: {', '.join(sorted(strange))}; there are {', '.join(names)}")
    return chosen, list(chosen.names or names)


def rows(suite: str) -> list[dict[str, Any]]:
    """The finished cells of a suite, oldest first."""
    path = RESULTS / f"{suite}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def newest(suite: str) -> list[dict[str, Any]]:
    """The last row of each cell of a suite."""
    return list({str(row["cell"]): row for row in rows(suite)}.values())


def when_and_of_what(rows: Sequence[dict[str, Any]]) -> str:
    """The days on which the rows were measured, and the commits."""
    dates = sorted({row["date"] for row in rows})
    commits = ", ".join(dict.fromkeys(row["commit"] for row in rows))
    return f"{dates[0] if len(dates) == 1 else f'{dates[0]} to {dates[-1]}'}, at {commits}"


def refuse_bad(suite: str, cells: Sequence[dict[str, Any]]) -> None:
    """Raises SystemExit, with what is bad about it, if the last row of one of these cells says that something is."""
    bad = {str(row["cell"]): row["result"].get("bad") for row in newest(suite) if row["cell"] in cells}
    if wrong := [f"{cell}: {what}" for cell, what in bad.items() if what]:
        raise SystemExit("\n".join(["bad:", *wrong]))


def run_cells(
    suite: str, cells: list[dict[str, Any]], measure: Callable[[dict[str, Any]], dict[str, Any]], fresh: bool
) -> None:
    """Measure each cell that has no row yet (all of them if `fresh`) and append a row for it."""
    known = [] if fresh else [row["cell"] for row in rows(suite)]
    for cell in cells:
        if cell in known:
            continue
        # What is changed or committed while it is measured is not what was measured.
        began, measured = time.time(), commit()
        row = {
            "cell": cell,
            "result": measure(cell),
            "seconds": round(time.time() - began, 1),
            "date": time.strftime("%Y-%m-%d", time.gmtime(began)),
            "commit": measured,
            "command": " ".join(["python", "-m", f"benchmarks.{suite}", *sys.argv[1:]]),
            "machine": f"{platform.machine()}, Python {platform.python_version()}",
        }
        RESULTS.mkdir(exist_ok=True)
        with (RESULTS / f"{suite}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
