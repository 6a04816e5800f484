"""A run made by hand that has all that MLflow shows."""

from collections import defaultdict
from dataclasses import asdict, replace
from typing import Any

from runs.canonical import digest
from runs.lineage import closed
from runs.output import Output
from runs.records import Decision, Iteration, PreferencePair, Record, Run
from runs.store import Store
from tests.runs.history import AUDIT, BASE, adapter, judgment, keys, measurement, prompt, response

CONSTITUTION = digest("a constitution")


ASKED = defaultdict[str, dict[str, str]](
    dict,
    measure={"constitution": CONSTITUTION},
    audit={"judge": BASE, "constitution": CONSTITUTION, "anchors": digest("anchors"), "items": "20"},
)
"""The inputs of a step, as far as MLflow shows them."""


SAID = {"name": "plain & short", "principles": [{"id": "kind", "text": "Be kind to {{everybody}}."}]}


BEGAN = 1_700_000_000.0


HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


def step(
    store: Store, index: int, name: str, beside: dict[str, Any], tables: dict[str, list[Record]], **values: Any
) -> str:
    asked = {"step": name, "index": index, "inputs": ASKED[name], "config": {"judge": {"method": "rubric"}}}
    output = Output(name, {noun: (store.put_rows(noun, rows),) for noun, rows in tables.items()}, values)
    began = BEGAN + 100 * index + len(name)
    return store.commit(
        digest(asked), store.put_record(output), asked, {"began": began, "ended": began + 2.5, **beside}
    )


def close(store: Store, run: Run, index: int, verdict: str = "promote") -> Run:
    """`run` with one more iteration: judged, paired and trained, except for number 0."""
    policy = store.iteration(run.iteration).policy if run.iteration else BASE
    outputs: dict[str, str] = {}
    if index == 0:
        outputs["seed"] = step(store, 0, "seed", {}, {}, base=BASE, policy=BASE, metrics={})
    else:
        asked = prompt(index)
        answers = [replace(response(asked, policy, seed), text=HOSTILE) for seed in (1, 2)]
        verdicts = [judgment(answer, score) for answer, score in zip(answers, (4.0, 1.5), strict=True)]
        names = tuple(verdict.digest for verdict in verdicts)
        pair = PreferencePair(asked.digest, answers[0].digest, answers[1].digest, 0.9, 1.0, 2.5, "self", names)
        outputs["prompts"] = step(store, index, "prompts", {}, {"prompts": [asked]}, metrics={})
        outputs["generate"] = step(store, index, "generate", {}, {"responses": [*answers]}, metrics={})
        outputs["judge"] = step(store, index, "judge", {}, {"judgments": [*verdicts]}, metrics={})
        outputs["pair"] = step(store, index, "pair", {}, {"pairs": [pair]}, metrics={"signal/pairs": 1})
        policy = adapter(store, policy, index)
        curve = [
            {"step": 1, "loss": 0.69, "rewards/margins": 0.0},
            {"step": 5, "loss": 0.5, "rewards/margins": 0.25},
            {"step": 9, "loss": None, "rewards/margins": 0.5},
        ]
        times = {"curve_times_s": [BEGAN + 100 * index + n for n in (1.5, 2.5, 3.5)]}
        outputs["train"] = step(
            store, index, "train", times, {}, adapter=policy, curve=curve, metrics={"signal/loss_last": None}
        )
    numbers: dict[str, float | None] = {"judge/score_mean": 3.0 + index, "policy/kl_to_seed_nats": 0.25 * index}
    outputs["measure"] = step(
        store, index, "measure", {}, {"measurements": [measurement(policy, 0.5)]}, metrics=numbers
    )
    if index == 1:
        outputs["audit"] = step(store, index, "audit", {}, {}, audit=AUDIT, metrics={"audit/label/accuracy": 0.7})
    decision = Decision("halt" if verdict == "halt" else "promote", policy, "every guard passed", ())
    outputs["decide"] = step(
        store, index, "decide", {}, {"decisions": [decision]}, decision=asdict(decision), metrics={}
    )
    iteration = Iteration(run.iteration, index, run.config, 3, outputs, policy, decision.digest)
    gold = step(store, index, "gold", {}, {}, metrics={"gold/sampled_mean": 2.0 + index})
    moved = closed(store, run, iteration, keys(store, index, outputs | {"gold": gold}), gold)
    store.move(moved)
    return moved


def begun(store: Store, name: str = "r1") -> Run:
    config: dict[str, Any] = {
        **{"train": {"beta": 0.1, "reference": "previous"}, "seed": 3, "model": {"adapter": None}},
        **{"constitution": "plain", "measure": {"anchors": "people.jsonl"}},
    }
    operational = {"iterations": 2, "export": {}}
    inputs = {"constitution": store.put_json(SAID)}
    run = Run(name, "self-rewarding", "", "", config, operational, {"python": "3.11"}, inputs, begun=BEGAN)
    return close(store, run, 0)
