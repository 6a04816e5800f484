"""What an adapter is trained on: rows of this iteration, and of those before it where the settings say so."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from judges.best_of_n import best_answers
from loop.demonstration_file import Demonstration, demonstrations_path, read_demonstrations
from loop.desk import Desk
from loop.panel import decisive
from loop.steps.past import earlier
from loop.steps.revised_answers import to_learn
from loop.steps.turn import Turn
from loop.strict_lines import free_to_learn
from runs.canonical import digest, digest_file, seed_of
from runs.errors import ConfigError
from runs.lineage import JUDGE_TRAINING
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
TEXTS = pa.schema([*PAIRS, ("chosen", pa.string()), ("rejected", pa.string())])
"""Where some answers were never sampled: these are texts, and have no ids."""
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
        return {"demonstrations": digest_file(demonstrations_path(str(settings.demonstrations)))}
    made_of: dict[str, str] = _made_of(turn.outputs, (*_steps(desk), *_meta(turn.outputs)))
    if settings.rehearses:
        made_of["rehearsed"] = digest_file(demonstrations_path(str(settings.demonstrations)))
    if settings.looks_back:
        made_of["pool"] = digest(
            [
                list(_made_of(one.outputs, (*_steps(desk), *_meta(one.outputs))).values())
                for one in _with_rows(desk, turn)
            ]
        )
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
    if settings.rehearses:
        found = found + _rehearsed(desk, turn, len(found), held_out)
    schema = ANSWERS if settings.method == "sft" else TEXTS if any("chosen" in row for _, row in found) else PAIRS
    if settings.rehearses:
        schema = schema.append(pa.field("rehearsed", pa.bool_()))
    return pa.Table.from_pylist(listed(found, held_out), schema=schema)


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
    prompts, answers = _known(desk, outputs)
    pairs = desk.store.all_rows("pairs", desk.store.output(outputs["pair"]))
    return [_compared(pair, prompts, answers, beside(pair)) for pair in pairs]


def judgment_rows(desk: Desk, meta: str) -> list[Row]:
    """The pairs of judgments that the step `meta` gave: the judge's question, and its replies as texts."""
    output = desk.store.output(meta)
    prompts, replies = (
        {row.digest: row for row in desk.store.all_rows(noun, output)} for noun in ("prompts", "responses")
    )
    return [_compared(pair, prompts, replies, {}) for pair in desk.store.all_rows("pairs", output)]


def _compared(
    pair: PreferencePair, prompts: dict[str, Prompt], answers: dict[str, Response], beside: dict[str, Any]
) -> Row:
    return prompts[pair.prompt], {
        **_said("chosen", answers[pair.chosen]),
        **_said("rejected", answers[pair.rejected]),
        "label_probability": pair.label_probability,
        "weight": pair.weight,
        **beside,
    }


def _known(desk: Desk, outputs: dict[str, str]) -> tuple[dict[str, Prompt], dict[str, Response]]:
    """The prompts and the answers of an iteration, those out of a file included, by their digests."""
    done = {step: desk.store.output(got) for step, got in _made_of(outputs, STEPS["pairs"]).items()}

    def rows(noun: str, *steps: str) -> dict[str, Any]:
        return {one.digest: one for step in steps if step in done for one in desk.store.all_rows(noun, done[step])}

    return rows("prompts", "prompts", "pair"), rows("responses", "generate", "pair")


def _said(side: str, answer: Response) -> dict[str, Any]:
    """One side of a pair: its ids, or its text where nobody sampled it."""
    return {f"{side}_ids": answer.token_ids} if answer.token_ids else {side: answer.text}


def _with_rows(desk: Desk, turn: Turn) -> list[Iteration]:
    """Those that this iteration's rows can be made of too; pairs can do without an answer of the policy's."""
    needed = {step for step in _steps(desk) if step != "generate" or desk.config.train.source != "pairs"}
    return earlier(desk, turn, sorted(needed))


def _made_of(outputs: dict[str, str], steps: Sequence[str]) -> dict[str, str]:
    """The outputs of these steps. Where people's labels make the pairs nobody answers, and there is one less."""
    return {step: outputs[step] for step in steps if step in outputs}


def _meta(outputs: Mapping[str, str]) -> tuple[str, ...]:
    """The step that gave pairs of judgments beside them, unless a judge of its own adapter learnt from those."""
    return ("meta",) if "meta" in outputs and JUDGE_TRAINING not in outputs else ()


def _steps(desk: Desk) -> tuple[str, ...]:
    settings = desk.config.train
    judged = ("judge",) if settings.source == "revisions" and settings.revision == "best" else ()
    return STEPS[settings.source] + judged


def _own(desk: Desk, outputs: dict[str, str], index: int) -> list[Row]:
    """The rows that one iteration gives, from its steps' outputs."""
    if desk.config.train.method == "dpo":
        return pair_rows(desk, outputs) + [row for meta in _meta(outputs) for row in judgment_rows(desk, outputs[meta])]
    done = {step: desk.store.output(got) for step, got in _made_of(outputs, _steps(desk)).items()}
    prompts, responses = _known(desk, {step: outputs[step] for step in done})
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
    said = {"answer_ids": response.token_ids or None, "answer": None if response.token_ids else response.text}
    return prompts[response.prompt], {**said, "weight": weight}


def _demonstrations(desk: Desk) -> list[Row]:
    read = read_demonstrations(demonstrations_path(str(desk.config.train.demonstrations)))
    return [(one.prompt, {"answer_ids": None, "answer": one.answer, "weight": one.weight}) for one in read]


def _rehearsed(desk: Desk, turn: Turn, new: int, held_out: set[str]) -> list[Row]:
    """The demonstrations beside `new` rows. None is of a prompt that is held out, or kept for measuring."""
    settings = desk.config.train
    read = read_demonstrations(demonstrations_path(str(settings.demonstrations)))
    kept_out = held_out | held_out_prompts(
        {one.prompt.digest for one in read}, settings.held_out_frac, desk.config.seed
    )
    free = [one for one in free_to_learn(read, desk.config.prompts.source) if one.prompt.digest not in kept_out]
    rows: list[Row] = [(one.prompt, _rehearsal(settings.method, one)) for one in free]
    return _drawn(rows, new, settings.rehearsal_frac, seed_of(desk.config.seed, turn.index, "rehearsal"))


def _rehearsal(method: str, one: Demonstration) -> dict[str, Any]:
    said = {"answer": one.answer} if method == "sft" else {"chosen": one.answer, "label_probability": 1.0}
    return {**said, "weight": one.weight, "rehearsed": True}


def _drawn(before: list[Row], new: int, share: float, seed: int) -> list[Row]:
    """As many of these rows as make up `share` of all, in their order; all of them where they are too few."""
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
