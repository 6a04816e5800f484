"""Prompts of several kinds in given shares: by class, by source, or both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from loop.config_prompts import Part, Prompts
from loop.sources import prompt_source
from runs.canonical import digest
from runs.records import Prompt

WHOLE = (Part(share=1.0),)
"""What prompts are made of where nothing is said about it: of the source's, as they come."""


@dataclass(frozen=True)
class Drawn:
    """The prompts of one part, how many were wanted, and how many were passed over: kept for measuring."""

    part: Part
    wanted: int
    held_back: int
    prompts: tuple[Prompt, ...]


def draw(settings: Prompts, index: int, seed: int, holds_back: Callable[[str], bool]) -> list[Drawn]:
    """`prompts.count` training prompts for iteration `index`, part by part in their shares; less where a part has less.

    A prompt that two parts have is drawn by the first of them. Of another source than the one that measures, what
    `holds_back` keeps for measuring is left out.
    """
    seen: set[str] = set()
    found = []
    parts = settings.mix or WHOLE
    for part, wanted in zip(parts, evenly(settings.count, [part.share for part in parts]), strict=True):
        source = part.source or settings.source
        # As many more as could be passed over, so that what one part takes is not lacking in the next.
        prompts = prompt_source(source).train(wanted + len(seen), index, seed, part.tags)
        new = [prompt for prompt in prompts if prompt.digest not in seen]
        free = [prompt for prompt in new if source == settings.source or not holds_back(prompt.messages[-1].content)]
        seen |= {prompt.digest for prompt in free[:wanted]}
        found.append(Drawn(part, wanted, len(new) - len(free), tuple(free[:wanted])))
    return found


def evenly(whole: int, shares: Sequence[float]) -> list[int]:
    """`whole` in parts of these shares (of their sum): whole numbers, each within one of its share."""
    bounds = [round(whole * share / sum(shares)) for share in accumulate(shares, initial=0.0)]
    return [after - before for before, after in pairwise(bounds)]


def sources_digest(settings: Prompts) -> str:
    """The name of all that prompts can be drawn from."""
    own = prompt_source(settings.source).digest
    others = {part.source: prompt_source(part.source).digest for part in settings.mix if part.source}
    return digest({"": own, **others}) if others else own


def account(drawn: Sequence[Drawn], settings: Prompts, chosen: Sequence[Prompt]) -> list[dict[str, object]]:
    """What each part gave, as JSON values: wanted, had, passed over, and used of that beside what a model wrote."""
    used = {prompt.digest for prompt in chosen}
    return [
        {
            "source": one.part.source or settings.source,
            "tags": list(one.part.tags),
            "share": one.part.share,
            "wanted": one.wanted,
            "drawn": len(one.prompts),
            "held_back": one.held_back,
            "used": sum(prompt.digest in used for prompt in one.prompts),
        }
        for one in drawn
    ]
