"""A simulated person who shows how to answer and how to judge: the seeds of self-rewarding (IFT and EFT; 2401.10020).

`python -P -m microworld.teacher --n 4000 --seed 0 --out FILE` writes requests of the train split with answers,
questions about answers with the score that they deserve, and requests after the example of others;
`microworld/lessons.jsonl` is made by exactly that. They are of the kinds that `m1` learnt from, and few beside them.
"""

import random
from collections.abc import Iterator

from microworld.demonstrations import Shares, draw_demonstration
from microworld.drawn_file import command_line, to_imitate, write_lines
from runs.canonical import seed_of

ANSWERS_SCORES_AND_REQUESTS: Shares = {"answer": 0.2, "expected": 0.7, "new_prompt": 0.1}
LABEL_NOISE = 0.02


def lessons(n: int, seed: int) -> Iterator[str]:
    """`n` lines of JSON, each a conversation and the answer to imitate; one score in fifty is turned round."""
    rng = random.Random(seed_of("microworld", "teacher", seed))
    for _ in range(n):
        one = draw_demonstration(ANSWERS_SCORES_AND_REQUESTS, LABEL_NOISE, rng)
        yield to_imitate(one.messages, one.reply)


def main() -> None:
    """The command line."""
    chosen = command_line("microworld.teacher", "Write IFT and EFT lessons.", "lessons").parse_args()
    write_lines(chosen.out, lessons(chosen.n, chosen.seed))


if __name__ == "__main__":
    main()
