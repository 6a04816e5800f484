"""The steps of an iteration, in order: each reads earlier outputs and writes its own.

A step's key is made of what can change its output and of nothing else: its name and version, the iteration's index,
its own sections of the configuration, the digests of its inputs, and the run's seed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from loop import gold
from loop.desk import Desk
from loop.steps import (
    audit,
    capability,
    decide,
    drift,
    generate,
    judge,
    measure,
    meta,
    pair,
    preference,
    prompts,
    prove,
    red_team,
    revise,
    seed,
    train,
    train_judge,
)
from loop.steps.turn import Turn
from runs.canonical import digest
from runs.output import Output


@dataclass(frozen=True)
class Step:
    """One step: `sections` of the configuration and `inputs` enter its key; `run` gets it to name its shards by."""

    name: str
    version: int
    sections: tuple[str, ...]
    inputs: Callable[[Desk, Turn], dict[str, str]]
    run: Callable[[Desk, Turn, str], Output]

    def asked(self, desk: Desk, turn: Turn) -> dict[str, object]:
        """What the key says was asked for."""
        config = desk.config.semantic() | desk.config.operational()
        return {
            "step": self.name,
            "version": self.version,
            "index": turn.index,
            "config": {section: config[section] for section in self.sections},
            "inputs": self.inputs(desk, turn),
            "seed": desk.config.seed,
        }

    def key(self, desk: Desk, turn: Turn) -> str:
        """The digest of what is asked for, known before it is run."""
        return digest(self.asked(desk, turn))


SEED = Step("seed", 2, ("model",), seed.inputs, seed.run)
RED_TEAM = Step("red_team", 1, ("prompts", "generate", "judge", "engine"), red_team.inputs, red_team.run)
PROMPTS = Step("prompts", 1, ("prompts",), prompts.inputs, prompts.run)
GENERATE = Step("generate", 1, ("generate", "engine"), generate.inputs, generate.run)
REVISE = Step("revise", 1, ("revise", "engine"), revise.inputs, revise.run)
JUDGE = Step("judge", 2, ("judge", "engine"), judge.inputs, judge.run)
PAIR = Step("pair", 2, ("pair", "judge"), pair.inputs, pair.run)
META = Step("meta", 1, ("meta_judge", "judge", "engine"), meta.inputs, meta.run)
TRAIN_JUDGE = Step("train_judge", 1, ("train",), train_judge.inputs, train_judge.run)
PREFERENCE = Step("preference", 1, ("preference",), preference.inputs, preference.run)
TRAIN = Step("train", 1, ("train",), train.inputs, train.run)
MEASURE = Step("measure", 6, ("measure", "judge", "engine"), measure.inputs, measure.run)
PROVE = Step("prove", 1, ("judge", "engine"), prove.inputs, prove.run)
CAPABILITY = Step("capability", 2, ("capability", "engine"), capability.inputs, capability.run)
AUDIT = Step("audit", 6, ("judge", "engine"), audit.inputs, audit.run)
DRIFT = Step("drift", 3, ("drift", "judge", "engine"), drift.inputs, drift.run)
DECIDE = Step("decide", 8, ("guards",), decide.inputs, decide.run)
GOLD = Step("gold", 3, ("gold", "engine"), gold.inputs, gold.run)

MEASURING = (MEASURE, PROVE, CAPABILITY, AUDIT, DRIFT, DECIDE)


def steps_of(index: int) -> tuple[Step, ...]:
    """The steps of an iteration, where all are due: number 0 is the seed policy, measured."""
    if index == 0:
        return (SEED, PREFERENCE, *MEASURING)
    return (RED_TEAM, PROMPTS, GENERATE, REVISE, JUDGE, PAIR, META, TRAIN_JUDGE, PREFERENCE, TRAIN, *MEASURING)
