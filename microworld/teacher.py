"""A simulated person who shows how to answer and how to judge: the seeds of self-rewarding (IFT and EFT; 2401.10020).

`python -P -m microworld.teacher --n 4000 --seed 0 --out FILE` writes requests of the train split with answers,
questions about answers with the score that they deserve, and requests after the example of others;
`microworld/lessons.jsonl` is made by exactly that. They are of the kinds that `m1` learnt from, and few beside them.
"""

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from microworld.demonstrations import Shares, draw_demonstration
from runs.canonical import seed_of

ANSWERS_SCORES_AND_REQUESTS: Shares = {"answer": 0.2, "expected": 0.7, "new_prompt": 0.1}
LABEL_NOISE = 0.02


def lessons(n: int, seed: int) -> Iterator[str]:
    """`n` lines of JSON, each a conversation and the answer to imitate; one score in fifty is turned round."""
    rng = random.Random(seed_of("microworld", "teacher", seed))
    for _ in range(n):
        one = draw_demonstration(ANSWERS_SCORES_AND_REQUESTS, LABEL_NOISE, rng)
        turns = [asdict(message) for message in one.messages]
        yield json.dumps({"answer": one.reply, "messages": turns}, sort_keys=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -P -m microworld.teacher", description="Write IFT and EFT lessons.")
    parser.add_argument("--n", type=int, required=True, help="number of lessons")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the file to write, one JSON object a line")
    chosen = parser.parse_args()
    chosen.out.write_text("".join(f"{line}\n" for line in lessons(chosen.n, chosen.seed)), encoding="utf-8")


if __name__ == "__main__":
    main()
