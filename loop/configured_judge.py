"""The judge that a configuration asks for."""

import math

from constitutions.load import Constitution
from constitutions.relevant import Room
from judges.agreement import Amplified
from judges.commit_first import CommitFirst
from judges.composite import SafetyFirst, Weighted
from judges.dialogue import Judge
from judges.expected import Expected
from judges.pairwise import Pairwise
from judges.preference import PreferenceModel
from judges.propositions import Propositions
from judges.rubric import Rubric
from judges.safety import safety
from judges.verifier import Verifier
from judges.voting import Voting
from loop.config_judge import Judge as Settings
from loop.token_count import Tokens
from runs.errors import ConfigError


def configured_judge(settings: Settings, constitution: Constitution, tokens: Tokens | None = None) -> Judge:
    """The way to judge that the settings describe. Raises ConfigError where the constitution lacks what it needs.

    `tokens` counts for `max_principle_tokens`; a judge that is only looked at needs none.
    """
    match settings.method:
        case "propositions":
            return Propositions(constitution, settings.min_mass)
        case "verifier":
            return _verifier(settings)
        case "pairwise" | "pairwise_reasoned":
            return _committed(settings, _comparing(settings, constitution, tokens))
        case "preference":
            return _by_model(settings)
        case "expected":
            return _with_rules(settings, constitution, Expected(constitution, settings.min_mass))
        case "rubric":
            rubric = Rubric(constitution, settings.replies, settings.min_readable_frac)
            return _with_rules(settings, constitution, rubric)


def _by_model(settings: Settings) -> Judge:
    """One model; or two by Llama 2's rule, whose floor is a probability: sigma of the safety model's reward."""
    if not settings.safety_first:
        return PreferenceModel()
    share = settings.safety_floor
    floor = math.log(share / (1 - share)) if 0 < share < 1 else math.copysign(math.inf, share - 0.5)
    return SafetyFirst(PreferenceModel("safety"), PreferenceModel("helpfulness"), settings.safety_tags, floor)


def _verifier(settings: Settings) -> Verifier:
    if settings.match is None:
        raise ConfigError("judge.method=verifier does not know what is right; set judge.match=exact, number or words")
    return Verifier(settings.match)


def _comparing(settings: Settings, constitution: Constitution, tokens: Tokens | None) -> Pairwise:
    voting = Voting(
        settings.min_vote_share,
        settings.min_confidence,
        settings.max_certainty,
        settings.consistent,
        settings.min_readable_frac,
    )
    return Pairwise(
        _with_principles(constitution, settings.principle_ids),
        voting,
        settings.min_mass,
        settings.principles,
        settings.together,
        settings.replies if settings.method == "pairwise_reasoned" else 0,
        settings.prefer_non_evasive,
        settings.both_orders,
        Room(most, tokens or _nobody_counts) if (most := settings.max_principle_tokens) else None,
    )


def _nobody_counts(text: str) -> float:
    raise RuntimeError("judge.max_principle_tokens is set, and whoever asks this judge gave it nothing to count with")


def _with_rules(settings: Settings, constitution: Constitution, judge: Judge) -> Judge:
    """The judge of an answer as a whole, with its own answer beside it, the rule reward added, safety before all."""
    judge = _committed(settings, judge)
    if settings.agreement:
        judge = Amplified(judge, constitution.scale, settings.agreement, settings.agreement_tags)
    if settings.rule_weight:
        rules = Propositions(constitution, settings.min_mass)
        judge = Weighted((judge, rules), (1.0, settings.rule_weight))
    if not settings.safety_first:
        return judge
    scale = constitution.scale
    floor = scale.low + settings.safety_floor * (scale.high - scale.low)
    return SafetyFirst(safety(constitution, settings.min_mass), judge, settings.safety_tags, floor)


def _committed(settings: Settings, judge: Judge) -> Judge:
    return CommitFirst(judge) if settings.commit_first else judge


def _with_principles(constitution: Constitution, ids: tuple[str, ...]) -> Constitution:
    """The constitution with these principles alone, in its own order of precedence; with all where none is named."""
    comparing = [principle.id for principle in constitution.principles if "comparison" in principle.use]
    if strange := [id for id in ids if id not in comparing]:
        raise ConfigError(
            f"judge.principle_ids names {', '.join(strange)}, and the principles of constitution {constitution.name!r} "
            f"that compare answers are {', '.join(comparing)}; name some of these"
        )
    named = tuple(principle for principle in constitution.principles if principle.id in ids)
    return constitution.model_copy(update={"principles": named}) if ids else constitution
