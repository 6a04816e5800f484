"""Pairs whose preferences no judge gave: people's labels, or demonstrations against what the policy answers."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from loop.demonstration_file import Demonstration, demonstrations_path, read_demonstrations
from loop.desk import Desk
from loop.label_file import labels_path, read_labels
from loop.sources import next_ones
from loop.strict_lines import free_to_learn
from runs.canonical import digest_file, seed_of
from runs.records import PreferencePair, Prompt, Response, Sampling

Row = TypeVar("Row", Prompt, Response)
UNDRAWN = Sampling(temperature=0.0, top_p=1.0, max_tokens=0)
"""How a text was drawn that nobody drew."""


@dataclass(frozen=True)
class Given:
    """Pairs, with the prompts and the texts of theirs that are in no other step's output, each once.

    `left_out` says how many there were no pairs of, by the reason.
    """

    pairs: tuple[PreferencePair, ...]
    prompts: tuple[Prompt, ...]
    answers: tuple[Response, ...]
    left_out: dict[str, int]


def pairs_path(desk: Desk) -> Path:
    """The file that `pair.file` names, of labels or of demonstrations."""
    name = str(desk.config.pair.file)
    return labels_path(name) if desk.config.pair.source == "labels" else demonstrations_path(name)


def labelled_pairs(desk: Desk, index: int, count: int) -> Given:
    """`count` of the pairs that people compared, or all there are: other ones in each iteration until all were taken.

    Those about prompts that the prompt source holds back for measuring are left out. Their margin is 0: nobody scored.
    """
    path = pairs_path(desk)
    read = read_labels(path)
    order = free_to_learn(read, desk.config.prompts.source)
    random.Random(seed_of(desk.config.seed, "labels")).shuffle(order)
    name = digest_file(path)
    pairs, prompts, answers = [], [], []
    for one in next_ones(order, count, index) if order else []:
        chosen, rejected = (_written(one.prompt, text, name) for text in (one.chosen, one.rejected))
        pairs.append(_pair(chosen, rejected, "people", one.label_probability, one.weight))
        prompts.append(one.prompt)
        answers += [chosen, rejected]
    return Given(tuple(pairs), _once(prompts), _once(answers), {"held_back": len(read) - len(order)})


def demonstrated_pairs(desk: Desk, responses: Sequence[Response]) -> Given:
    """Each different answer of the policy, rejected for the demonstration to its prompt (SPIN; Chen, 2401.01335).

    One that says the same as the demonstration makes no pair.
    """
    path = pairs_path(desk)
    by_prompt, name = demonstrations(desk), digest_file(path)
    pairs, answers, seen = [], [], set[tuple[str, str]]()
    for response in responses:
        one = by_prompt[response.prompt]
        chosen = _written(one.prompt, one.answer, name)
        if (response.prompt, response.text) in seen or response.text == one.answer:
            continue
        seen.add((response.prompt, response.text))
        pairs.append(_pair(chosen, response, "demonstrations", 1.0, one.weight))
        answers.append(chosen)
    same = sum(response.text == by_prompt[response.prompt].answer for response in responses)
    return Given(tuple(pairs), (), _once(answers), {"same_text": same})


def demonstrations(desk: Desk) -> dict[str, Demonstration]:
    """The demonstrations of the file by their prompts' digests, the first of each prompt, less those held back."""
    found: dict[str, Demonstration] = {}
    for one in free_to_learn(read_demonstrations(pairs_path(desk)), desk.config.prompts.source):
        found.setdefault(one.prompt.digest, one)
    return found


def demonstrated_prompts(desk: Desk, index: int) -> list[Prompt]:
    """The prompts of iteration `index` where its pairs come from demonstrations: `prompts.count` of theirs."""
    order = [one.prompt for one in demonstrations(desk).values()]
    random.Random(seed_of(desk.config.seed, "prompts")).shuffle(order)
    return next_ones(order, desk.config.prompts.count, index)


def _written(prompt: Prompt, text: str, file: str) -> Response:
    """An answer out of a file: a text that no policy sampled, so without tokens."""
    return Response(prompt.digest, file, "person", UNDRAWN, 0, text, (), (), "end")


def _pair(chosen: Response, rejected: Response, label_source: str, probability: float, weight: float) -> PreferencePair:
    return PreferencePair(chosen.prompt, chosen.digest, rejected.digest, probability, weight, 0.0, label_source, ())


def _once(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple({row.digest: row for row in rows}.values())
