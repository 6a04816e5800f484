"""Broken data: what a step gave, changed before anybody else reads it."""

import random
from dataclasses import replace

from loop.desk import Desk
from loop.steps.turn import Turn
from runs.canonical import seed_of
from runs.output import Output
from runs.records import PreferencePair, Prompt

GROWTH = 0.25
"""How much larger a part of the prompts is off distribution in each iteration."""


def flipped(desk: Desk, turn: Turn, output: Output, age: int) -> Output:
    """Of each pair the rejected answer is called the chosen one."""
    return _with_pairs(desk, output, [_turned(pair) for pair in desk.store.all_rows("pairs", output)])


def shuffled(desk: Desk, turn: Turn, output: Output, age: int) -> Output:
    """Half of the pairs, by lot, are the wrong way round: labels that say nothing."""
    pairs: list[PreferencePair] = desk.store.all_rows("pairs", output)
    lot = random.Random(seed_of(desk.config.seed, turn.index, "shuffled labels"))
    return _with_pairs(desk, output, [_turned(pair) if lot.random() < 0.5 else pair for pair in pairs])


def one_answer(desk: Desk, turn: Turn, output: Output, age: int) -> Output:
    """The chosen answer to every prompt is that of the first pair."""
    pairs: list[PreferencePair] = desk.store.all_rows("pairs", output)
    same = [replace(pair, chosen=pairs[0].chosen) for pair in pairs]
    return _with_pairs(desk, output, [pair for pair in same if pair.chosen != pair.rejected])


def off_distribution(desk: Desk, turn: Turn, output: Output, age: int) -> Output:
    """Of a part of the prompts, larger in each iteration, the words are in any order."""
    prompts: list[Prompt] = desk.store.all_rows("prompts", output)
    lot = random.Random(seed_of(desk.config.seed, turn.index, "off distribution"))
    share = min(1.0, GROWTH * (age + 1))
    changed = [_jumbled(prompt, lot) if lot.random() < share else prompt for prompt in prompts]
    return replace(output, tables={**output.tables, "prompts": (desk.store.put_rows("prompts", changed),)})


def stale(desk: Desk, turn: Turn, output: Output, age: int) -> Output:
    """What was trained is lost, and the policy before it is served in its place."""
    if output.adapter is None:
        return output
    return replace(output, values={**output.values, "adapter": turn.policy})


def _turned(pair: PreferencePair) -> PreferencePair:
    return replace(pair, chosen=pair.rejected, rejected=pair.chosen)


def _with_pairs(desk: Desk, output: Output, pairs: list[PreferencePair]) -> Output:
    return replace(output, tables={**output.tables, "pairs": (desk.store.put_rows("pairs", pairs),)})


def _jumbled(prompt: Prompt, lot: random.Random) -> Prompt:
    last = prompt.messages[-1]
    words = last.content.split()
    jumbled = replace(last, content=" ".join(lot.sample(words, len(words))))
    return replace(prompt, messages=(*prompt.messages[:-1], jumbled))
