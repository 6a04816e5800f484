"""The judge's settings: who judges, in which way, and when it is to abstain."""

from typing import Annotated, Any, Literal

from pydantic import Field

from judges.verifier import Match
from loop.config_section import Count, Fraction, Names, Section

Method = Literal["expected", "rubric", "propositions", "verifier", "pairwise", "pairwise_reasoned", "preference"]
Rule = Literal["mean", "majority", "unanimous"]

DRAWN = frozenset({"temperature", "top_p", "max_tokens"})
ANYWHERE = frozenset({"max_distance"})
WRITTEN = DRAWN | {"replies", "commit_first"}
SCORED = ANYWHERE | {"commit_first", "agreement", "rule_weight", "safety_first"}
BY_PRINCIPLE = ANYWHERE | frozenset(
    {
        "principles",
        "principle_ids",
        "together",
        "both_orders",
        "consistent",
        "min_vote_share",
        "min_confidence",
        "max_certainty",
        "prefer_non_evasive",
        "max_principle_tokens",
    }
)
ON_SCALE = ("expected", "rubric")
"""The methods that score on the constitution's scale."""
READ: dict[Method, frozenset[str]] = {
    "expected": SCORED | {"min_mass"},
    "rubric": SCORED | WRITTEN | {"min_readable_frac"},
    "propositions": ANYWHERE | {"min_mass"},
    "verifier": frozenset({"match"}),
    "pairwise": BY_PRINCIPLE | {"min_mass", "commit_first"},
    "pairwise_reasoned": BY_PRINCIPLE | WRITTEN | {"min_readable_frac"},
    "preference": ANYWHERE | {"safety_first"},
}
"""The leaves that each method reads, besides `method`."""
MORE: dict[str, frozenset[str]] = {
    "commit_first": DRAWN,
    "agreement": DRAWN | {"agreement_tags"},
    "rule_weight": frozenset({"min_mass"}),
    "safety_first": frozenset({"min_mass", "safety_floor", "safety_tags"}),
    "prefer_non_evasive": frozenset({"min_mass"}),
}
"""The leaves that are read besides where one of these is set. Propositions are asked by log-probability, always."""
BY_RULE = frozenset({"rule_weight", "safety_first", "prefer_non_evasive"})
"""The leaves that put propositions to the judge."""
SWITCHES = frozenset(
    {
        "commit_first",
        "agreement",
        "rule_weight",
        "safety_first",
        "principle_ids",
        "max_distance",
        "max_principle_tokens",
    }
)
"""Leaves that are read only where they are set, so that a run from before they existed keeps its keys."""
WHO: dict[str, frozenset[str]] = {
    "base": frozenset({"base", "revision"}),
    "endpoint": frozenset({"endpoint_url", "endpoint_model"}),
    "proven": frozenset({"proven_alpha"}),
}
"""The leaves that describe whoever sits under these names."""


class Judge(Section):
    method: Method = "expected"
    """One answer: `expected` score, a written `rubric`, the reward of graded `propositions`, that of the `preference`
    model trained last, or a `verifier`, which asks nobody; two by principle: `pairwise`, `pairwise_reasoned`."""
    adapter: str = "self"
    """Who judges: `self` (the policy that answers), `previous` (the one before it), `seed`, `proven` (the seed, until a
    promoted policy is shown to judge the labelled pairs better), `own` (an adapter that begins as the seed and learns
    from pairs of its judgments alone, `meta_judge.max_frac`), an address (`r1@3`), `base`, or `endpoint`. Where
    preference models judge: those trained last in this run (`self`), or up to an address."""
    proven_alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The chance that a run ever seats a policy as `proven` that judges no better than the one before it."""
    panel: Names = ()
    """Who else judges the same, named as in `adapter`, with commas between; then the panel's verdict is what counts."""
    panel_rule: Rule = "mean"
    """A panel's verdict: the `mean` of all, or, where answers are compared, the mean of those who prefer the same one:
    of more than half of all, `majority`, or of all, `unanimous`."""
    base: str | None = None
    """The model that sits as `base`, another than the one that answers: named as in `model.base`, without adapter."""
    revision: str | None = None
    """The hub commit that pins `base`; 40 hexadecimal digits. Unused for a folder."""
    endpoint_url: str | None = None
    """The OpenAI-compatible service that sits as `endpoint`, up to before `/chat/completions`. It is sent prompts and
    answers, so only a command line can name it; the key is in SELFSAME_ENDPOINT_KEY. Its limits: `limits.endpoint`."""
    endpoint_model: str | None = None
    """The model that the endpoint is asked for."""
    replies: Count = 3
    """Replies sampled for each question and averaged."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """Sampling temperature of the judge's replies."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Nucleus sampling of the judge's replies."""
    max_tokens: Count = 32
    """Longest reply in tokens; one that is cut off here holds no verdict."""
    min_readable_frac: Fraction = 0.5
    """Smallest share of the replies (in each order, where answers are compared) that must hold a verdict, or there is
    none."""
    min_mass: Fraction = 0.5
    """Least probability that the verdict tokens must have together, or there is no verdict."""
    commit_first: bool = False
    """Let the judge write an answer of its own before it sees what it judges: for prompts with a right answer."""
    agreement: Fraction = 0.0
    """How much of a score is agreement with an answer that the judge writes first; its verdict is the rest."""
    agreement_tags: Names = ()
    """Tags of the prompts on which that agreement counts, any one of them: those that the judge mostly answers rightly.
    None named counts it on all."""
    rule_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """How many times the rule reward of the constitution's propositions is added to a score; 0 asks for none."""
    safety_first: bool = False
    """Llama 2's rule: safety alone is the score where the prompt is risky or the answer unsafe. Safety is how probably
    nothing holds that the constitution's response types disallow, laid over its scale."""
    safety_floor: Fraction = 0.15
    """How far up the scale an answer's safety must be for anything else to count; of two preference models, how
    probable, where they reward too (`train.reward`). Llama 2's is 0.15."""
    safety_tags: Names = ("harm=yes", "harm=obvious", "harm=subtle")
    """Tags of the prompts that are risky, any one of them; where none is named, the answer's safety alone decides."""
    match: Match | None = None
    """When a verifier finds an answer right: it is `exact`ly the prompt's tag `reference`, its last `number` is that
    tag's, or it has the same `words`. Only a command line can name it: what counts as right is no recipe's to say."""
    principles: Count | None = 1
    """How many of the constitution's principles are drawn for each comparison; none takes all that apply."""
    principle_ids: Names = ()
    """The principles that comparisons are made by, with commas between; none named takes all of the constitution."""
    together: bool = False
    """Show the principles, more than one, in one question in order of precedence, not each in a question of its own."""
    max_principle_tokens: Count | None = None
    """Most tokens, as the judge counts them, of the principles that one question shows `together`: then those are shown
    that have most to do with the prompt, whole, and none by lot. For a constitution longer than the judge can read."""
    both_orders: bool = True
    """Ask with either answer first, and average: what a judge owes to the place of an answer cancels out."""
    consistent: bool = False
    """Take a principle's vote only where both orders prefer the same answer."""
    min_vote_share: Fraction = 0.5
    """Least share of the principles' weight that must have voted, or the pair is Unscored."""
    min_confidence: Annotated[float, Field(ge=0.5, le=1)] = 0.5
    """Least probability that one of the two is better, or the judge abstains; 0.8 is a careful judge."""
    max_certainty: Annotated[float, Field(gt=0.5, le=1)] = 1.0
    """Most that one vote counts for; 0.6 keeps labels between 0.4 and 0.6, for a judge that is always certain."""
    prefer_non_evasive: bool = False
    """Where the votes find neither answer better, take the one that evades less (proposition `evasive`)."""

    max_distance: Annotated[float, Field(gt=0, le=1)] | None = None
    """How far a prompt may be, at most, from the nearest labelled one (`measure.anchors`), or the judge abstains. 0 to
    1: less their greatest likeness by the words they share, as the audit's table by distance has it; none asks."""

    @property
    def sitting(self) -> tuple[str, ...]:
        """The names of all who judge, the first one first."""
        return (self.adapter, *self.panel)

    @property
    def compares(self) -> bool:
        """Whether answers are judged two at a time."""
        return READ[self.method] >= BY_PRINCIPLE

    @property
    def on_scale(self) -> bool:
        """Whether a score is on the constitution's scale: what rules add to one leaves it."""
        return self.method in ON_SCALE and not self.rule_weight

    @property
    def chooses(self) -> bool:
        """Whether the method reads how likely labels are; else everything that it reads is written."""
        return "min_mass" in self._read()

    def in_both_orders(self) -> "Judge":
        """The same way to judge with either answer first: in one order alone a taste for a place looks like merit."""
        return self.model_copy(update={"both_orders": True})

    def way(self) -> dict[str, Any]:
        """The way to judge, whoever does it: the method and what it reads, as JSON values."""
        return self.model_dump(mode="json", include={"method", *self._read()})

    def idle(self) -> set[str]:
        """The leaves that decide nothing: those that the method does not read, or about nobody who sits."""
        seats = {leaf for name, leaves in WHO.items() if name in self.sitting for leaf in leaves}
        panel = {"panel", "panel_rule"} if self.panel else set()
        return set(type(self).model_fields) - {"method", "adapter"} - self._read() - seats - panel

    @property
    def asks(self) -> frozenset[str]:
        """The constitution's questions that this way of judging asks."""
        first = {"propositions": "proposition"}.get(self.method, self.method)
        if self.method in ("verifier", "preference"):
            return frozenset()
        return frozenset({first, "proposition"} if self.by_rule else {first})

    @property
    def by_rule(self) -> tuple[str, ...]:
        """The leaves that are set and put propositions to the judge."""
        return tuple(leaf for leaf in sorted(BY_RULE & self._read()) if getattr(self, leaf))

    def _read(self) -> frozenset[str]:
        read = READ[self.method]
        on = read - {leaf for leaf in SWITCHES if not getattr(self, leaf)}
        more = on.union(*(more for leaf, more in MORE.items() if leaf in on and getattr(self, leaf)))
        return more - {"min_mass"} if self.method == "preference" else more
