"""A simulated person who answers well: the stand-in for the demonstrations that a user would have from people.

`python -P -m microworld.writer --n 600 --seed 0 --out FILE` writes requests of the train split with the person's
answers; `microworld/demonstrations.jsonl` is made by exactly that.
"""

import random
from collections.abc import Iterator

from microworld.demonstrations import good_answer
from microworld.drawn_file import command_line, to_imitate, write_lines
from microworld.grammar import parse
from microworld.splits import prompts
from runs.canonical import seed_of


def demonstrated(n: int, seed: int) -> Iterator[str]:
    """`n` lines of JSON, each a request of the train split and a right, complete, polite and short answer to it."""
    rng = random.Random(seed_of("microworld", "writer", seed))
    for prompt in prompts("train", n, seed):
        task = parse(prompt.messages)
        assert task is not None  # drawn from the grammar
        yield to_imitate(prompt.messages, good_answer(task, rng))


def main() -> None:
    """The command line."""
    chosen = command_line("microworld.writer", "Write demonstrations.", "demonstrations").parse_args()
    write_lines(chosen.out, demonstrated(chosen.n, chosen.seed))


if __name__ == "__main__":
    main()
