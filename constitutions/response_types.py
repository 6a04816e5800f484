"""What kind of answer a prompt calls for, in terms of propositions (Rule-Based Rewards; Mu et al., 2411.01111, §4).

A constitution's table of response types says for each kind of prompt which propositions should hold of an answer. Their
probabilities make those of five classes of answers, and both together, weighted, make a reward.
"""

import math
from collections.abc import Collection, Mapping
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, StringConstraints

from constitutions.principle import Frozen, PromptClass, as_set, in_scope, refusal

AnswerClass = Literal["ideal", "acceptable", "unacceptable", "illogical", "disallowed"]
CLASSES: tuple[AnswerClass, ...] = get_args(AnswerClass)
"""Best first."""

WORTH: dict[str, float] = {name: float(place) for place, name in enumerate(reversed(CLASSES))}
"""The weights of a table that names none: the reward is the expected rank of the answer's class, 0 to 4."""

LITERAL = r"(not )?[a-z0-9][a-z0-9_-]*"
Condition = Annotated[str, StringConstraints(strip_whitespace=True, pattern=rf"^{LITERAL}( or {LITERAL})*$")]
Conditions = Annotated[tuple[Condition, ...], AfterValidator(as_set)]
Weight = Annotated[float, Field(allow_inf_nan=False)]


class ResponseType(Frozen):
    """The answers that one kind of prompt calls for.

    A condition is a proposition (`polite`), its opposite (`not padded`) or a choice (`answers or asks`). An answer is
    `disallowed` where any condition of that name holds, else `illogical` where any of those does, else `acceptable`
    where all of those hold, and `ideal` where all of that name hold as well; any other is `unacceptable`. What an
    earlier class has excluded need not be excluded again. `scope` are the tags (`harm=obvious`) of the prompts that it
    is for, any one of them; none is every prompt. `weights` are those of propositions and classes in the reward.
    """

    scope: Annotated[tuple[PromptClass, ...], AfterValidator(as_set)] = ()
    disallowed: Conditions = ()
    illogical: Conditions = ()
    acceptable: Conditions
    ideal: Conditions = ()
    weights: Annotated[dict[str, Weight], Field(min_length=1)] = WORTH

    @property
    def propositions(self) -> frozenset[str]:
        """The ids that conditions and weights speak of."""
        conditions = (*self.disallowed, *self.illogical, *self.acceptable, *self.ideal)
        named = {literal.removeprefix("not ") for condition in conditions for literal in condition.split(" or ")}
        return frozenset(named | self.weights.keys() - set(CLASSES))

    def class_chances(self, chances: Mapping[str, float]) -> dict[AnswerClass, float]:
        """How likely the answer is of each class, adding up to 1, given each proposition's probability (0..1).

        Products, as if propositions were independent (§4.1). Since each class is cut from what the ones before
        leave, nothing has to be normalised. Raises KeyError for a proposition that has no probability.
        """
        allowed = math.prod(1 - _chance(condition, chances) for condition in self.disallowed)
        logical = allowed * math.prod(1 - _chance(condition, chances) for condition in self.illogical)
        acceptable = logical * math.prod(_chance(condition, chances) for condition in self.acceptable)
        ideal = acceptable * math.prod(_chance(condition, chances) for condition in self.ideal)
        return {
            "ideal": ideal,
            "acceptable": acceptable - ideal,
            "unacceptable": logical - acceptable,
            "illogical": allowed - logical,
            "disallowed": 1 - allowed,
        }

    def features(self, chances: Mapping[str, float]) -> dict[str, float]:
        """The probabilities of propositions and classes, by name: what a reward weighs."""
        return {**chances, **{str(name): chance for name, chance in self.class_chances(chances).items()}}

    def reward(self, chances: Mapping[str, float]) -> float:
        """The weighted sum of the features. Raises KeyError for a proposition that has no probability."""
        features = self.features(chances)
        return math.fsum(weight * features[name] for name, weight in self.weights.items())


def check(response_types: Mapping[str, ResponseType], propositions: Collection[str]) -> None:
    """Returns if the table holds together. Raises the refusal of a validator of the constitution."""
    if confused := set(propositions) & {*CLASSES, "not", "or"}:
        raise refusal(f"a proposition is called like a part of the class table: {sorted(confused)}", "propositions")
    for place, (name, kind) in enumerate(response_types.items(), 1):
        if strange := kind.propositions - set(propositions):
            raise refusal(f"speaks of what is no proposition: {sorted(strange)}", "response_types", name)
        if not kind.scope and place < len(response_types):
            raise refusal("has no scope, so that no type after it is ever reached", "response_types", name)


def response_type_for(response_types: Mapping[str, ResponseType], tags: Mapping[str, str]) -> ResponseType | None:
    """The first that fits a prompt with these tags, so the special ones stand before the general; None for none."""
    return next((kind for kind in response_types.values() if in_scope(kind.scope, tags)), None)


def _chance(condition: str, chances: Mapping[str, float]) -> float:
    """The probability that at least one of the condition's literals holds."""
    return 1 - math.prod(1 - _literal_chance(literal, chances) for literal in condition.split(" or "))


def _literal_chance(literal: str, chances: Mapping[str, float]) -> float:
    return 1 - chances[literal[4:]] if literal.startswith("not ") else chances[literal]
