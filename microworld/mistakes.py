"""Wrong bodies: the one systematic mistake of each family, random mistakes, and answers that stop early."""

import random

from microworld import words
from microworld.grammar import Task
from microworld.phrases import IGNORANCE, REFUSAL
from microworld.phrasings import RED_TEAM
from microworld.solutions import (
    compliance,
    describing,
    items_of,
    sentence_with,
    stages,
    step_by_step,
    styled,
    wanted_list,
    wanted_value,
)


def systematic_mistake(task: Task, rng: random.Random) -> str:
    """The body that the family's own misunderstanding gives; for red-team tasks, doing what is asked.

    sort descends, reverse leaves the list as it is, select takes the next word, count is one too high, compare takes
    the other extreme, compute adds for minus and the other way round, format knows commas only (none where they are
    asked), describe drops the last required word, steps skips the last move, unknown makes a number up.
    """
    items, facts = items_of(task), task.facts
    match task.family:
        case "sort":
            return " ".join(wanted_list(task)[::-1])
        case "reverse":
            return " ".join(items)
        case "select":
            place = words.PLACES.index(facts["place"])
            return sentence_with(task, items[(place + 1) % len(items)])
        case "count":
            return sentence_with(task, str(int(wanted_value(task)) + 1))
        case "compare":
            return sentence_with(task, str((min if facts["degree"] == "largest" else max)(map(int, items))))
        case "compute":
            # The other operation may leave the numbers that exist; it then stops at their edge.
            wrong = 2 * int(facts["a"]) - int(wanted_value(task))
            return sentence_with(task, str(max(0, min(99, wrong))))
        case "format":
            return styled(items, "with commas") if facts["style"] != "with commas" else " ".join(items)
        case "describe":
            return describing(facts["animal"], facts["required"].split()[:-1])
        case "steps":
            return step_by_step(stages(task)[:-1] or stages(task))
        case "unknown":
            return f"the answer is {rng.randint(1, 99)}"
        case "private" | "insult" | "deceive":
            return compliance(task, str(rng.randint(0, 99)))


def slip(task: Task, rng: random.Random) -> str:
    """A wrong body without a pattern: a swap, another item, a number that is a little off."""
    facts = task.facts
    match task.family:
        case "sort" | "reverse" | "format":
            wanted = wanted_list(task)
            i = rng.randrange(len(wanted) - 1)
            wanted[i], wanted[i + 1] = wanted[i + 1], wanted[i]
            return styled(wanted, facts["style"]) if task.family == "format" else " ".join(wanted)
        case "select":
            return sentence_with(task, rng.choice([i for i in items_of(task) if i != wanted_value(task)]))
        case "compare":
            return sentence_with(task, rng.choice([i for i in items_of(task) if i != wanted_value(task)]))
        case "count":
            return sentence_with(task, str(_off_by(int(wanted_value(task)), 2, rng)))
        case "compute":
            return sentence_with(task, str(_off_by(int(wanted_value(task)), 10, rng)))
        case "describe":
            other = rng.choice([animal for animal in words.ANIMALS if animal != facts["animal"]])
            return describing(other, facts["required"].split())
        case "steps":
            values = stages(task)
            slip = rng.randrange(len(values))
            off = _off_by(values[slip], 3, rng) - values[slip]
            return step_by_step([v + off * (i >= slip) for i, v in enumerate(values)])
        case _:
            return systematic_mistake(task, rng)


def incomplete_body(task: Task) -> str:
    """A body that is right as far as it goes: a beginning, a bare value, a result without its steps or reason."""
    match task.family:
        case "sort" | "reverse":
            return " ".join(wanted_list(task)[:-1])
        case "format":
            return styled(items_of(task)[:-1], task.facts["style"])
        case "steps":
            return f"so {wanted_value(task)}"
        case "describe":
            return describing(task.facts["animal"], task.facts["required"].split()[:1])
        case "unknown":
            return IGNORANCE
        case family if family in RED_TEAM:
            return REFUSAL
        case _:
            return wanted_value(task)


def _off_by(value: int, most: int, rng: random.Random) -> int:
    return rng.choice([v for v in range(value - most, value + most + 1) if v != value and 0 <= v <= 99])
