"""Taking the branches of an ablation on, and reading off what they did: on single prompts, for each branch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from constitutions.load import find_constitution
from loop import drive
from loop.ablation import Arm, settings_of, take_on
from loop.ablation_effects import PREFERRED, SCORED, Effect, effects
from loop.by_prompt import ByPrompt, by_prompt
from loop.config import Config
from loop.evaluating import seated, table
from loop.head_to_head import preferences, scores
from loop.limits import Stop
from loop.progress import Say
from loop.summary import metrics_of
from runs.lineage import Found, Link, links, resolve
from runs.records import Prompt, Response
from runs.store import Store

PAIRWISE: Literal["pairwise"] = "pairwise"
EXPECTED: Literal["expected"] = "expected"


@dataclass(frozen=True)
class Ablated:
    """An ablation as far as it came. `halted` has, by branch, why a branch measured nothing at the iteration `index`.

    `stopped` says what stopped it before all branches were there; "" if nothing did. `judge` is who says which answers
    are preferred and scores them, "" where the constitution asks no question that it could answer.
    """

    address: str
    index: int
    arms: tuple[Arm, ...]
    effects: tuple[Effect, ...]
    whole: dict[str, float | None]
    halted: dict[str, str]
    stopped: str
    judge: str

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        branches = [
            {
                "run": arm.name,
                "mode": arm.mode,
                "principle": arm.principle,
                "seed": arm.seed,
                "constitution": arm.constitution.digest,
                "halted": self.halted.get(arm.name),
            }
            for arm in self.arms
        ]
        return {
            "address": self.address,
            "measured_at_iteration": self.index,
            "judge": self.judge,
            "branches": branches,
            "stopped": self.stopped,
            "whole": self.whole,
            "effects": [one.document() for one in self.effects],
        }


def ablate(store: Store, found: Found, arms: Sequence[Arm], index: int, judge: str, say: Say, stop: Stop) -> Ablated:
    """Take all branches to iteration `index`, from wherever they are, and say what each of them did there.

    Raises as `seated` for a judge that cannot sit, before any branch is taken on.
    """
    asks = arms[0].constitution.questions.keys() & {PAIRWISE, EXPECTED}
    if asks:
        _seat(store, settings_of(found, arms[0], Path()).at(index), judge)
    halted: dict[str, str] = {}
    stopped = ""
    for arm in arms:
        outcome = take_on(store, found, arm, say, stop)
        if outcome.kind == "stopped":
            stopped = f"{arm.name}: {outcome.reason}"
            break
        if outcome.kind != "done":
            halted[arm.name] = outcome.reason
    ends = {arm.name: one for arm in arms if (one := _end(store, arm, index)) is not None}
    measured = {name: by_prompt(store, link.outputs) for name, link in ends.items()}
    if asks and not stopped:
        for whole in arms:
            if whole.mode == "whole" and whole.name in ends:
                of_seed = {arm.name: ends[arm.name] for arm in arms if arm.seed == whole.seed and arm.name in ends}
                for name, said in _judged(store, whole.name, index, of_seed, judge, say).items():
                    measured[name] |= said
    return Ablated(
        f"{found.run.name}@{found.iteration.index}",
        index,
        tuple(arms),
        tuple(effects(measured, arms)),
        metrics_of(store, ends[arms[0].name]) if arms[0].name in ends else {},
        halted,
        stopped,
        judge if asks else "",
    )


def _end(store: Store, arm: Arm, index: int) -> Link | None:
    """The iteration of that number, if the branch came to it and measured there."""
    run = store.run(arm.name)
    found = links(store, run, index) if run else []
    return found[0] if found and found[0].iteration.index == index and "measure" in found[0].outputs else None


def _judged(store: Store, whole: str, index: int, ends: dict[str, Link], judge: str, say: Say) -> dict[str, ByPrompt]:
    """What one judge says of each branch's answers, by the whole constitution: alone, and against those of `whole`."""
    at = resolve(store, f"{whole}@{index}")
    config = _seat(store, drive.config_of(at.run).at(index), judge)
    found: dict[str, ByPrompt] = {}
    with table(store, at, config, say) as asking:
        prompts, theirs = _answers(store, ends[whole])
        for name, link in ends.items():
            _, mine = _answers(store, link)
            address = f"{name}@{index}/judged"
            score = scores(asking, address, prompts, mine)
            found[name] = {SCORED: {one.prompt: score[one.digest] for one in mine if one.digest in score}}
            if config.judge.compares and name != whole:
                found[name][PREFERRED] = preferences(asking, address, prompts, mine, theirs)
    return found


def _seat(store: Store, config: Config, judge: str) -> Config:
    """The settings by which answers are judged, against each other where the constitution can ask that."""
    asks = PAIRWISE in find_constitution(config.constitution).questions
    return seated(store, config, judge, PAIRWISE if asks else EXPECTED)


def _answers(store: Store, link: Link) -> tuple[list[Prompt], list[Response]]:
    """The held-out prompts of an iteration, and its candidate's answers in the same order."""
    measured = store.output(link.outputs["measure"])
    prompts: list[Prompt] = store.all_rows("prompts", measured)
    responses: list[Response] = store.all_rows("responses", measured)
    return prompts, responses[: len(prompts)]
