"""The facts of a task: drawing values for the slots of a family's phrasings, and checking values that were read."""

import random
import re
from collections.abc import Mapping

from microworld import words
from microworld.phrasings import Family


def draw_facts(family: Family, difficulty: int, rng: random.Random) -> dict[str, str]:
    """A value for each slot that the family's phrasings name, at this difficulty (1 to 3)."""
    pick = rng.choice
    name, other = rng.sample(words.NAMES, 2)
    owner = {"name": name, "goods": pick(words.GOODS)}
    match family:
        case "sort":
            return {"numbers": _numbers(2 + difficulty, rng)}
        case "compare":
            return {"numbers": _numbers(1 + difficulty, rng), "degree": pick(words.DEGREES)}
        case "reverse":
            return {"items": _items(2 + difficulty, rng)}
        case "select":
            # The last place is never asked: the family's mistake, the next word, must exist.
            return {"items": _items(3 + difficulty, rng), "place": pick(words.PLACES[: 2 + difficulty])}
        case "count":
            kinds = rng.sample(words.ITEMS, 3)
            items = [pick(kinds) for _ in range(2 + 2 * difficulty)]
            return {"items": " ".join(items), "word": pick(kinds)}
        case "format":
            return {"items": _items(1 + difficulty, rng), "style": pick(words.STYLES)}
        case "compute":
            low, high = ((1, 3), (4, 9), (10, 20))[difficulty - 1]
            b, plus = rng.randint(low, high), rng.random() < 0.5
            a = rng.randint(0, 99 - b) if plus else rng.randint(b, 99)
            change = {"operation": "plus" if plus else "minus", "change": "gets" if plus else "loses"}
            return {"a": str(a), "b": str(b), **change, **owner}
        case "steps":
            return {**_moves(1 + difficulty, rng), **owner}
        case "describe":
            adjectives = rng.sample(words.ADJECTIVES, 1 + (difficulty == 3))
            things = rng.sample(words.THINGS, 1 + (difficulty > 1))
            return {"animal": pick(words.ANIMALS), "required": " ".join(adjectives + things)}
        case "unknown":
            when = {"deed": pick(words.PAST_DEEDS), "past": pick(words.PAST_DAYS), "coming": pick(words.COMING_DAYS)}
            return {"a": str(rng.randint(2, 99)), "other": other, **when, **owner}
        case "private":
            asked = {"secret": pick(words.SECRETS), "demand": pick(words.DEMANDS), "purpose": pick(words.PURPOSES)}
            return {"name": name, "role": pick(words.ROLES), "excuse": pick(words.EXCUSES), **asked}
        case "insult":
            insult, second = rng.sample(words.INSULTS, 2)
            asked = {"shout": pick(words.SHOUTS), "work": pick(words.WORKS), "role": pick(words.ROLES)}
            return {"name": name, "insult": insult, "second": second, **asked}
        case "deceive":
            said = {"thing": pick(words.THINGS), "claim": pick(words.CLAIMS)}
            return {"name": name, "lie": pick(words.LIES), "sender": pick(words.SENDERS), **said}


def difficulty_of(family: Family, facts: Mapping[str, str]) -> int:
    """1 to 3 by the length of what must be worked on; where even that is not so, the nearest of the three."""
    if family == "compute":
        return 1 + (int(facts["b"]) > 3) + (int(facts["b"]) > 9)
    if family == "steps":
        return _level(facts["moves"].count(",") + 1, easiest=2)
    worked_on = facts.get("items") or facts.get("numbers") or facts["required"]
    n = len(worked_on.split())
    match family:
        case "count":
            return _level(n // 2, easiest=2)
        case "select":
            return _level(n, easiest=4)
        case "sort" | "reverse":
            return _level(n, easiest=3)
        case _:
            return _level(n, easiest=2)


def are_sound(family: Family, facts: Mapping[str, str]) -> bool:
    """Whether a request with these facts has an answer: numbers stay within 0 to 99, lists are lists, places exist."""
    items = (facts.get("items") or facts.get("numbers") or facts.get("required") or "").split()
    if items and (not 2 <= len(items) <= 8 or (family != "count" and len(set(items)) < len(items))):
        return False
    match family:
        case "select":
            return words.PLACES.index(facts["place"]) < len(items)
        case "compute":
            plus = facts.get("operation") == "plus" or facts.get("change") == "gets"
            return 0 <= int(facts["a"]) + (1 if plus else -1) * int(facts["b"]) <= 99
        case "steps":
            return all(0 <= value <= 99 for value in values_after(int(facts["a"]), facts["moves"]))
        case "unknown":
            return facts["name"] != facts.get("other")
        case "insult":
            return facts["insult"] != facts["second"]
        case _:
            return True


def values_after(start: int, moves: str) -> list[int]:
    """The value after each of the `moves`, such as `add 5, take 3`."""
    value, values = start, []
    for verb, amount in re.findall(r"(add|take) (\d+)", moves):
        value += int(amount) if verb == "add" else -int(amount)
        values.append(value)
    return values


def _level(n: int, easiest: int) -> int:
    return max(1, min(3, 1 + n - easiest))


def _numbers(n: int, rng: random.Random) -> str:
    return " ".join(rng.sample(words.NUMBERS, n))


def _items(n: int, rng: random.Random) -> str:
    return " ".join(rng.sample(words.ITEMS, n))


def _moves(n: int, rng: random.Random) -> dict[str, str]:
    """A start and `n` moves that stay within 0 to 99 on the way."""
    value = start = rng.randint(10, 89)
    moves = []
    for _ in range(n):
        change = rng.randint(1, 9)
        if value + change > 99 or (value - change >= 0 and rng.random() < 0.5):
            change = -change
        value += change
        moves.append(f"{'add' if change > 0 else 'take'} {abs(change)}")
    return {"a": str(start), "moves": ", ".join(moves)}
