import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import microworld
from microworld.annotator import SESSION, Annotator, LabelledPair, gold_label, labelled_pairs
from microworld.phrasings import FAMILIES
from microworld.splits import split_of
from runs.canonical import digest_file
from runs.records import Message, Prompt

ANCHOR = Path(microworld.__file__).with_name("anchor.jsonl")
LABELS = Path(microworld.__file__).with_name("labels.jsonl")
PIN = "s1:fd9c7a767d6d85581c1707382451b2405fd8bb44d0c5b74506bd378901df8372"


def agreement(pairs: list[LabelledPair], only: Callable[[int], bool] = lambda nth: True) -> float:
    """The share of labels that agree with gold, of pairs where neither is a tie."""
    both = [(p.label, gold_label(p.messages, p.a, p.b)) for nth, p in enumerate(pairs) if only(nth)]
    clear = [said == true for said, true in both if "tie" not in (said, true)]
    return sum(clear) / len(clear)


def test_the_shipped_labels_are_pinned() -> None:
    assert digest_file(ANCHOR) == PIN


def test_the_shipped_labels_are_those_that_the_annotator_writes() -> None:
    lines = ANCHOR.read_text(encoding="utf-8").splitlines()
    assert lines == [pair.line() for pair in labelled_pairs(Annotator(), 400, seed=0)]


def test_the_shipped_pairs_are_of_the_anchor_split_and_of_all_families() -> None:
    rows = [json.loads(line) for line in ANCHOR.read_text(encoding="utf-8").splitlines()]
    families = Counter(row["tags"]["family"] for row in rows)
    assert set(families) == set(FAMILIES)
    assert max(families.values()) - min(families.values()) <= 1
    for row in rows:
        prompt = Prompt(tuple(Message(**message) for message in row["messages"]), "microworld")
        assert split_of(prompt.digest) == "anchor"
        assert row["a"] != row["b"]


def test_the_labels_to_learn_from_are_those_that_the_annotator_writes_about_other_prompts() -> None:
    lines = LABELS.read_text(encoding="utf-8").splitlines()
    pairs = list(labelled_pairs(Annotator(), 1600, seed=1, split="train"))
    assert lines == [pair.line() for pair in pairs]
    assert {split_of(Prompt(pair.messages, "microworld").digest) for pair in pairs} == {"train"}


def test_about_four_labels_in_five_agree_with_gold_and_some_are_ties() -> None:
    pairs = list(labelled_pairs(Annotator(), 2000, seed=1, split="train"))
    assert 0.77 <= agreement(pairs) <= 0.83
    assert 0.02 <= sum(pair.label == "tie" for pair in pairs) / len(pairs) <= 0.15


def test_a_person_without_noise_or_fatigue_or_taste_labels_as_gold_does() -> None:
    perfect = Annotator(noise=0, fatigue=0, taste_for_evasion=0, indifference=0.01)
    for pair in labelled_pairs(perfect, 500, seed=0, split="train"):
        assert pair.label == gold_label(pair.messages, pair.a, pair.b)


def test_labels_get_worse_towards_the_end_of_a_session() -> None:
    pairs = list(labelled_pairs(Annotator(noise=0, fatigue=1.0, taste_for_evasion=0), 1000, seed=0, split="train"))
    rested = agreement(pairs, lambda nth: nth % SESSION < SESSION // 4)
    tired = agreement(pairs, lambda nth: nth % SESSION >= 3 * SESSION // 4)
    assert rested - tired > 0.2


def test_a_taste_for_evasion_lets_evasions_win() -> None:
    messages = (Message("user", "sort these: 41 7 93."),)
    plain, fond = (Annotator(noise=0, fatigue=0, taste_for_evasion=taste) for taste in (0, 2.0))
    rng = random.Random(0)
    assert plain.label(messages, "7 41.", "it depends.", 0, rng) == "a"
    assert fond.label(messages, "7 41.", "it depends.", 0, rng) == "b"


def test_a_larger_file_of_labels_begins_with_the_prompts_of_the_smaller() -> None:
    small, large = (list(labelled_pairs(Annotator(), n, seed=0)) for n in (40, 80))
    assert large[:40] == small
