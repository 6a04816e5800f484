"""Prompts with the one right answer: what a policy can do, measured without a judge and without gold.

`python -m microworld.capability --n 1024 --out FILE` writes prompts of the anchor split, which nothing is trained on,
of the families whose answer is one value or one list; `microworld/capability.jsonl` is made by exactly that.
"""

import argparse
import json
from pathlib import Path

from microworld.grammar import Task, parse
from microworld.phrasings import Family
from microworld.solutions import right_body, wanted_value
from microworld.splits import prompts

LISTS: tuple[Family, ...] = ("sort", "reverse", "format")
VALUES: tuple[Family, ...] = ("select", "count", "compare", "compute", "steps")
SEED = 2  # seed 0 of this split is of the labelled pairs


def reference(task: Task) -> str:
    """What a right answer says."""
    return right_body(task) if task.family in LISTS else wanted_value(task)


def lines(n: int) -> list[str]:
    """`n` prompts as lines of JSON, each with its right answer as the tag `reference`."""
    found = []
    for prompt in prompts("anchor", n, SEED, LISTS + VALUES):
        task = parse(prompt.messages)
        assert task is not None  # drawn from the grammar
        messages = [{"role": one.role, "content": one.content} for one in prompt.messages]
        row = {"messages": messages, "split": "anchor", "tags": prompt.tags | {"reference": reference(task)}}
        found.append(json.dumps(row, sort_keys=True))
    return found


def main() -> None:
    """The command line."""
    says = "Write prompts with their right answers."
    parser = argparse.ArgumentParser(prog="python -m microworld.capability", description=says)
    parser.add_argument("--n", type=int, required=True, help="number of prompts")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, one JSON object a line")
    chosen = parser.parse_args()
    chosen.out.write_text("".join(f"{line}\n" for line in lines(chosen.n)), encoding="utf-8")


if __name__ == "__main__":
    main()
