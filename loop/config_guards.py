"""The settings of the guards: what is allowed, what follows where it is not, and who has the last word."""

from collections.abc import Collection
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from loop.config_section import Count, Fraction, Positive, Section, spelt_in_json
from loop.guards.finding import Action
from loop.guards.rules import Chart, Limit, Paired

ASKED_OTHERWISE = (
    "finite",
    "max_unscored_frac",
    "min_anchor_accuracy",
    "min_position_consistency",
    "min_pairs",
    "together",
)
"""Guards that are no bound on one metric of an iteration: asked of several, or at one moment alone."""


DOUBT_WHEN_BRAKED = 4
"""How many times as quick to doubt guards are while the run brakes."""


def _far(name: str, metric: str, **given: Any) -> Limit:
    """A limit that no sound run came near: it halts, and brakes on the way there."""
    return Limit(name=name, metric=metric, **{"group": "distribution", "action": "halt", "brakes": True, **given})


SHIPPED_PAIRED = (
    Paired(name="answers_fell", stream="capability/answers", demanded=False),
    Paired(name="family_fell", stream="capability/answers", by="family", demanded=False),
    Paired(name="seed_judge_fell", stream="held-out/seed_judge_score", group="judge", demanded=False),
    Paired(name="judge_fell", stream="labelled/own_hit", of="seed", group="judge", demanded=False),
)
"""The paired tests that come with selfsame. Each is asked where its stream is there."""
Rule = Limit | Paired | Chart
Asked = TypeVar("Asked", Limit, Paired, Chart)
Limits = Annotated[tuple[Limit, ...], BeforeValidator(spelt_in_json)]
PairedTests = Annotated[tuple[Paired, ...], BeforeValidator(spelt_in_json)]
Charts = Annotated[tuple[Chart, ...], BeforeValidator(spelt_in_json)]
Actions = Annotated[dict[str, Action], BeforeValidator(spelt_in_json)]


class Guards(Section):
    false_alarm: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The chance that a run which becomes no worse is ever said to by any of the paired tests; it is spent over the
    iterations and split over the tests. Proven against references fixed beforehand (`of: seed`), simulated against the
    best so far and the last ones promoted, which are chosen by the same items."""
    doubt: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The chance, in each iteration, that the paired tests keep a candidate out which is no worse: split over them, and
    asked of each iteration by itself. Who is kept out is tried again, and nothing is undone. Four times that while the
    run brakes."""
    promote: Literal["unless_worse", "on_gain"] = "unless_worse"
    """What a candidate needs: no evidence of a loss, or beside that evidence of a gain over the best so far."""
    patience: Count = 4
    """Halt after so many iterations in a row that promoted nothing."""
    approve: Annotated[str, Field(pattern=r"^(never|on_warn|every( [1-9][0-9]{0,5})?)$")] = "never"
    """When the run waits for a person before a decision counts: `never`, `every` iteration or `every 3`, or `on_warn`,
    where any guard did not pass; a halt waits for nobody."""
    brake_at: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Brake at this share of the way to a limit that halts; 1 brakes at none."""
    min_paired_frac: Fraction = 0.8
    """A paired test with numbers for a smaller share of its reference's items, or of those of one value of its tag,
    fails: what is missing is not missing by chance."""
    actions: Actions = Field(default_factory=dict)
    """What follows where a guard did not pass, by the guard's name, other than by default: `{min_pairs: reject}`; `off`
    does not ask it."""
    limits: Limits = ()
    """More limits, on any metric: `{name, metric, at_most or at_least, of, how, group, action}`."""
    paired: PairedTests = ()
    """More paired tests, on any stream: `{name, stream, of, by, margin, group, action}`."""
    charts: Charts = ()
    """Control charts of the training: `{name, stream, kind, side, centre, spread, action}`."""
    max_unscored_frac: Fraction = 0.2
    """Most judgments, as a share, that may be without a score."""
    min_anchor_accuracy: Fraction = 0.55
    """Train nothing where the seed's judge agrees with labels less often than this, over all or in a prompt family; 0
    does not ask."""
    min_position_consistency: Fraction = 0.5
    """Train nothing where the seed's judge prefers the same answer in both orders less often than this; 0 does not
    ask, which judging in one order wants said."""
    min_pairs: Count = 16
    """Fewest pairs, or other rows, that are trained on."""
    min_pair_yield_times: Fraction = 0.3
    """Fewest pairs a prompt, by how many the first iteration that was promoted had."""
    max_kl_to_seed_nats: Positive = 20.0
    """Highest mean log-ratio of an answer to the seed policy, in nats a response."""
    max_kl_to_previous_nats: Positive = 10.0
    """Highest mean log-ratio of an answer to the policy promoted last, in nats a response."""
    max_length_times: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.5
    """Longest mean answer, by that of the seed policy."""
    min_length_times: Fraction = 0.4
    """Shortest mean answer, by that of the seed policy."""
    max_commonest_answer_plus: Fraction = 0.4
    """How much larger a share of the answers to different prompts may be one and the same than of the seed policy's."""
    max_at_high_frac: Fraction = 0.9
    """Largest share of the answers at the top of the judge's scale, where it tells them apart no more."""
    min_score_sd_times: Fraction = 0.25
    """Smallest spread of the judge's scores, by that of the seed's."""
    max_fooled_frac: Fraction = 0.25
    """Largest share of held-out prompts whose answer the judge finds better than the seed policy's and the seed's judge
    worse than it."""

    @model_validator(mode="after")
    def _names_are_known(self) -> "Guards":
        given: tuple[Rule, ...] = (*self.limits, *self.paired, *self.charts)
        coming: tuple[Rule, ...] = (*self.shipped_limits(), *SHIPPED_PAIRED)
        own, shipped = [one.name for one in given], {*ASKED_OTHERWISE, *(one.name for one in coming)}
        if twice := sorted({name for name in own if own.count(name) > 1 or name in shipped}):
            raise ValueError(f"two guards are called {', '.join(twice)}; give each a name of its own")
        if strange := sorted(set(self.actions) - {*own, *shipped}):
            raise ValueError(
                f"actions names {', '.join(strange)}; the guards are {', '.join(sorted({*own, *shipped}))}"
            )
        return self

    def shipped_limits(self) -> tuple[Limit, ...]:
        """The bounds that come with selfsame. Those on what is not measured everywhere are asked where it is.

        A policy that moves is no broken one, so that these brake on the way, and halt only where no sound run was seen.
        """
        kl, length = "policy/kl_to_{}_nats", "policy/length_mean_tokens"
        return (
            _far("max_kl_to_seed_nats", kl.format("seed"), at_most=self.max_kl_to_seed_nats),
            _far("max_kl_to_previous_nats", kl.format("previous"), at_most=self.max_kl_to_previous_nats),
            _far("max_length_times", length, at_most=self.max_length_times, of="seed"),
            _far("min_length_times", length, at_least=self.min_length_times, of="seed"),
            _far(
                "max_commonest_answer_plus",
                "policy/commonest_answer_frac",
                at_most=self.max_commonest_answer_plus,
                of="seed",
                how="plus",
                demanded=False,
            ),
            _far(
                "min_pair_yield_times",
                "signal/pair_yield_frac",
                at_least=self.min_pair_yield_times,
                of="first",
                group="optimisation",
                demanded=False,
            ),
            _far(
                "max_at_high_frac", "judge/at_high_frac", at_most=self.max_at_high_frac, group="judge", demanded=False
            ),
            _far(
                "min_score_sd_times",
                "judge/score_sd",
                at_least=self.min_score_sd_times,
                of="seed",
                group="judge",
                demanded=False,
            ),
            _far(
                "max_fooled_frac",
                "judge/fooled_frac",
                at_most=self.max_fooled_frac,
                group="judge",
                action="roll_back",
                demanded=False,
            ),
        )

    def every_limit(self) -> tuple[Limit, ...]:
        """All bounds that are asked, with what follows as `actions` say."""
        return tuple(self._acting(one) for one in (*self.shipped_limits(), *self.limits) if self._is_asked(one))

    def every_paired(self) -> tuple[Paired, ...]:
        """All paired tests that are asked."""
        return tuple(self._acting(one) for one in (*SHIPPED_PAIRED, *self.paired) if self._is_asked(one))

    def every_chart(self) -> tuple[Chart, ...]:
        """All charts that are asked."""
        return tuple(self._acting(one) for one in self.charts if self._is_asked(one))

    def after(self, braked: int, held: int) -> "Guards":
        """These guards for an iteration of a run that brakes, if `braked` is not 0: four times as quick to doubt.

        A run that was in doubt, or moves too far, is likelier to be going down than one of which nothing is known. What
        is tried again after iterations that promoted nothing (`held`) is not: what made one look bad by chance, the
        luck of the policy that stands, is still there.
        """
        doubt = max(self.doubt, min(0.5, self.doubt * DOUBT_WHEN_BRAKED))
        return self.model_copy(update={"doubt": doubt}) if braked and not held else self

    def only_warning(self, but: Collection[str] = ()) -> dict[str, Action]:
        """Actions by which no guard but these keeps a run from going on; one that is off stays off."""
        rules: tuple[Rule, ...] = (*self.shipped_limits(), *self.limits, *SHIPPED_PAIRED, *self.paired, *self.charts)
        warned = [name for name in (*ASKED_OTHERWISE, *(one.name for one in rules)) if name not in but]
        return {**self.actions, **{name: "warn" for name in warned if self.actions.get(name) != "off"}}

    def action(self, guard: str, default: Action) -> Action:
        """What follows where `guard` did not pass."""
        return self.actions.get(guard, default)

    def _is_asked(self, rule: Rule) -> bool:
        return self.action(rule.name, rule.action) != "off"

    def _acting(self, rule: Asked) -> Asked:
        return rule.model_copy(update={"action": self.action(rule.name, rule.action)})
