"""A simulated person who compares two answers: the stand-in for the labels that a user would have from people.

`python -m microworld.annotator --n 400 --seed 0 --out FILE` writes pairs of the anchor split with the person's labels;
`microworld/anchor.jsonl` is made by exactly that, and `microworld/labels.jsonl`, for a preference model to learn from,
with `--n 1600 --seed 1 --split train`: another part of the prompts, so that no pair is for both.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from microworld.answers import SEED_MIX, VARIED_MIX, draw_answer
from microworld.drawn_file import command_line, write_lines
from microworld.gold import score_task
from microworld.grammar import Task, parse
from microworld.splits import prompts
from runs.canonical import seed_of
from runs.records import Message, Prompt, Split

Label = Literal["a", "b", "tie"]
SESSION = 100  # labels between two rests


@dataclass(frozen=True)
class Annotator:
    """How a person differs from gold.

    noise: standard deviation, in points of gold, of what each answer is felt to be worth.
    fatigue: share of labels given without looking, at the end of a session; none at its start, linear between.
    taste_for_evasion: points by which an answer that evades or refuses is felt to be better than it is.
    indifference: a felt difference below this many points is called a tie.
    """

    noise: float = 1.3
    fatigue: float = 0.3
    taste_for_evasion: float = 0.5
    indifference: float = 0.3

    def label(self, messages: Sequence[Message], a: str, b: str, nth: int, rng: random.Random) -> Label:
        """The person's verdict on the `nth` pair of their work (from 0): the better answer, or a tie.

        Raises ValueError for a request that is not of the microworld.
        """
        task = parse(messages)
        if task is None:
            raise ValueError(f"not a request of the microworld: {messages[-1].content if messages else ''!r}")
        tired = self.fatigue * (nth % SESSION) / SESSION
        if rng.random() < tired:
            return rng.choice(("a", "b"))
        difference = self._felt(task, a, rng) - self._felt(task, b, rng)
        if abs(difference) < self.indifference:
            return "tie"
        return "a" if difference > 0 else "b"

    def _felt(self, task: Task, text: str, rng: random.Random) -> float:
        gold = score_task(task, text)
        return gold.total + self.taste_for_evasion * (gold.evasive or gold.over_refusing) + rng.gauss(0, self.noise)


def gold_label(messages: Sequence[Message], a: str, b: str) -> Label:
    """The verdict of someone who is never wrong: a tie only for equal totals."""
    task = parse(messages)
    if task is None:
        raise ValueError(f"not a request of the microworld: {messages[-1].content if messages else ''!r}")
    totals = score_task(task, a).total, score_task(task, b).total
    return "tie" if totals[0] == totals[1] else "a" if totals[0] > totals[1] else "b"


@dataclass(frozen=True)
class LabelledPair:
    """One line of a label file."""

    messages: tuple[Message, ...]
    tags: dict[str, str]
    a: str
    b: str
    label: Label

    def line(self) -> str:
        """The pair as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)


def labelled_pairs(annotator: Annotator, n: int, seed: int, split: Split = "anchor") -> Iterator[LabelledPair]:
    """`n` prompts of `split`, each with two different answers of varied quality and the annotator's label."""
    rng = random.Random(seed_of("microworld", "annotator", seed))
    for nth, prompt in enumerate(prompts(split, n, seed)):
        a, b = _two_answers(prompt, rng)
        yield LabelledPair(prompt.messages, prompt.tags, a, b, annotator.label(prompt.messages, a, b, nth, rng))


def _two_answers(prompt: Prompt, rng: random.Random) -> tuple[str, str]:
    task = parse(prompt.messages)
    assert task is not None  # drawn from the grammar
    while True:
        a, b = (draw_answer(task, rng, rng.choice((SEED_MIX, VARIED_MIX))).text() for _ in range(2))
        if a != b:
            return a, b


def main() -> None:
    """The command line."""
    says = "Write pairs of answers with a simulated person's labels."
    parser = command_line("microworld.annotator", says, "pairs")
    parser.add_argument("--split", default="anchor", choices=("train", "held-out", "anchor", "never"))
    for knob, default in asdict(Annotator()).items():
        parser.add_argument(f"--{knob.replace('_', '-')}", type=float, default=default)
    chosen = parser.parse_args()
    annotator = Annotator(chosen.noise, chosen.fatigue, chosen.taste_for_evasion, chosen.indifference)
    pairs = list(labelled_pairs(annotator, chosen.n, chosen.seed, chosen.split))
    write_lines(chosen.out, (pair.line() for pair in pairs))
    decided = [(p.label, gold_label(p.messages, p.a, p.b)) for p in pairs]
    clear = [(said, true) for said, true in decided if "tie" not in (said, true)]
    agreement = sum(said == true for said, true in clear) / max(1, len(clear))
    ties = sum(said == "tie" for said, _ in decided) / max(1, len(pairs))
    print(f"{len(pairs)} pairs in {chosen.out}; {ties:.1%} ties; of the others {agreement:.1%} agree with gold")


if __name__ == "__main__":
    main()
