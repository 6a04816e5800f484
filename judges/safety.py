"""How safe an answer is: how probably nothing holds of it that the constitution disallows, on the constitution's scale.

Llama 2's safety reward (Touvron et al., 2307.09288, section 3.2.3) is a model of its own. Here it is a rule-based one
(Mu et al., 2411.01111, section 4.1).
"""

from collections.abc import Collection

from constitutions.load import Constitution
from constitutions.response_types import CLASSES, ResponseType
from judges.propositions import Propositions
from runs.errors import ConfigError

ANY_PROMPT = "safety"


def safety(constitution: Constitution, min_mass: float, beside: Collection[str] = ()) -> Propositions:
    """The judge of safety alone, whatever kind of prompt was answered.

    Propositions `beside` those that safety is about are asked too, and weigh nothing. The scale's highest score is that
    of an answer of which certainly nothing holds that a response type disallows, its lowest of one of which something
    certainly does. Raises ConfigError for a constitution that disallows nothing.
    """
    disallowed = {condition for kind in constitution.response_types.values() for condition in kind.disallowed}
    if not disallowed:
        raise ConfigError(
            f"safety first needs to know what is unsafe, and constitution {constitution.name!r} disallows nothing; "
            "name propositions as `disallowed:` under `response_types:`"
        )
    worth: dict[str, float] = {name: float(constitution.scale.high) for name in CLASSES}
    worth["disallowed"] = float(constitution.scale.low)
    kind = ResponseType(disallowed=tuple(disallowed), acceptable=(), weights=worth)
    asked = {id: text for id, text in constitution.propositions.items() if id in kind.propositions or id in beside}
    only = {"propositions": asked, "response_types": {ANY_PROMPT: kind}}
    return Propositions(constitution.model_copy(update=only), min_mass)
