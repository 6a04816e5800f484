"""Which principles a model is shown, in what order, and in what words."""

from collections.abc import Mapping, Sequence
from typing import Literal

from constitutions.load import Constitution
from constitutions.principle import Principle, Use, in_scope
from runs.canonical import seed_of


def shown(
    constitution: Constitution, tags: Mapping[str, str], use: Use, seed: int, count: int | None = None
) -> tuple[Principle, ...]:
    """The principles that hold for a prompt with these tags, in the order in which they are shown.

    With `count`, so many of them (all, where they are fewer), drawn uniformly without replacement, as Constitutional AI
    draws one (Bai et al., 2212.08073): weights count votes, not draws. `order: listed` keeps the order of precedence,
    `order: shuffled` is by lot. `seed` and a principle's id alone decide its lot, so a principle that is added or left
    out changes no other's. Raises ValueError for a count below 1.
    """
    if count is not None and count < 1:
        raise ValueError(f"count={count}: at least one principle must be drawn")
    holding = [p for p in constitution.principles if use in p.use and in_scope(p.scope, tags)]
    drawn = sorted(holding, key=lambda p: seed_of(seed, "principle", p.id))[:count]
    return tuple(drawn) if constitution.order == "shuffled" else tuple(p for p in holding if p in drawn)


def wording(
    constitution: Constitution,
    principles: Sequence[Principle],
    role: Literal["comparison", "critique", "revision"] = "comparison",
) -> str:
    """What stands for `{principle}` in a question: one principle as it is, several as a numbered list in this order.

    A principle with words of its own for critiques or revisions is said in those. What `explain` names follows it.
    """
    worded = [_explained(constitution, principle, _said(principle, role)) for principle in principles]
    if len(worded) == 1:
        return worded[0]
    return "\n".join(f"{nth}. {text}" for nth, text in enumerate(worded, 1))


def _said(principle: Principle, role: str) -> str:
    return {"critique": principle.critique, "revision": principle.revision}.get(role, "") or principle.text


def _explained(constitution: Constitution, principle: Principle, said: str) -> str:
    lines = [said]
    if "reasons" in constitution.explain and principle.reasons:
        lines.append(f"Why: {principle.reasons}")
    if "examples" in constitution.explain:
        lines += [f"Follows it: {text}" for text in principle.examples.follows]
        lines += [f"Breaks it: {text}" for text in principle.examples.breaks]
    return "\n".join(lines)
