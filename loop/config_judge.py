"""The judge's settings: who judges, in which way, and when it is to abstain."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from loop.config_section import Count, Fraction, Section

Method = Literal["expected", "rubric", "pairwise", "pairwise_reasoned"]
Rule = Literal["mean", "majority", "unanimous"]

WRITTEN = frozenset({"replies", "temperature", "top_p", "max_tokens"})
BY_PRINCIPLE = frozenset(
    {
        "principles",
        "together",
        "both_orders",
        "consistent",
        "min_vote_share",
        "min_confidence",
        "max_certainty",
        "prefer_non_evasive",
    }
)
READ: dict[Method, frozenset[str]] = {
    "expected": frozenset({"min_mass"}),
    "rubric": WRITTEN | {"min_readable_frac"},
    "pairwise": BY_PRINCIPLE | {"min_mass"},
    "pairwise_reasoned": BY_PRINCIPLE | WRITTEN,
}
"""The leaves that each method reads, besides `method`."""
WHO: dict[str, frozenset[str]] = {
    "base": frozenset({"base", "revision"}),
    "endpoint": frozenset({"endpoint_url", "endpoint_model"}),
}
"""The leaves that describe whoever sits under these names."""


def _names(given: Any) -> Any:
    """A list as the command line spells it, `seed,r1@3` or `["seed", "r1@3"]`; anything else as it is."""
    if given is None:
        return ()
    if not isinstance(given, str):
        return given
    names = (name.strip(" \"'") for name in given.strip().removeprefix("[").removesuffix("]").split(","))
    return tuple(name for name in names if name)


class Judge(Section):
    method: Method = "expected"
    """One answer: `expected` score, or a written `rubric`; two by principle: `pairwise`, `pairwise_reasoned`."""
    adapter: str = "self"
    """Who judges: `self` (the policy that answers), `previous` (the one before it), `seed`, an address (`r1@3`; so an
    adapter that was trained to judge is put in this seat by a person, on evidence), `base`, or `endpoint`."""
    panel: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
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
    """Smallest share of the replies that must hold a verdict, or the answer is Unscored."""
    min_mass: Fraction = 0.5
    """Least probability that the verdict tokens must have together, or there is no verdict."""
    principles: Count | None = 1
    """How many of the constitution's principles are drawn for each comparison; none takes all that apply."""
    together: bool = False
    """Show the principles in one question, in order of precedence, rather than each in a question of its own."""
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

    @property
    def sitting(self) -> tuple[str, ...]:
        """The names of all who judge, the first one first."""
        return (self.adapter, *self.panel)

    @property
    def compares(self) -> bool:
        """Whether answers are judged two at a time."""
        return READ[self.method] >= BY_PRINCIPLE

    @property
    def chooses(self) -> bool:
        """Whether the method reads how likely labels are; else everything that it reads is written."""
        return "min_mass" in self._read()

    def way(self) -> dict[str, Any]:
        """The way to judge, whoever does it: the method and what it reads, as JSON values."""
        return self.model_dump(mode="json", include={"method", *self._read()})

    def idle(self) -> set[str]:
        """The leaves that decide nothing: those that the method does not read, or about nobody who sits."""
        seats = {leaf for name, leaves in WHO.items() if name in self.sitting for leaf in leaves}
        panel = {"panel", "panel_rule"} if self.panel else set()
        return set(type(self).model_fields) - {"method", "adapter"} - self._read() - seats - panel

    def _read(self) -> frozenset[str]:
        # Whether an answer evades is asked by log-probability, whatever the method.
        more = {"min_mass"} if self.compares and self.prefer_non_evasive else set()
        return READ[self.method] | more
