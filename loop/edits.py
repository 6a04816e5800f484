"""Which edits of a constitution stand beside a metric that moved, and which of them pulled it that way.

Two runs that are judged by different constitutions differ in what was rewarded. Of the lengths and of the signs that
can be counted in a text the stored votes say who rewarded them: what the answers that a principle prefers have more of.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from constitutions.diff import Change, changes, other_parts
from constitutions.load import Constitution, as_said
from judges.text_signs import signs
from loop.terminal import harmless, table
from runs.lineage import Link, kept_constitution
from runs.principle_signal import TOKENS, Features, Pull, signal
from runs.records import Response, Run
from runs.store import Store

SEEN_IN = {
    "policy/length_mean_tokens": TOKENS,
    "policy/declines_frac": "declines",
    "policy/evades_frac": "evades",
}
"""The metrics of which votes say who rewards them, and what an answer has more of then."""
PULLED = ("share of votes", "prefers longer, tokens")


@dataclass(frozen=True)
class Edited:
    """A change of one principle, and what it said of the pairs on either side, None where it had no vote."""

    change: Change
    before: Pull | None
    after: Pull | None

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        pulls = {side: one and asdict(one) for side, one in (("a", self.before), ("b", self.after))}
        return {**self.change._asdict(), "signal": pulls}

    def row(self) -> tuple[Any, ...]:
        """As a line of a table: the change, the share of all votes on either side, and the taste for length."""
        sides = (self.before, self.after)
        shares = [one.share if one else None for one in sides]
        longer = [one.prefers.get(TOKENS) if one else None for one in sides]
        return (self.change.kind, self.change.principle, self.change.before, self.change.after, *shares, *longer)

    def toward(self, feature: str) -> float:
        """How much more the votes of this principle favour it after the change, by its share of all votes."""
        return _favour(self.after, feature) - _favour(self.before, feature)


@dataclass(frozen=True)
class Edits:
    """In what two constitutions differ; `other` is what differs beside the principles, `iterations` the numbers of
    those that were judged by the one on one side and by the other on the other."""

    principles: tuple[Edited, ...]
    other: tuple[str, ...]
    iterations: tuple[int, ...]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {"principles": [one.document() for one in self.principles], "other": list(self.other)}

    def text(self, a: str, b: str) -> str:
        """As a table for people; `a` and `b` are what the two sides are called."""
        columns = ["principle", "", "before", "after", *(f"{what} {side}" for what in PULLED for side in (a, b))]
        told = [table(columns, [one.row() for one in self.principles])] if self.principles else []
        return "\n".join([*told, *(f"~ {harmless(part)}" for part in self.other)])

    def behind(self, metric: str, difference: float) -> tuple[str, ...]:
        """The principles whose edits pulled the metric the way that it went, the strongest first.

        Where votes say nothing of the metric, all that were edited: of one edit that is the cause, of several
        `selfsame ablate` finds it.
        """
        feature = SEEN_IN.get(metric)
        ids = tuple(dict.fromkeys(one.change.principle for one in self.principles))
        if feature is None or len(ids) < 2:
            return ids
        pulled = {one.change.principle: one.toward(feature) * difference for one in self.principles}
        return tuple(sorted((id for id in ids if pulled[id] > 0), key=lambda id: -pulled[id])) or ids


def edits(store: Store, a: Run, b: Run, before: Sequence[Link], after: Sequence[Link]) -> Edits | None:
    """What differs between the constitutions of two runs, with what their principles said in these iterations.

    None where they say the same, or where one of them is not kept any more. What a branch has of another branch may
    have been judged by a third one, of which nothing is said.
    """
    first, second = constitution_of(store, a), constitution_of(store, b)
    if first is None or second is None or first.digest == second.digest:
        return None
    before, after = _judged_by(store, first, before), _judged_by(store, second, after)
    both = {link.iteration.index for link in before} & {link.iteration.index for link in after}
    pulls = [
        {one.principle: one for one in signal(store, links, _signs_of(store, links)).pulls} for links in (before, after)
    ]
    found, (was, now) = changes(first, second), pulls
    renamed = {one.principle: one.after for one in found if one.kind == "renamed"}
    told = [Edited(one, was.get(one.principle), now.get(renamed.get(one.principle, one.principle))) for one in found]
    return Edits(tuple(told), tuple(other_parts(first, second)), tuple(sorted(both)))


def constitution_of(store: Store, run: Run) -> Constitution | None:
    """The constitution that a run was begun with, as the store keeps it; None for one that it does not."""
    name = kept_constitution(store, run)
    return as_said(store.get_json(name)) if name else None


def _judged_by(store: Store, constitution: Constitution, links: Sequence[Link]) -> list[Link]:
    """Those of the iterations that were judged by this constitution, and those that nobody judged."""
    return [link for link in links if not _names(store, link) - {constitution.digest}]


def _names(store: Store, link: Link) -> set[str]:
    shards = store.output(link.outputs["judge"]).tables.get("judgments", ()) if "judge" in link.outputs else ()
    return set(store.table("judgments", shards)["constitution"].to_pylist()) if shards else set()


def _favour(pull: Pull | None, feature: str) -> float:
    return pull.share * pull.prefers.get(feature, 0.0) if pull else 0.0


def _signs_of(store: Store, links: Sequence[Link]) -> Features:
    """Which answers decline and which evade, by patterns."""
    outputs = [store.output(link.outputs["generate"]) for link in links if "generate" in link.outputs]
    answers: list[Response] = [row for output in outputs for row in store.all_rows("responses", output)]
    found = {row.digest: signs(row.text) for row in answers}
    return {
        "declines": {digest: float(one.declines) for digest, one in found.items()},
        "evades": {digest: float(one.evades) for digest, one in found.items()},
    }
