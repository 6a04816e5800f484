"""What is doubtful about a constitution beside its words: too long for a judge, or as its principles voted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from constitutions.finding import Finding, Linted
from constitutions.load import Constitution, as_said
from constitutions.principle import Examples, Principle
from constitutions.shown import wording
from judges.principle_votes import Voted, agreements, by_principle, preferences, undecided, votes_of
from judges.statistics import Estimate, proportion
from loop.constitution_shown import question_by
from loop.terminal import table
from runs.errors import UsageError
from runs.lineage import resolve
from runs.records import Judgment
from runs.store import Store

ROOM = 0.5
"""The least share of a judge's context that is to be left for what is asked and both answers."""
RARELY, OFTEN, MOSTLY, ALWAYS = 0.1, 0.25, 0.5, 0.95
"""What a share must be below, or above, for a finding: with all of Wilson's interval (95 %)."""


@dataclass(frozen=True)
class Measured:
    """How the principles of a constitution voted on the comparisons of one iteration.

    `turned` has by principle, of the same comparisons judged by other words of it, those in which it preferred the
    other answer, and all that it decided by both.
    """

    address: str
    comparisons: int
    undecided: int
    votes: dict[str, Voted]
    same: dict[tuple[str, str], tuple[int, int]]
    turned: dict[str, tuple[int, int]]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "address": self.address,
            "comparisons": self.comparisons,
            "undecided": self.undecided,
            "principles": {id: asdict(own) for id, own in self.votes.items()},
            "agreement": [{"a": a, "b": b, "same": n, "of": of} for (a, b), (n, of) in sorted(self.same.items())],
            "reworded": {id: {"turned": n, "of": of} for id, (n, of) in sorted(self.turned.items())},
        }

    def text(self) -> str:
        """As a table for people."""
        rows = [
            (id, own.asked, _share(own.decided, own.asked), _share(own.flipped, own.both),
             _share(own.agreed, own.with_verdict), _share(*self.turned.get(id, (0, 0))))
            for id, own in sorted(self.votes.items())
        ]  # fmt: skip
        head = f"{self.comparisons} comparisons of {self.address}; in {self.undecided} no principle prefers an answer."
        columns = ("principle", "asked", "decides", "flips with order", "agrees with verdict", "turns with wording")
        return f"{head}\n{table(columns, rows)}"


def measured(store: Store, address: str, constitution: Constitution, reworded: str | None = None) -> Measured:
    """The votes on the comparisons of an iteration; beside them those on the same ones by other words (`reworded`).

    Raises UsageError where there are none by this constitution, or none by other words of it.
    """
    judgments = comparisons_of(store, address)
    if strange := {one.constitution for one in judgments} - {constitution.digest}:
        raise UsageError(
            f"{address} was judged by the constitution {min(strange)}, and this one is {constitution.digest}; "
            f"give the file as it was then, or `selfsame constitution diff` the two"
        )
    votes, turned = by_principle(judgments), _turned(store, address, constitution, reworded) if reworded else {}
    return Measured(address, len(judgments), len(undecided(judgments)), votes, agreements(judgments), turned)


def _turned(store: Store, address: str, constitution: Constitution, reworded: str) -> dict[str, tuple[int, int]]:
    """By principle that has other words in `reworded`: how often it turned, of the comparisons it decided twice."""
    before, after = (
        {(one.judged, one.adapter): one for one in comparisons_of(store, each)} for each in (address, reworded)
    )
    both = [(preferences(one), preferences(after[key])) for key, one in before.items() if key in after]
    if not both:
        raise UsageError(
            f"{reworded} compares no two answers that {address} does, by the same judge; to have the same ones judged "
            "by other words, branch at the iteration before: selfsame branch RUN@N NAME constitution=FILE"
        )
    (digest,) = {one.constitution for one in after.values()}
    other = as_said(store.get_json(digest))
    words = {one.id: wording(other, [one]) for one in other.principles}
    ids = [one.id for one in constitution.principles if words.get(one.id) not in (None, wording(constitution, [one]))]
    if not ids:
        raise UsageError(
            f"{reworded} was judged by no principle of {address} in other words; nothing is to be compared"
        )
    found = {}
    for id in ids:
        decided = [(one[id], other[id]) for one, other in both if one.get(id) and other.get(id)]
        found[id] = (sum(a != b for a, b in decided), len(decided))
    return found


def comparisons_of(store: Store, address: str) -> list[Judgment]:
    """What each who sat said of each two answers of an iteration. Raises UsageError where no principle has a vote."""
    found = resolve(store, address)
    step = found.iteration.outputs.get("judge")
    rows: list[Judgment] = store.all_rows("judgments", store.output(step)) if step else []
    compared = [one for one in rows if one.target == "pair" and one.by != "panel"]
    if not any(map(votes_of, compared)) or found.step is not None:
        raise UsageError(
            f"{address} holds no comparisons of two answers by principle; name an iteration of a run with "
            "judge.method=pairwise, such as r1@3"
        )
    if not by_principle(compared):
        raise UsageError(
            f"{address} was judged with judge.together=true: all principles stood in one question, and none has a vote "
            "of its own; name an iteration that asked by each"
        )
    return compared


def lint_measured(read: Linted, found: Measured) -> Iterator[Finding]:
    """Principles that were never asked, never decide, turn with the order or with wording, or always vote alike."""
    for one in read.principles:
        own = found.votes.get(one.id)
        if own is None:
            if "comparison" in one.use:
                yield read.about(
                    "uncovered", one, f"no comparison of {found.address} asked by it alone",
                    "raise judge.principles, widen its scope, or drop it", "id",
                )  # fmt: skip
            continue
        if _below(proportion(own.decided, own.asked), RARELY):
            yield read.about(
                "never decides", one, f"it prefers an answer in {own.decided} of {own.asked} comparisons",
                "say what two answers could differ in, or drop it", "id",
            )  # fmt: skip
        if _above(proportion(own.flipped, own.both), MOSTLY):
            yield read.about(
                "flips with order", one, f"its verdict turns with the order in {own.flipped} of {own.both} comparisons",
                "say it more plainly, set judge.consistent=true, or ask a better judge", "id",
            )  # fmt: skip
        turned, of = found.turned.get(one.id, (0, 0))
        if _above(proportion(turned, of), OFTEN):
            yield read.about(
                "turns with wording", one,
                f"said in other words it prefers the other answer in {turned} of {of} comparisons",
                "say more plainly what the answers are to differ in, or ask a better judge",
            )  # fmt: skip
    for (a, b), (same, of) in sorted(found.same.items()):
        if _above(proportion(same, of), ALWAYS) and b in {one.id for one in read.principles}:
            one, why = read.constitution.principle(b), f"it prefers what {a} does in {same} of {of} comparisons"
            yield read.about("overlapping", one, why, "merge them, or halve both weights", "id")


def lint_context(read: Linted, tokens: Callable[[str], float], context: int) -> Iterator[Finding]:
    """Questions that leave too little of a judge's `context` (tokens) for what they are about: by themselves, or by the
    words of a principle."""
    long: set[str] = set()
    for method, asked in {entry for one in read.principles for entry in question_by(read.constitution, _wordless(one))}:
        if (length := round(tokens(asked))) > (1 - ROOM) * context:
            long.add(method)
            yield read.finding(
                "context", ("questions", method),
                f"{method} takes {length} of the judge's {context} tokens by itself, whatever the principle",
                "shorten the question or show fewer exemplars (`selfsame constitution import FILE --like microworld` "
                "has short questions), or take a judge that reads more",
            )  # fmt: skip
    for one in read.principles:
        by_it = [(method, asked) for method, asked in question_by(read.constitution, one) if method not in long]
        lengths = [(round(tokens(asked)), method) for method, asked in by_it]
        length, method = max(lengths, default=(0, ""))
        if length > (1 - ROOM) * context:
            yield read.about(
                "context", one,
                f"with it {method} takes {length} of the judge's {context} tokens before anything is judged",
                "shorten the principle, show fewer exemplars, leave reasons out of `explain`, or take a judge that "
                "reads more",
            )  # fmt: skip


def _wordless(principle: Principle) -> Principle:
    """The principle with next to no words."""
    bare = {"text": "-", "reasons": "", "critique": "", "revision": "", "examples": Examples()}
    return principle.model_copy(update=bare)


def findings_text(findings: Sequence[Finding]) -> str:
    """One finding a line, as compilers have it."""
    return "\n".join(
        f"{one.file}:{one.line}: {one.rule}{f' [{one.principle}]' if one.principle else ''}: {one.why}; {one.todo}"
        for one in findings
    )


def _share(hits: int, n: int) -> str:
    return f"{hits / n:.0%} of {n}" if n else "-"


def _below(share: Estimate, limit: float) -> bool:
    return share.high is not None and share.high < limit


def _above(share: Estimate, limit: float) -> bool:
    return share.low is not None and share.low > limit
