"""The preference models of a line of descent, and the scores that they give."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from judges.dialogue import Reward, Rewarded
from loop.desk import Desk
from loop.steps.turn import Turn
from loop.training import model_spec, scratch
from runs.errors import ConfigError
from runs.lineage import newest_preference, resolve
from runs.output import Output
from runs.store import Store
from trainers.spec import RewardProbe, ScoreSpec

BATCH = 32
"""Answers computed at once."""
ROWS = pa.schema(
    [
        ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("answer", pa.string()),
    ]
)


def newest(desk: Desk, turn: Turn) -> Output | None:
    """The output of the step that trained the last preference models of this line of descent; None before there are."""
    own = turn.done.get("preference")
    if own and own.models:
        return own
    return newest_preference(desk.store, turn.past[-1].digest if turn.past else "", turn.past)


def seated(desk: Desk, turn: Turn) -> str:
    """Who judges where preference models do: the digest of the one model, or of the object that names two by kind.

    They are the ones trained last in this line of descent, or on the way to the address in `judge.adapter`. Raises
    ConfigError where there are none, or others than the way of judging asks for.
    """
    settings, own = desk.config.judge, desk.config.judge.adapter == "self"
    iteration = "" if own else resolve(desk.store, settings.adapter).iteration.digest
    found = newest(desk, turn) if own else newest_preference(desk.store, iteration)
    whose = "this run" if own else settings.adapter
    if found is None:
        raise ConfigError(
            f"judge.method=preference: {whose} has no preference model yet; learn it from labels "
            "(preference.source=labels), judge otherwise in the iterations before it (`phases`), or name an iteration "
            "that has one as judge.adapter"
        )
    if (len(found.models) > 1) != settings.safety_first:
        raise ConfigError(
            f"judge.method=preference: {whose} has the preference models {', '.join(sorted(found.models))}; set "
            f"judge.safety_first={str(not settings.safety_first).lower()}"
        )
    if desk.store.adapter(found.adapters[0]).base != desk.base.digest:
        raise ConfigError(
            f"judge.adapter={settings.adapter} has preference models of another base than model.base="
            f"{desk.config.model.base}"
        )
    return str(found.values["seat"])


def models_of(desk: Desk, seat: str) -> dict[str, str]:
    """The preference models that sit under this digest, by kind; {} for whoever else sits."""
    return _models_of(desk.store, seat)


@lru_cache(maxsize=64)
def _models_of(store: Store, seat: str) -> dict[str, str]:
    if not store.has(seat):  # the base model, or an endpoint
        return {}
    found = store.get_json(seat)
    if "models" in found:
        return dict(found["models"])
    return {"all": seat} if store.get_json(found["config"]).get("task_type") == "SEQ_CLS" else {}


def maker(desk: Desk, seat: str) -> dict[str, Any]:
    """All that decides what the models under this digest score, beside what they are asked."""
    model = desk.config.model
    return {"who": seat, "base": desk.base.digest, "kind": desk.config.engine.kind, "in": [model.dtype, model.device]}


def rewards(desk: Desk, models: Mapping[str, str], asked: Sequence[Reward]) -> list[Rewarded]:
    """What the preference models say to the questions, in their order: log-odds, 0 the mean of what each learnt from.

    The program that has loaded them stays from one call to the next (`trainers.host`); each time a model must say of
    its probe what it said when it was trained.
    """
    replies: dict[int, Rewarded] = {}
    for kind in sorted({question.kind for question in asked}):
        numbers = [number for number, question in enumerate(asked) if question.kind == kind]
        found = _scored(desk, models[kind], [asked[number] for number in numbers])
        replies |= {number: Rewarded(reward) for number, reward in zip(numbers, found, strict=True)}
    return [replies[number] for number in range(len(asked))]


def _scored(desk: Desk, model: str, asked: Sequence[Reward]) -> list[float]:
    probe: dict[str, Any] = desk.store.get_json(desk.store.adapter(model).probe)
    with scratch(desk, "score") as folder:
        rows = [
            {"prompt": [{"role": m.role, "content": m.content} for m in one.messages], "answer": one.text}
            for one in asked
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=ROWS), folder / "rows.parquet")
        spec = ScoreSpec(
            model=model_spec(desk, desk.store.adapter_folder(model), None),
            rows=folder / "rows.parquet",
            batch_size=max(1, BATCH // desk.micro_batch_divisor),
            probe=RewardProbe(messages=probe["messages"], token_ids=probe["token_ids"], reward=probe["reward"]),
        )
        program = "trainers.stub" if desk.config.engine.kind == "stub" else "trainers.score"
        desk.train(program, spec, folder / "out")
        said: list[float] = json.loads((folder / "out" / "rewards.json").read_bytes())
    return [reward - probe["reward_mean"] for reward in said]
