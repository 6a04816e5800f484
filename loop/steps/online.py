"""What reinforcement learning works with: prompts, and who rewards the answers that the trainer samples to them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from constitutions.exemplars import exemplars_shown
from constitutions.fill import fill, request_text
from constitutions.load import Constitution
from constitutions.principle import in_scope
from constitutions.response_types import response_type_for
from loop.desk import Desk
from loop.panel import bench
from loop.preference_models import newest
from loop.steps.turn import Turn
from runs.canonical import digest
from runs.errors import ConfigError
from runs.records import Prompt
from trainers.reward_spec import JudgeReward, PreferenceReward, RewardRule, Rules, SafetyFirstReward, SumReward

RESPONSE = "{response}"
"""Where the answer stands in a question."""
ROWS = pa.schema(
    [
        ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("question", pa.list_(pa.string())),
        ("risky", pa.bool_()),
        ("held_out", pa.bool_()),
    ]
)
RULES = pa.schema(
    [
        *ROWS,
        ("response_type", pa.string()),
        ("propositions", pa.list_(pa.struct([("id", pa.string()), ("question", pa.list_(pa.string()))]))),
    ]
)
"""Where the constitution's propositions are put to the judge too."""


@dataclass(frozen=True)
class Rewarder:
    """The rule of a reward, and the policies or preference models, by digest, that it is computed with."""

    rule: RewardRule
    models: tuple[str, ...]

    def folders(self, desk: Desk) -> tuple[Path | None, ...]:
        """Where the models lie; None is the base. Raises ConfigError where there is no preference model yet."""
        if len(self.models) == isinstance(self.rule, SumReward):
            raise ConfigError(
                f"train.reward={desk.config.train.reward}: this run has no preference model yet; learn one "
                "(preference.source=pairs, labels or hybrid), or set train.reward=judge"
            )
        return tuple(desk.folder(model) for model in self.models)


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The prompts, how long an answer may be, and all that rewards it."""
    config, who = desk.config, rewarder(desk, turn)
    asked = {"rule": who.rule.model_dump(mode="json"), "models": who.models, "max_tokens": config.generate.max_tokens}
    if isinstance(who.rule, JudgeReward | SumReward):
        asked["question"] = exemplars_shown(desk.constitution, "expected") + desk.constitution.question("expected")
        if config.judge.rule_weight:
            asked["proposition"] = desk.constitution.question("proposition")
            asked["propositions"] = desk.constitution.propositions
            asked["response_types"] = list(desk.constitution.response_types)  # the first that fits is the one
    of_models = who.rule.other if isinstance(who.rule, SumReward) else who.rule
    if isinstance(of_models, SafetyFirstReward):
        asked["safety_tags"] = sorted(config.preference.safety_tags)
    return {"prompts": turn.outputs["prompts"], "reward": digest(asked)}


def rewarder(desk: Desk, turn: Turn) -> Rewarder:
    """Who rewards, as the settings say; no preference model where one is wanted and there is none yet."""
    settings = desk.config.train
    if settings.reward == "preference":
        return Rewarder(*_models(desk, turn))
    scale = desk.constitution.scale
    weight, types = desk.config.judge.rule_weight, desk.constitution.response_types
    rules = Rules(weight=weight, response_types=types) if weight else None
    judge = JudgeReward(low=scale.low, high=scale.high, min_mass=desk.config.judge.min_mass, rules=rules)
    members = bench(desk, turn, turn.policy).members
    if settings.reward == "judge":
        return Rewarder(judge, members)
    other, models = _models(desk, turn)
    return Rewarder(SumReward(judge=judge, judge_weight=settings.judge_weight, other=other), members + models)


def _models(desk: Desk, turn: Turn) -> tuple[PreferenceReward | SafetyFirstReward, tuple[str, ...]]:
    found = newest(desk, turn)
    models = found.models if found else {}
    if len(models) < 2:
        return PreferenceReward(), tuple(models.values())
    return SafetyFirstReward(floor=desk.config.judge.safety_floor), (models["safety"], models["helpfulness"])


def rows(desk: Desk, turn: Turn) -> pa.Table:
    """The iteration's prompts, as `trainers.spec.RlSpec` wants them."""
    judged, tags = desk.config.train.reward != "preference", desk.config.preference.safety_tags
    ruled = judged and desk.config.judge.rule_weight > 0
    listed = [
        {
            "prompt": [{"role": m.role, "content": m.content} for m in prompt.messages],
            "question": _around_the_answer(desk.constitution, prompt) if judged else [],
            "risky": in_scope(tags, prompt.tags),
            "held_out": False,
            **(_propositions(desk.constitution, prompt) if ruled else {}),
        }
        for prompt in desk.store.all_rows("prompts", turn.done["prompts"])
    ]
    return pa.Table.from_pylist(listed, schema=RULES if ruled else ROWS)


def _propositions(constitution: Constitution, prompt: Prompt) -> dict[str, Any]:
    """What kind of answer the prompt calls for, and what is asked about one: the propositions that this kind is of."""
    types = constitution.response_types
    kind = response_type_for(types, prompt.tags)
    needed = kind.propositions if kind else frozenset()
    request, question = request_text(prompt.messages), constitution.question("proposition")
    asked = {id: text for id, text in constitution.propositions.items() if id in needed}
    return {
        "response_type": next((name for name, one in types.items() if one is kind), ""),
        "propositions": [
            {"id": id, "question": [fill(part, proposition=text, request=request) for part in question.split(RESPONSE)]}
            for id, text in asked.items()
        ],
    }


def _around_the_answer(constitution: Constitution, prompt: Prompt) -> list[str]:
    """The judge's question, exemplars before it, in the parts that the answer stands between."""
    request = request_text(prompt.messages)
    first, *others = (fill(part, request=request) for part in constitution.question("expected").split(RESPONSE))
    return [exemplars_shown(constitution, "expected") + first, *others]
