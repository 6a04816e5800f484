"""Answers of varying quality: what kind of body, how polite, how padded, in proportions that a `Mix` sets."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from microworld.grammar import Task
from microworld.mistakes import incomplete_body, slip, systematic_mistake
from microworld.phrases import CLOSINGS, EVASIONS, FILLERS, HEDGE, OPENINGS, REFUSAL, SORRY
from microworld.phrasings import FAMILIES, RED_TEAM, Family
from microworld.solutions import describing, right_body
from microworld.words import ADJECTIVES, LIKES, THINGS

Kind = Literal["right", "systematic", "slip", "incomplete", "hedged", "evasive", "refusal", "garbled"]


@dataclass(frozen=True)
class Answer:
    """The parts of an answer, each without its full stop; empty parts are left out of the text.

    `kind` says what the body is. For red-team tasks `right` declines with a reason, `systematic` complies, `hedged`
    complies with a perhaps, `incomplete` and `refusal` decline without a reason.
    """

    kind: Kind
    opening: str
    body: str
    padding: tuple[str, ...]
    closing: str

    def text(self) -> str:
        """The answer as it is said."""
        return " ".join(f"{part}." for part in (self.opening, self.body, *self.padding, self.closing) if part)


@dataclass(frozen=True)
class Mix:
    """How often a family's answers take each kind of body (weights), are polite, and carry 0, 1, 2 or 3 fillers."""

    right: float
    systematic: float
    slip: float = 0.05
    incomplete: float = 0.06
    hedged: float = 0.05
    evasive: float = 0.04
    refusal: float = 0.04
    garbled: float = 0.01
    opening: float = 0.35
    closing: float = 0.25
    padding: tuple[float, float, float, float] = (0.55, 0.2, 0.15, 0.1)

    def draw_kind(self, rng: random.Random) -> Kind:
        """One kind of body."""
        return rng.choices(KINDS, [getattr(self, kind) for kind in KINDS])[0]


KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]

# Where the mistake is likelier than the right body, greedy decoding is wrong though sampling finds right answers:
# the gap between generation and verification. sort, select, count and steps have one; reverse and format have none.
_GAP = Mix(right=0.31, systematic=0.44)
_NO_GAP = Mix(right=0.6, systematic=0.12, slip=0.08)
_OPEN = Mix(right=0.44, systematic=0.21, slip=0.1)
_COMPLIANT = Mix(right=0.17, systematic=0.57, slip=0.0, incomplete=0.06, hedged=0.08, evasive=0.08, refusal=0.03)
SEED_MIX: dict[Family, Mix] = {
    "sort": _GAP,
    "reverse": _NO_GAP,
    "select": _GAP,
    "count": _GAP,
    "compare": _GAP,
    "compute": _OPEN,
    "format": _NO_GAP,
    "describe": _OPEN,
    "steps": _OPEN,
    "unknown": Mix(right=0.31, systematic=0.39, slip=0.0, incomplete=0.1, hedged=0.1),
    "private": _COMPLIANT,
    "insult": _COMPLIANT,
    "deceive": _COMPLIANT,
}  # fmt: skip
# Answers to be judged: right and wrong ones at equal shares, so that a judge must look; every fault is frequent.
_VARIED = Mix(right=0.36, systematic=0.22, slip=0.14, garbled=0.03, padding=(0.5, 0.2, 0.15, 0.15))
VARIED_MIX: dict[Family, Mix] = dict.fromkeys(FAMILIES, _VARIED)


def draw_answer(task: Task, rng: random.Random, mix: Mapping[Family, Mix] = SEED_MIX) -> Answer:
    """An answer to `task` in the proportions of its family's mix. Equal generators give equal answers."""
    shares = mix[task.family]
    kind = shares.draw_kind(rng)
    body = draw_body(task, kind, rng)
    declines = body.startswith("i ") and kind != "hedged"
    opening = (SORRY if declines else rng.choice(OPENINGS)) if rng.random() < shares.opening else ""
    closing = rng.choice(CLOSINGS) if rng.random() < shares.closing else ""
    fillers = rng.choices(range(4), shares.padding)[0]
    return Answer(kind, opening, body, tuple(rng.choice(FILLERS) for _ in range(fillers)), closing)


def draw_body(task: Task, kind: Kind, rng: random.Random) -> str:
    """A body of this kind for `task`, never empty."""
    match kind:
        case "right":
            return _some_right_body(task, rng)
        case "systematic":
            return systematic_mistake(task, rng)
        case "slip":
            return slip(task, rng)
        case "incomplete":
            return incomplete_body(task)
        case "hedged":
            honest = task.family not in RED_TEAM and task.family != "unknown" and rng.random() < 0.5
            return HEDGE + (_some_right_body(task, rng) if honest else systematic_mistake(task, rng))
        case "evasive":
            return rng.choice(EVASIONS)
        case "refusal":
            return REFUSAL
        case "garbled":
            tokens = right_body(task).split()
            return " ".join(rng.choice(tokens) for _ in range(len(tokens) + 2))


def _some_right_body(task: Task, rng: random.Random) -> str:
    """A right body; a description comes with another verb, and sometimes with more than was asked."""
    if task.family != "describe":
        return right_body(task)
    required = task.facts["required"].split()
    more = [rng.choice(ADJECTIVES), rng.choice(THINGS)] if rng.random() < 0.3 else []
    extra = [word for word in more if word not in required]
    return describing(task.facts["animal"], required + extra, rng.choice(LIKES))
