"""A small history made by hand: two iterations of `r1`, a branch `r2`, and a third iteration under way."""

import struct
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from runs.canonical import digest
from runs.lineage import closed, resolve
from runs.naming import fork
from runs.output import Output
from runs.records import (
    Adapter,
    Decision,
    DriftItem,
    Iteration,
    Judgment,
    Measurement,
    Message,
    PreferencePair,
    Prompt,
    Reading,
    Record,
    Reply,
    Response,
    Revision,
    Run,
    Sampling,
    Unscored,
)
from runs.store import Store

BASE = digest({"base": "tiny"})
AUDIT: dict[str, Any] = {
    "findings": [{"name": "length bias: longer", "statistic": "length/coefficient", "p_value": 0.001}],
    "statistics": {
        "length/coefficient": {
            **{"n": 20, "value": 0.5, "low": 0.25, "high": 0.75},
            **{"p_value": 0.0001, "finding": "length bias: longer"},
        },
        "label/accuracy": {"n": 12, "value": 0.7, "low": 0.5, "high": 0.9, "p_value": 0.6, "finding": "near chance"},
        "self/coefficient": {"n": 0, "value": None, "low": None, "high": None},
    },
    "groups": {},
}
CONFIG: dict[str, Any] = {"train": {"beta": 0.1}, "generate": {"samples": 2}}


def prompt(number: int) -> Prompt:
    return Prompt((Message("user", f"sort {number} and 1"),), "hand", tags={"family": "sort"})


def response(to: Prompt, policy: str, seed: int) -> Response:
    return Response(
        to.digest, policy, "base" if policy == BASE else "adapter", Sampling(1.0, 0.9, 8), seed, f"1 {seed}", (5, 6, 2),
        (-0.25, -0.5, -1e-9), "end",
    )  # fmt: skip


def revision(of: Response) -> Revision:
    return Revision(
        of.prompt, of.digest, of.digest, 1, "concise", "too long.", "end", of.adapter, of.by, Sampling(1.0, 1.0, 8),
        of.seed, f"{of.text} again", (5, 6, 7, 2), "end", None, None,
    )  # fmt: skip


def judgment(of: Response, score: float | None) -> Judgment:
    return Judgment(
        "response", (of.digest,), of.adapter, of.by, "rubric", digest("constitution"), ("concise",),
        (Reply("", "", "Score: 3", score), Reply("", "", "?", None)),
        score, None if score is not None else Unscored.NO_VERDICT, None, 7,
    )  # fmt: skip


def measurement(policy: str, kl: float | None) -> Measurement:
    return Measurement(policy, BASE, digest("probes"), {"policy/kl_to_seed_nats": kl, "signal/answers": 2})


def step(store: Store, index: int, name: str, tables: dict[str, list[Record]], salt: int = 0, **values: Any) -> str:
    """The digest of a committed step's output."""
    asked = {"step": name, "index": index, "salt": salt}
    output = Output(name, {noun: (store.put_rows(noun, rows),) for noun, rows in tables.items()}, values)
    provenance = {"address": f"r1@{index}/{name}", "began": 1000.0 + index, "ended": 1002.5 + index}
    return store.commit(digest(asked), store.put_record(output), asked, provenance)


def adapter(store: Store, parent: str, salt: int) -> str:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    weights = struct.pack("<Q", len(header)) + header + struct.pack("<f", 0.5 + salt)
    config, probe = store.put(b'{"r":4}'), store.put_json({"token_ids": [1]})
    return store.put_record(Adapter(BASE, parent, parent, "", store.put(weights), config, probe))


def turn(store: Store, index: int, policy: str, salt: int = 0) -> tuple[dict[str, str], str]:
    """The outputs of an iteration and the policy that it proposes. `salt` makes another iteration of it."""
    outputs, made = {}, policy
    if index:
        prompts = [prompt(index), prompt(index + 1)]
        responses = [response(p, policy, seed) for p in prompts for seed in (salt, salt + 1)]
        revised = [revision(r) for r in responses]
        judgments = [judgment(r, 3.0 if n % 2 else None) for n, r in enumerate(responses)]
        chosen, rejected = responses[:2]
        names = (judgments[0].digest, judgments[1].digest)
        pair = PreferencePair(prompts[0].digest, chosen.digest, rejected.digest, 1.0, 1.0, 2.0, "self", names)
        made = adapter(store, policy, salt + index)
        outputs["prompts"] = step(store, index, "prompts", {"prompts": list(prompts)})
        outputs["generate"] = step(store, index, "generate", {"responses": list(responses)}, salt)
        outputs["revise"] = step(store, index, "revise", {"revisions": list(revised)}, salt)
        outputs["judge"] = step(store, index, "judge", {"judgments": list(judgments)}, salt)
        outputs["pair"] = step(store, index, "pair", {"pairs": [pair]}, salt, metrics={"signal/pairs": 1})
        outputs["train"] = step(store, index, "train", {}, salt, adapter=made, metrics={"signal/loss_last": 0.5})
    else:
        outputs["seed"] = step(store, 0, "seed", {}, base=BASE, policy=BASE, metrics={})
    numbers = measurement(made, None if index == 0 else 0.25 * index)
    rows: dict[str, list[Record]] = {
        "measurements": [numbers],
        "readings": [Reading(digest("an answer"), BASE, (-0.5, -1.5))],
        "drift_items": [DriftItem(made, "held-out", digest("a prompt"), {"own_score": 3.0})],
    }
    outputs["measure"] = step(store, index, "measure", rows, salt, metrics=numbers.numbers)
    if index != 1:
        outputs["audit"] = step(store, index, "audit", {}, salt, audit=AUDIT, metrics={})
    return outputs, made


def keys(store: Store, index: int, outputs: dict[str, str]) -> dict[str, str]:
    """The keys of the receipts of an iteration's steps."""
    asked = ((receipt, receipt["asked"]) for receipt in store.receipts())
    return {a["step"]: r["key"] for r, a in asked if a["index"] == index and outputs.get(a["step"]) == r["digest"]}


def close(store: Store, run: Run, index: int, policy: str, salt: int = 0, gold: str = "", **left: Any) -> Run:
    """`run` after one more iteration that promotes what it made; its decision leaves `left` to the next one."""
    outputs, made = turn(store, index, policy, salt)
    decision = Decision("promote", made, "every guard passed", ({"guard": "kl", "observed": 0.1, "limit": 2},))
    outputs["decide"] = step(store, index, "decide", {"decisions": [decision]}, salt, decision=asdict(decision), **left)
    shard = store.output(outputs["decide"]).tables["decisions"][0]
    iteration = Iteration(run.iteration, index, CONFIG, 3, outputs, made, shard)
    moved = closed(store, run, iteration, keys(store, index, outputs | {"gold": gold}), gold)
    store.move(moved)
    return moved


def new_run(name: str) -> Run:
    return Run(name, "self-rewarding", "", "", CONFIG, {"iterations": 2}, {"python": "3.11"})


def small_history(home: Path) -> Store:
    """`r1` with iterations 0 to 2, gold of number 1 and a started number 3; `r2` branched from r1@1 with its own 2."""
    store = Store(home)
    with store.lock():
        r1 = close(store, new_run("r1"), 0, BASE)
        gold = step(store, 1, "gold", {"measurements": [measurement(digest("gold"), 4.5)]}, metrics={"gold/mean": 4.5})
        r1 = close(store, r1, 1, store.iteration(r1.iteration).policy, gold=gold)
        r1 = close(store, r1, 2, store.iteration(r1.iteration).policy)
        started = step(store, 3, "prompts", {"prompts": [prompt(9)]})
        store.move(replace(r1, under_way={"prompts": started}))
        r2 = fork(store, resolve(store, "r1@1"), "r2")
        policy = store.iteration(r2.iteration).policy
        close(store, r2, 2, policy, salt=10)
        store.adapter_folder(policy)
    return store
