"""From findings to a verdict: what becomes of the candidate, and what the next decision has to know.

The severest action of what did not pass decides. `warn` and `brake` promote all the same. Distribution and
optimisation move in sound runs too, so that each alone at most brakes by default; two groups that brake at once are
taken for evidence, and roll back. Evidence on quality or on the judge rolls back by itself. The best so far is the
policy that was last promoted on evidence of a gain over the best before it, beginning with the seed: chance alone
replaces it rarely, whereas the highest mean of several is too high by itself. What a person took past a halt replaces
it too; and where no paired test is asked, every one that is promoted without a brake. What is rolled back to is it, or
that of the last ones promoted against which the loss is clearest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from loop.config_guards import Guards
from loop.guards.finding import ACTIONS, Action, Finding
from loop.guards.references import ANEW
from runs.records import Verdict

RECENT = 4
"""How many policies promoted last are held against, beside the best so far: a fall of so many steps is seen whole."""


@dataclass(frozen=True)
class Kept:
    """A policy that was measured: in which iteration, the output digests of that iteration's steps, and by what."""

    index: int
    policy: str
    outputs: dict[str, str] = field(default_factory=dict)
    yardsticks: dict[str, str] = field(default_factory=dict)

    @property
    def is_measured(self) -> bool:
        """Whether it was measured: what a guard blocked before that was not."""
        return "measure" in self.outputs


@dataclass(frozen=True)
class Standing:
    """What the decisions up to one leave to the next.

    `previous` is the policy promoted last, `best` the best so far, `first` the first one that was trained and promoted,
    `recent` are the last ones promoted after the best, the newest last: a proven gain is never undone.
    `looks` counts the iterations whose paired tests were asked, `held` those in a row that promoted nothing, `braked`
    those that braked since there was evidence of a gain: a step that was too far is not tried again because a smaller
    one was not. Where no test could find one, those in a row. `anew` are the promoted ones since which something is
    measured otherwise than before, and what was the best before a person went past a halt: of what the others lack they
    are the references.
    """

    seed: Kept
    previous: Kept
    best: Kept
    first: Kept | None = None
    recent: tuple[Kept, ...] = ()
    looks: int = 0
    held: int = 0
    braked: int = 0
    anew: tuple[Kept, ...] = ()

    @staticmethod
    def at_seed(seed: Kept) -> "Standing":
        """Before anything was decided."""
        return Standing(seed, seed, seed)

    def references(self) -> dict[str, Kept]:
        """Whose numbers those of the next iteration are held against, by what limits call them."""
        known = {"seed": self.seed, "previous": self.previous, "best": self.best}
        return known | ({"first": self.first} if self.first else {})


@dataclass(frozen=True)
class Conclusion:
    """The verdict, the policy that the next iteration starts from, and all that was found, with what follows from it.

    `standing` is for the next decision; its `braked` says how hard the next iteration is to be braked, 0 for not at
    all.
    """

    verdict: Verdict
    policy: str
    findings: tuple[Finding, ...]
    standing: Standing

    @property
    def failed(self) -> list[Finding]:
        """What did not pass."""
        return [finding for finding in self.findings if not finding.passed]


def conclude(guards: Guards, findings: Sequence[Finding], now: Kept, standing: Standing | None) -> Conclusion:
    """What follows from `findings` about the candidate `now`; `standing` is None for the seed itself.

    The seed is promoted or, where anything blocks, halted: there is nothing before it to keep.
    """
    if standing is None:
        blocked = any(finding.blocks for finding in findings)
        return Conclusion("halt" if blocked else "promote", now.policy, tuple(findings), Standing.at_seed(now))
    found = list(findings)
    groups = sorted({one.group for one in found if _at_least(one, "brake")})
    if len(groups) > 1 and not any(one.blocks for one in found):
        found.append(_rule("two_groups", len(groups), 1, f"{' and '.join(groups)} braked at once", "roll_back"))
    tests = _tests_of_gain(found)
    gained = any(one.limit is not None and one.beside["gain_log10_e"] >= one.limit for one in tests)
    if guards.promote == "on_gain" and not gained and not any(one.blocks for one in found):
        found.append(_rule("no_gain", None, None, "there is no evidence of a gain over the best so far", "reject"))
    if any(one.blocks for one in found) and standing.held + 1 >= guards.patience:
        says = f"{standing.held + 1} iterations in a row promoted nothing"
        found.append(_rule("patience", standing.held + 1, guards.patience, says, "halt"))
    severest = _severest(found)
    # What lost against an older one, or against the seed's judge, leaves that doubtful which was promoted since.
    lost = [one for one in found if not one.passed and one.action == "roll_back"]
    kept = back_to(lost, standing) if lost else standing.previous if severest else now
    verdict: Verdict = "promote" if severest is None else "halt" if severest == "halt" else "reject"
    if severest == "roll_back" and kept.policy != standing.previous.policy:
        verdict = "roll back"
    asked = any("alpha" in one.beside for one in found)
    better = verdict == "promote" and (gained or not (asked or groups))
    starts_anew = any(ANEW in one.beside for one in found)
    after = Standing(
        seed=standing.seed,
        previous=kept,
        best=now if better else standing.best,
        first=next(iter(_standing((standing.first or now,), kept)), None),
        recent=() if better else _standing((*standing.recent, now), kept)[-RECENT:],
        looks=standing.looks + asked,
        held=0 if verdict == "promote" else standing.held + 1,
        braked=standing.braked + 1 if groups else 0 if gained or not tests else standing.braked,
        anew=_standing((*standing.anew, now) if starts_anew else standing.anew, kept),
    )
    return Conclusion(verdict, kept.policy, tuple(found), after)


def accepted(candidate: Kept | None, standing: Standing, starts_anew: bool) -> Standing:
    """What stands after a person went past a halt: the candidate is promoted; the policy stays where there was none.

    What was measured is the best so far from then on, as if it had proven a gain: what a person took for good enough is
    what later ones are held against, and is gone back to. Of what is missing of it the best before stays the reference.
    `starts_anew` says that something of it was measured otherwise than before.
    """
    after = replace(standing, previous=candidate or standing.previous, held=0, braked=0)
    if candidate is None or not candidate.is_measured:
        return after
    anew = (*standing.anew, standing.best, *((candidate,) if starts_anew else ()))
    return replace(after, best=candidate, first=standing.first or candidate, recent=(), anew=anew)


def wants_word(guards: Guards, index: int, conclusion: Conclusion) -> bool:
    """Whether a person has to say that the decision may stand. The seed and a halt wait for nobody."""
    if conclusion.verdict == "halt" or index == 0:
        return False
    how, _, every = guards.approve.partition(" ")
    if how == "every":
        return index % int(every or 1) == 0
    return how == "on_warn" and bool(conclusion.failed)


def _tests_of_gain(found: Sequence[Finding]) -> list[Finding]:
    """The tests against the best so far by which it is replaced: those of quality, where there are any.

    A frozen judge that is fooled finds gains too.
    """
    tests = [one for one in found if "gain_log10_e" in one.beside]
    return [one for one in tests if one.group == "quality"] or tests


def _standing(known: tuple[Kept, ...], kept: Kept) -> tuple[Kept, ...]:
    """Those up to the policy that is kept: what is undone, or was not promoted, is no reference."""
    return tuple(one for one in known if one.index <= kept.index)


def back_to(lost: Sequence[Finding], standing: Standing) -> Kept:
    """Which policy stands again: that against which the evidence of a loss is strongest, else the best so far.

    None older than the best: a proven gain is never undone.
    """
    compared = [one for one in lost if "worst" in one.beside and one.observed is not None]
    if not compared:
        return standing.best
    index = max(compared, key=lambda one: one.observed or 0.0).beside["worst"]
    since = (one for one in (*standing.recent, *standing.anew) if one.index > standing.best.index)
    return next((one for one in since if one.index == index), standing.best)


def _severest(found: Sequence[Finding]) -> Action | None:
    """The severest action of what blocks; None where nothing does."""
    blocking = [one.action for one in found if one.blocks]
    return max(blocking, key=ACTIONS.index) if blocking else None


def _at_least(finding: Finding, action: Action) -> bool:
    return not finding.passed and ACTIONS.index(finding.action) >= ACTIONS.index(action)


def _rule(name: str, observed: float | None, limit: float | None, says: str, action: Action) -> Finding:
    return Finding(name, "", observed, limit, False, says, "quality", action)
