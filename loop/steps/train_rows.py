"""What an adapter is trained on: rows of this iteration, and of those before it where the settings say so."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from judges.best_of_n import best_answers
from loop.demonstration_file import read_demonstrations
from loop.desk import Desk
from loop.panel import decisive
from loop.steps.revised_answers import to_learn
from loop.steps.turn import Turn
from runs.canonical import digest, digest_file, seed_of
from runs.errors import ConfigError
from runs.output import Output
from runs.records import Iteration, Judgment, PreferencePair, Prompt, Response, Revision

PROMPT = ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])))
PAIRS = pa.schema(
    [
        PROMPT,
        ("chosen_ids", pa.list_(pa.int32())),
        ("rejected_ids", pa.list_(pa.int32())),
        ("label_probability", pa.float64()),
        ("weight", pa.float64()),
        ("held_out", pa.bool_()),
    ]
)
ANSWERS = pa.schema(
    [
        PROMPT,
        ("answer_ids", pa.list_(pa.int32())),
        ("answer", pa.string()),
        ("weight", pa.float64()),
        ("held_out", pa.bool_()),
    ]
)
STEPS = {
    "pairs": ("prompts", "generate", "pair"),
    "best": ("prompts", "generate", "judge"),
    "revisions": ("prompts", "generate", "revise"),
}
"""The steps of an iteration that its rows are made of."""

Row = tuple[Prompt, dict[str, Any]]


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The digests of all that the rows are made of."""
    settings = desk.config.train
    if settings.source == "demonstrations":
        return {"demonstrations": digest_file(Path(str(settings.demonstrations)))}
    made_of = {step: turn.outputs[step] for step in _steps(desk)}
    if settings.looks_back:
        made_of["pool"] = digest([[one.outputs[step] for step in _steps(desk)] for one in _with_rows(desk, turn)])
    return made_of


def rows(desk: Desk, turn: Turn) -> pa.Table:
    """The rows for the trainer, as its spec wants them, with those marked that are held out."""
    settings = desk.config.train
    found = _demonstrations(desk) if settings.source == "demonstrations" else _own(desk, turn.outputs, turn.index)
    if settings.looks_back:
        before = [row for one in _with_rows(desk, turn) for row in _own(desk, one.outputs, one.index)]
        if not settings.pooled:
            before = _drawn(before, len(found), settings.replay_frac, seed_of(desk.config.seed, turn.index, "replay"))
        found = before + found
    held_out = held_out_prompts({prompt.digest for prompt, _ in found}, settings.held_out_frac, desk.config.seed)
    return pa.Table.from_pylist(listed(found, held_out), schema=PAIRS if settings.method == "dpo" else ANSWERS)


def listed(rows: Sequence[Row], held_out: set[str]) -> list[dict[str, Any]]:
    """The rows with their prompts, those marked whose prompts are held out."""
    return [
        {
            "prompt": [{"role": m.role, "content": m.content} for m in prompt.messages],
            "held_out": prompt.digest in held_out,
            **row,
        }
        for prompt, row in rows
    ]


def pair_rows(
    desk: Desk, outputs: dict[str, str], beside: Callable[[PreferencePair], dict[str, Any]] = lambda pair: {}
) -> list[Row]:
    """The pairs of one iteration, from its steps' outputs, each with what `beside` says of it."""
    prompts = {one.digest: one for one in desk.store.all_rows("prompts", desk.store.output(outputs["prompts"]))}
    answers = {one.digest: one for one in desk.store.all_rows("responses", desk.store.output(outputs["generate"]))}
    return [
        (
            prompts[pair.prompt],
            {
                "chosen_ids": answers[pair.chosen].token_ids,
                "rejected_ids": answers[pair.rejected].token_ids,
                "label_probability": pair.label_probability,
                "weight": pair.weight,
                **beside(pair),
            },
        )
        for pair in desk.store.all_rows("pairs", desk.store.output(outputs["pair"]))
    ]


def earlier(desk: Desk, turn: Turn, steps: Sequence[str] = ()) -> list[Iteration]:
    """The iterations before this one that took these steps, oldest first, those that a branch shares included.

    Number 0 is never among them.
    """
    known = {iteration.digest: iteration for iteration in turn.past}
    found: list[Iteration] = []
    name = turn.past[-1].digest if turn.past else ""
    while name:
        found.append(known.get(name) or desk.store.iteration(name))
        name = found[-1].parent
    return [iteration for iteration in reversed(found) if iteration.index > 0 and {*steps} <= {*iteration.outputs}]


def _with_rows(desk: Desk, turn: Turn) -> list[Iteration]:
    return earlier(desk, turn, _steps(desk))


def _steps(desk: Desk) -> tuple[str, ...]:
    settings = desk.config.train
    judged = ("judge",) if settings.source == "revisions" and settings.revision == "best" else ()
    return STEPS[settings.source] + judged


def _own(desk: Desk, outputs: dict[str, str], index: int) -> list[Row]:
    """The rows that one iteration gives, from its steps' outputs."""
    if desk.config.train.method == "dpo":
        return pair_rows(desk, outputs)
    done = {step: desk.store.output(outputs[step]) for step in _steps(desk)}
    prompts = {prompt.digest: prompt for prompt in desk.store.all_rows("prompts", done["prompts"])}
    responses = {response.digest: response for response in desk.store.all_rows("responses", done["generate"])}
    judgments = _scores(desk, done["judge"], index) if "judge" in done else []
    if "revise" in done:
        revisions: list[Revision] = desk.store.all_rows("revisions", done["revise"])
        learnt = to_learn(desk.config.train.revision, list(responses.values()), revisions, judgments)
        return [_answer(prompts, one, 1.0) for one in learnt]
    if "judge" in done:
        return [_answer(prompts, response, 1.0) for response in best_answers(responses.values(), judgments)]
    pairs = desk.store.all_rows("pairs", done["pair"])
    return [_answer(prompts, responses[pair.chosen], pair.weight) for pair in pairs]


def _scores(desk: Desk, judged: Output, index: int) -> list[Judgment]:
    judgments = decisive(desk.store.all_rows("judgments", judged))
    if any(judgment.target == "pair" for judgment in judgments):
        raise ConfigError(
            f"train.learn={desk.config.train.learn}: the judge of iteration {index} compared answers and scored none; "
            "set judge.method=expected, or train.learn=chosen"
        )
    return judgments


def _answer(prompts: dict[str, Prompt], response: Response | Revision, weight: float) -> Row:
    return prompts[response.prompt], {"answer_ids": response.token_ids, "answer": None, "weight": weight}


def _demonstrations(desk: Desk) -> list[Row]:
    read = read_demonstrations(Path(str(desk.config.train.demonstrations)))
    return [(one.prompt, {"answer_ids": None, "answer": one.answer, "weight": one.weight}) for one in read]


def _drawn(before: list[Row], new: int, share: float, seed: int) -> list[Row]:
    """As many of the earlier rows as make up `share` of all, in their order; all of them where they are too few."""
    wanted = min(round(new * share / (1 - share)), len(before))
    return [before[number] for number in sorted(random.Random(seed).sample(range(len(before)), wanted))]


def held_out_prompts(prompts: set[str], share: float, seed: int) -> set[str]:
    """The prompts that are held out, by lot of each by itself, so that one is in every iteration or in none.

    At least one is, if any are to be: else a small iteration could not be looked at.
    """
    if not share or not prompts:
        return set()
    lot = {prompt: seed_of(seed, "held-out", prompt) / 2**63 for prompt in prompts}
    return {prompt for prompt, drawn in lot.items() if drawn < share} or {min(lot, key=lot.__getitem__)}
