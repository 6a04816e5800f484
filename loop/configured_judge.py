"""The judge that a configuration asks for."""

from constitutions.load import Constitution
from judges.dialogue import Judge
from judges.expected import Expected
from judges.pairwise import Pairwise
from judges.rubric import Rubric
from judges.voting import Voting
from loop.config_judge import Judge as Settings


def configured_judge(settings: Settings, constitution: Constitution) -> Judge:
    """The way to judge that `settings.method` names, with the settings that it reads."""
    match settings.method:
        case "expected":
            return Expected(constitution, settings.min_mass)
        case "rubric":
            return Rubric(constitution, settings.replies, settings.min_readable_frac)
        case "pairwise" | "pairwise_reasoned":
            return Pairwise(
                constitution,
                Voting(settings.min_vote_share, settings.min_confidence, settings.max_certainty, settings.consistent),
                settings.min_mass,
                settings.principles,
                settings.together,
                settings.replies if settings.method == "pairwise_reasoned" else 0,
                settings.prefer_non_evasive,
                settings.both_orders,
            )
