"""Who judges, one or several, and what several conclude together.

Each member of a panel judges every case by itself and knows of no other; its judgments are rows of their own, and so
are the panel's. Where there is a panel, the panel's rows are the ones that count.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from judges.dialogue import Judge
from judges.preference import PreferenceModel
from judges.verifier import Verifier
from judges.voting import EXACT, commonest
from loop.config_judge import Rule
from loop.desk import Desk
from loop.judging import Case, judged_shards
from loop.own_judge import own_judge
from loop.preference_models import seated
from loop.proven import seat
from loop.steps.past import policy_before
from loop.steps.turn import Turn
from runs.canonical import digest
from runs.errors import ConfigError
from runs.lineage import resolve
from runs.records import Judgment, Unscored


@dataclass(frozen=True)
class Bench:
    """Those who judge, by the digests of their weights; `rule` is None for a judge that sits alone."""

    members: tuple[str, ...]
    rule: Rule | None

    @property
    def digest(self) -> str:
        """Who has the say: the one judge, or the panel, in whatever order its members are named."""
        return digest({"panel": sorted(self.members), "rule": self.rule}) if self.rule else self.members[0]


def bench(desk: Desk, turn: Turn, answering: str) -> Bench:
    """Who judges the answers of the policy `answering`: this turn's policy, or the candidate that follows it.

    Whoever is named in several ways sits once. A verifier is nobody's model, and is called by what it does. Raises
    ConfigError for an adapter of another base model.
    """
    settings = desk.config.judge
    if settings.method == Verifier.method:
        return Bench((digest({"verifier": settings.way(), "version": Verifier.version}),), None)
    if settings.method == PreferenceModel.method:
        return Bench((seated(desk, turn),), None)
    members = tuple(dict.fromkeys(_policy(desk, turn, answering, name) for name in settings.sitting))
    return Bench(members, settings.panel_rule if settings.panel else None)


def _policy(desk: Desk, turn: Turn, answering: str, name: str) -> str:
    if name == "previous":
        return policy_before(desk, turn) if answering == turn.policy else turn.policy
    if name == "own":
        return own_judge(desk, turn, answering)
    if name == "proven":
        return seat(desk, turn).policy
    named = {"self": answering, "seed": turn.seed_policy}
    if desk.judge_base is not None:
        named["base"] = desk.judge_base.digest
    if desk.endpoint is not None:
        named["endpoint"] = desk.endpoint.digest
    if name in named:
        return named[name]
    policy = resolve(desk.store, name).iteration.policy
    if policy != desk.base.digest and desk.store.adapter(policy).base != desk.base.digest:
        raise ConfigError(
            f"judge.adapter={name} is an adapter of another base model than model.base={desk.config.model.base}"
        )
    return policy


def judged_by(
    desk: Desk, address: str, judge: Judge, who: Bench, cases: Sequence[Case], way: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """The shards with the judgments of each different case: the panel's, if it is one, and those of all who sit.

    `way` tells `judge` from every other one; None where it is the one that the configuration asks for.
    """
    by_member = [judged_shards(desk, address, judge, member, cases, way) for member in who.members]
    of_members = tuple(shard for shards in by_member for shard in shards)
    if who.rule is None:
        return of_members
    side_by_side = zip(*(desk.store.rows_of("judgments", shards) for shards in by_member), strict=True)
    return (desk.store.put_rows("judgments", [together(own, who) for own in side_by_side]), *of_members)


def together(members: Sequence[Judgment], who: Bench) -> Judgment:
    """The panel's judgment of what all its members judged.

    All must have scored a single answer: means over different judges compare nothing. Of two answers the mean counts
    all, `unanimous` wants all to prefer the same one, and `majority` more than half, and takes the mean of those. What
    the rule does not decide is ABSTAINED, a mean of one half a TIE; where all are wanted and some have no verdict,
    theirs is the reason. Raises ValueError for judgments of different things.
    """
    if len({own.judged for own in members}) != 1:
        raise ValueError(f"a panel's members judged different things: {[own.judged for own in members]}")
    concluded = _concluded(members, who.rule)
    probabilities = [own.probability for own in members if own.probability is not None]
    return replace(
        members[0],
        adapter=who.digest,
        by="panel",
        replies=(),
        score=None if isinstance(concluded, Unscored) else concluded,
        unscored=concluded if isinstance(concluded, Unscored) else None,
        probability=statistics.fmean(probabilities) if len(probabilities) == len(members) else None,
    )


def _concluded(members: Sequence[Judgment], rule: Rule | None) -> float | Unscored:
    scores = [own.score for own in members if own.score is not None]
    if rule == "majority":
        first, second = ([s for s in scores if s > 0.5], [s for s in scores if s < 0.5])
        more = max(first, second, key=len)
        return statistics.fmean(more) if len(more) > len(members) / 2 else Unscored.ABSTAINED
    if len(scores) < len(members):
        return commonest([own.unscored for own in members if own.unscored is not None])
    if rule == "unanimous" and not _one_side(scores):
        return Unscored.ABSTAINED
    mean = statistics.fmean(scores)
    return Unscored.TIE if members[0].target == "pair" and abs(mean - 0.5) < EXACT else mean


def _one_side(scores: Sequence[float]) -> bool:
    return all(score > 0.5 for score in scores) or all(score < 0.5 for score in scores)


def decisive(judgments: Sequence[Judgment]) -> list[Judgment]:
    """The judgments that count: the panel's where one sat, else all."""
    return [own for own in judgments if own.by == "panel"] or list(judgments)


def panel_metrics(judgments: Sequence[Judgment], prefix: str) -> dict[str, float | None]:
    """What a panel cost in verdicts and how far its members were apart; nothing where none sat or all were silent.

    `dropped_frac` is the share of cases on which some member has a verdict and the panel has none. Of the cases that
    all members decided, `split_frac` is the share on which they prefer different answers, or, where single answers are
    scored, `spread_mean` the mean of highest less lowest score.
    """
    verdicts = {own.judged: own for own in judgments if own.by == "panel"}
    if not verdicts:
        return {}
    members: dict[tuple[str, ...], list[Judgment]] = {judged: [] for judged in verdicts}
    for own in judgments:
        if own.by != "panel":
            members[own.judged].append(own)
    dropped = [
        verdict.score is None and any(own.score is not None for own in members[judged])
        for judged, verdict in verdicts.items()
    ]
    decided = [
        scores
        for sat in members.values()
        if sat and len(scores := [own.score for own in sat if own.score is not None]) == len(sat)
    ]
    if any(own.target == "pair" for own in judgments):
        apart = {"panel_split_frac": [float(not _one_side(scores)) for scores in decided]}
    else:
        apart = {"panel_spread_mean": [max(scores) - min(scores) for scores in decided]}
    return {
        f"{prefix}panel_dropped_frac": statistics.fmean(dropped),
        **{f"{prefix}{name}": statistics.fmean(values) for name, values in apart.items() if values},
    }
