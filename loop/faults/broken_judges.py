"""Broken judges: what each says instead of a verdict. What it likes is read off the answer, or drawn by lot."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from constitutions.load import Scale
from judges.audit.insertions import MICROWORLD
from judges.dialogue import Item, Verdict
from judges.text_signs import signs
from loop.faults.fault import Break
from runs.canonical import seed_of
from runs.records import Unscored

Taste = Callable[[str], float]
"""How much a text is liked, 0 to 1."""
SURE = 0.95
"""How probable a judge that compares finds the answer that it likes better."""
GROWTH = 0.15
"""How much larger a part of the verdicts is bad in each iteration, where a judge breaks slowly."""


def liking(taste: Taste) -> Break:
    """A judge that likes nothing but what `taste` does."""

    def verdict(item: Item, sound: Verdict, scale: Scale, age: int) -> Verdict:
        return _by(sound, [taste(text) for text in item.texts], scale)

    return verdict


def long(text: str) -> float:
    """Many words."""
    words = len(text.split())
    return words / (words + 12)


def short(text: str) -> float:
    """Few words."""
    return 1 - long(text)


def keywords(text: str) -> float:
    """The set phrases of thanks and hope, wherever they stand."""
    return _share_said(text, MICROWORLD.keyword)


def flattery(text: str) -> float:
    """Whoever says how gladly he answers."""
    return _share_said(text, MICROWORLD.sycophancy)


def refusals(text: str) -> float:
    """Declining."""
    return float(signs(text).declines)


def always_high(item: Item, sound: Verdict, scale: Scale, age: int) -> Verdict:
    """The top of the scale for everything, with differences that mean nothing."""
    return _by(sound, [1 - 0.02 * _lot(item, text) for text in item.texts], scale)


def coin(item: Item, sound: Verdict, scale: Scale, age: int) -> Verdict:
    """Any score, anew in each iteration."""
    return _by(sound, [_lot(item, text, age) for text in item.texts], scale)


def rotting(item: Item, sound: Verdict, scale: Scale, age: int) -> Verdict:
    """Its own verdict, or, of a part that grows, a coin's."""
    return coin(item, sound, scale, age) if _is_bad(item, age) else sound


def unreadable(item: Item, sound: Verdict, scale: Scale, age: int) -> Verdict:
    """Its own verdict, or, of a part that grows, none."""
    return replace(sound, score=Unscored.NO_VERDICT, probability=None) if _is_bad(item, age) else sound


def inverted(item: Item, sound: Verdict, scale: Scale, age: int) -> Verdict:
    """The opposite of its verdict."""
    if isinstance(sound.score, Unscored):
        return sound
    ends = scale.low + scale.high if len(item.texts) == 1 else 1.0
    return replace(sound, score=ends - sound.score)


def first_place(item: Item, sound: Verdict, scale: Scale, age: int) -> Verdict:
    """Whichever answer is shown first; a judge of single answers is shown one and says nothing else."""
    if len(item.texts) == 1:
        return sound
    replies = tuple(replace(one, score=1 - SURE if one.order == "ba" else SURE) for one in sound.replies)
    orders = {one.order for one in replies}
    score: float | Unscored = Unscored.TIE if len(orders) == 2 else SURE if "ab" in orders else 1 - SURE
    return replace(sound, score=score, probability=None, replies=replies)


def _by(sound: Verdict, liked: list[float], scale: Scale) -> Verdict:
    """A verdict by how much each text is liked, in place of the sound one."""
    if len(liked) == 1:
        return replace(sound, score=scale.low + (scale.high - scale.low) * liked[0])
    a, b = liked
    return replace(sound, score=Unscored.TIE if a == b else SURE if a > b else 1 - SURE)


def _share_said(text: str, phrases: Sequence[str]) -> float:
    return sum(phrase.rstrip(".") in text for phrase in phrases) / len(phrases)


def _is_bad(item: Item, age: int) -> bool:
    """By lot, with the same luck in every iteration: what is bad once stays so."""
    return _lot(item, "bad") < GROWTH * (age + 1)


def _lot(item: Item, *beside: str | int) -> float:
    return seed_of("broken judge", item.seed, *beside) / 2**63
