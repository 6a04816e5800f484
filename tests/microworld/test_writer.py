"""The shipped demonstrations: of the train split, and as good as an answer can be."""

import json
from collections import Counter

from loop.demonstration_file import demonstrations_path, read_demonstrations
from microworld.gold import score_task
from microworld.grammar import parse
from microworld.splits import split_of
from microworld.writer import demonstrated

SHIPPED = demonstrations_path("microworld")


def test_the_shipped_demonstrations_are_those_that_the_writer_writes() -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    assert lines == list(demonstrated(600, seed=0))
    assert len({json.dumps(json.loads(line)["messages"]) for line in lines}) == 600


def test_the_shipped_demonstrations_are_of_the_train_split_and_hardly_any_could_be_better() -> None:
    scores = Counter[int]()
    for one in read_demonstrations(SHIPPED):
        assert split_of(one.prompt.digest) == "train"
        task = parse(one.prompt.messages)
        assert task is not None
        scores[int(score_task(task, one.answer).total)] += 1
    assert scores[5] > 0.95 * 600, scores
