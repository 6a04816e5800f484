"""The configuration: one frozen tree. A field's documentation is the sentence under it.

A leaf of a semantic section enters the key of that section's own step, and so of every step after it; a leaf of an
operational section (`iterations`, `gold`, `limits`, `export`) enters none of the loop's, and may change on resume.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from loop.config_capability import Capability
from loop.config_drift import Drift
from loop.config_generate import Generate
from loop.config_guards import Guards
from loop.config_judge import Judge
from loop.config_meta_judge import MetaJudge
from loop.config_operational import OPERATIONAL, Export, Gold, Limits
from loop.config_pair import Pair
from loop.config_phase import PHASED, SEATED, Phases, phased_leaf, with_settings
from loop.config_preference import Preference
from loop.config_prompts import Prompts
from loop.config_revise import Revise
from loop.config_section import Count, Positive, Section
from loop.config_train import Train
from loop.unasked import unasked_steps


class Model(Section):
    base: str = "microworld:m1"
    """The base model: a folder, a hub name (then `revision` is required), or `microworld:NAME` for a shipped one."""
    revision: str | None = None
    """The hub commit that pins `base`; 40 hexadecimal digits. Unused for a folder."""
    adapter: str | None = None
    """A folder with a PEFT LoRA adapter to start from; none starts from the base itself."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """The numbers that engine and trainer compute in; float32 on a CPU, bfloat16 for a model of billions on a GPU."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where engine and trainer compute."""


class Measure(Section):
    prompts: Count = 128
    """Held-out prompts on which each policy is measured, with one answer each at temperature 1."""
    max_tokens: Count = 48
    """Longest measured answer in tokens."""
    anchors: str | None = "microworld"
    """Pairs labelled by people: `microworld`, a JSONL file (`messages`, `a`, `b`, `label`: a, b or tie), or none."""
    anchor_count: Count = 200
    """How many of the labelled pairs the judge is held against."""


class Audit(Section):
    items: Annotated[int, Field(ge=0)] = 64
    """How many of the labelled pairs an audit of the judge is made with; 0, or no labelled pairs, audits nothing."""
    every: Count = 1
    """Audit at iteration 0 and after so many iterations each time."""


class Engine(Section):
    kind: Literal["vllm", "stub"] = "vllm"
    """`vllm`, or `stub`: a deterministic stand-in without a model, for tests of everything around it."""
    threads: Count = 2
    """CPU threads of the engine. More or fewer change the last bits of log-probabilities."""
    max_num_seqs: Count = 256
    """Sequences computed at once. Another batch changes the last bits of log-probabilities."""
    shard_requests: Count = 768
    """Requests an engine call: what a crash can cost, and what one receipt stands for."""
    max_model_len_tokens: Annotated[int, Field(ge=16)] = 512
    """Longest prompt with answer that the engine takes, in tokens."""
    kv_cache_gib: Positive = 1.0
    """Memory for keys and values, in GiB."""


class Config(Section):
    seed: int = 0
    """The seed that every other seed is made from."""
    iterations: Annotated[int, Field(ge=0)] = 3
    """How many iterations to have in the end. Operational: raise it to extend a run."""
    constitution: str = "microworld"
    """What "good" means: a shipped constitution's name, or a file (.yaml or .md)."""
    model: Model = Model()
    """The model that answers and judges."""
    prompts: Prompts = Prompts()
    """What the policy is asked."""
    generate: Generate = Generate()
    """How candidates are written."""
    revise: Revise = Revise()
    """How candidates are criticised and revised."""
    judge: Judge = Judge()
    """How candidates are judged."""
    pair: Pair = Pair()
    """How judgments become preference pairs."""
    meta_judge: MetaJudge = MetaJudge()
    """How judgments are judged, for the judge to learn from."""
    preference: Preference = Preference()
    """How pairs, or people's labels, become a preference model."""
    train: Train = Train()
    """How pairs become an adapter."""
    measure: Measure = Measure()
    """What is measured of each new policy."""
    capability: Capability = Capability()
    """What is measured of each new policy on prompts whose answer is known."""
    drift: Drift = Drift()
    """What is measured of the run's drift."""
    audit: Audit = Audit()
    """How the judge is audited."""
    guards: Guards = Guards()
    """What is allowed, and what follows where it is not."""
    gold: Gold = Gold()
    """The microworld's truth, for the eye."""
    engine: Engine = Engine()
    """The engine's shape."""
    limits: Limits = Limits()
    """What stops the run before its last iteration, and what its workers may take."""
    export: Export = Export()
    """Where the run is shown."""
    phases: Phases = ()
    """Iterations whose settings differ from these, in their order: `{since: 2, settings: {train.method: dpo}}`."""

    @model_validator(mode="after")
    def _phases_are_sound(self) -> "Config":
        begins = [phase.since for phase in self.phases]
        if begins != sorted(set(begins)):
            raise ValueError(f"phases begin at {begins}; let each begin after the one before it")
        for phase in self.phases:
            if strange := [dotted for dotted in phase.settings if not phased_leaf(dotted)]:
                raise ValueError(
                    f"the phase since {phase.since} changes {', '.join(strange)}; a phase changes leaves of "
                    f"{', '.join(PHASED)}, and not who else can be asked ({', '.join(SEATED)})"
                )
            try:
                self.at(phase.since)
            except ValidationError as error:
                first = error.errors()[0]
                leaf, says = ".".join(str(part) for part in first["loc"]), first["msg"]
                raise ValueError(f"the phase since {phase.since}: {leaf}={first['input']!r}: {says}") from error
        return self

    def at(self, index: int) -> "Config":
        """The configuration of iteration `index`: this one, with what its phase changes, and no phases."""
        phase = max((one for one in self.phases if one.since <= index), key=lambda one: one.since, default=None)
        if phase is None:
            return self.model_copy(update={"phases": ()}) if self.phases else self
        tree = self.model_dump(mode="json", exclude={"phases"})
        return Config.model_validate(with_settings(tree, phase.settings))

    def variants(self) -> "tuple[Config, ...]":
        """The different configurations that its iterations have: of those before any phase, and of each phase."""
        return (self.at(0), *(self.at(phase.since) for phase in self.phases))

    def semantic(self) -> dict[str, Any]:
        """What decides the results, as JSON values. What decides nothing, in any iteration, is left out."""
        variants = self.variants()
        idle: dict[str, Any] = {**dict.fromkeys(OPERATIONAL, True), **self._idle()}
        if not any(one.preference.is_on for one in variants):
            idle["preference"] = True
        if not any(one.meta_judge.max_frac for one in variants):
            idle["meta_judge"] = True
        if not self.phases:
            idle["phases"] = True
        if not self.capability.prompts:
            idle["capability"] = True
        if not any(one.revise.passes for one in variants):
            idle["revise"] = True
        return self.model_dump(mode="json", exclude=idle)

    def unread(self) -> list[str]:
        """The leaves that somebody has set to other than their default, and that decide nothing in any iteration."""
        variants = self.variants()
        return [
            f"{section}.{leaf}"
            for section, leaves in self._idle().items()
            for leaf in sorted(leaves)
            if any(getattr(getattr(one, section), leaf) != _default(one, section, leaf) for one in variants)
        ]

    def _idle(self) -> dict[str, set[str]]:
        """By section, the leaves that decide nothing in any iteration."""
        sections = ("prompts", "generate", "revise", "judge", "pair", "train", "preference", "capability")
        variants = self.variants()
        idle = {name: set.intersection(*(getattr(one, name).idle() for one in variants)) for name in sections}
        if any(one.train.rewards_by_model and one.preference.models == "by_safety" for one in variants):
            idle["judge"].discard("safety_floor")  # the rule by which two models judge rewards too
        return idle

    def unasked(self, index: int) -> frozenset[str]:
        """The steps that nobody asks for in iteration `index` by these settings, or whose output nobody would read."""
        return unasked_steps(self.model_dump(mode="json"), index)

    def operational(self) -> dict[str, Any]:
        """What may change on resume, as JSON values."""
        return self.model_dump(mode="json", include=set(OPERATIONAL))


def _default(config: Config, section: str, leaf: str) -> Any:
    return type(getattr(config, section)).model_fields[leaf].default
