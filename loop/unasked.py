"""Which steps an iteration does without, read off settings as runs keep them.

Nothing heavy is imported here: `status` has no time to build the configuration that these settings are the leaves of.
"""

from collections.abc import Mapping
from typing import Any, Literal

Source = Literal["prompts", "pairs", "best", "demonstrations", "revisions"]


def unasked_steps(settings: Mapping[str, Any], index: int) -> frozenset[str]:
    """The steps that nobody asks for in iteration `index` by these settings, or whose output nobody would read.

    `settings` are a configuration's as JSON values, phases and all. A leaf that a run left out is off there.
    """
    phases = [phase for phase in settings.get("phases", ()) if phase["since"] <= index]
    changed = max(phases, key=lambda phase: phase["since"])["settings"] if phases else {}

    def leaf(dotted: str) -> Any:
        section, _, name = dotted.partition(".")
        return changed.get(dotted, settings.get(section, {}).get(name))

    made_of = rows_made_of(leaf("train.method"), leaf("train.learn"))
    preferences = leaf("preference.source") or "none"
    for_preferences = learns_from_pairs(preferences)
    asked = {
        "revise": leaf("revise.passes"),
        "red_team": leaf("prompts.red_team_frac"),
        "meta": leaf("meta_judge.max_frac"),
        "train_judge": leaf("judge.adapter") == "own",
        # Before the first pairs there are labels alone to learn from.
        "preference": preferences != "none" and (index > 0 or not for_preferences),
        "prove": index > 0 and "proven" in (leaf("judge.adapter"), *(leaf("judge.panel") or ())),
        "capability": leaf("capability.prompts"),
        "drift": leaf("drift.items")
        and any(leaf(f"drift.{name}") for name in ("judge", "policy", "prompts", "signal")),
        "audit": leaf("audit.items") and leaf("measure.anchors") and index % leaf("audit.every") == 0,
    }
    unasked = {step for step, wanted in asked.items() if not wanted}
    if made_of == "revisions" and not for_preferences:
        unasked |= {"pair"} if leaf("train.revision") == "best" else {"judge", "pair"}
    if made_of == "pairs" and not made_by_judge(leaf("pair.source"), leaf("pair.judged_frac")):
        unasked.add("judge")
        if leaf("pair.source") == "labels" and not leaf("revise.passes"):
            unasked.add("generate")
    if made_of in ("prompts", "demonstrations") and not for_preferences:
        # The trainer samples its own answers, or has those of a file.
        unasked |= {"generate", "revise", "judge", "pair"}
    return frozenset(unasked)


def rows_made_of(method: str | None, learn: Any) -> Source:
    """What an adapter is trained on: prompts, pairs, the judgments of single answers, a file, or revised answers."""
    if method == "rl":
        return "prompts"
    return "pairs" if method != "sft" or learn == "chosen" else learn


def made_by_judge(pair_source: str | None, judged_frac: float | None) -> bool:
    """Whether the judge makes any of the pairs."""
    return pair_source in (None, "judge") or (pair_source == "labels" and bool(judged_frac))


def learns_from_pairs(preference_source: str | None) -> bool:
    """Whether a preference model learns from the pairs of an iteration."""
    return preference_source in ("pairs", "hybrid")
