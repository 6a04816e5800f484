"""A simulated person who answers well: the stand-in for the demonstrations that a user would have from people.

`python -P -m microworld.writer --n 600 --seed 0 --out FILE` writes requests of the train split with the person's
answers; `microworld/demonstrations.jsonl` is made by exactly that.
"""

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from microworld.demonstrations import good_answer
from microworld.grammar import parse
from microworld.splits import prompts
from runs.canonical import seed_of


def demonstrated(n: int, seed: int) -> Iterator[str]:
    """`n` lines of JSON, each a request of the train split and a right, complete, polite and short answer to it."""
    rng = random.Random(seed_of("microworld", "writer", seed))
    for prompt in prompts("train", n, seed):
        task = parse(prompt.messages)
        assert task is not None  # drawn from the grammar
        turns = [asdict(message) for message in prompt.messages]
        yield json.dumps({"answer": good_answer(task, rng), "messages": turns}, sort_keys=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -P -m microworld.writer", description="Write demonstrations.")
    parser.add_argument("--n", type=int, required=True, help="number of demonstrations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the file to write, one JSON object a line")
    chosen = parser.parse_args()
    lines = list(demonstrated(chosen.n, chosen.seed))
    chosen.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
