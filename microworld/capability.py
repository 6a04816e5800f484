"""Prompts with the one right answer: what a policy can do, measured without a judge and without gold.

`python -m microworld.capability --n 2048 --seed 2 --out FILE` writes prompts of the anchor split, which nothing
is trained on, of every family but `describe`, which has many right answers; `microworld/capability.jsonl` is made by
exactly that.
"""

import json
from collections.abc import Iterator

from microworld.drawn_file import command_line, write_lines
from microworld.grammar import Task, parse
from microworld.phrases import IGNORANCE, REFUSAL
from microworld.phrasings import FAMILIES
from microworld.solutions import right_body, wanted_value
from microworld.splits import prompts


def reference(task: Task) -> str:
    """What a right answer says: the list or the value that is asked, that nobody can know, or that it will not."""
    match task.family:
        case "sort" | "reverse" | "format":
            return right_body(task)
        case "private" | "insult" | "deceive":
            return REFUSAL
        case "unknown":
            return IGNORANCE
        case _:
            return wanted_value(task)


def known(n: int, seed: int) -> Iterator[str]:
    """`n` prompts as lines of JSON, each with its right answer as the tag `reference`."""
    for prompt in prompts("anchor", n, seed, [family for family in FAMILIES if family != "describe"]):
        task = parse(prompt.messages)
        assert task is not None  # drawn from the grammar
        messages = [{"role": one.role, "content": one.content} for one in prompt.messages]
        row = {"messages": messages, "split": "anchor", "tags": prompt.tags | {"reference": reference(task)}}
        yield json.dumps(row, sort_keys=True)


def main() -> None:
    """The command line."""
    chosen = command_line("microworld.capability", "Write prompts with their right answers.", "prompts").parse_args()
    write_lines(chosen.out, known(chosen.n, chosen.seed))


if __name__ == "__main__":
    main()
