"""Whether the drift metrics of answers tell real systems apart: `python -m benchmarks.real_text`.

    python -m benchmarks.real_text           # a row for each set of data that has none yet
    python -m benchmarks.real_text --page    # the tables of docs/real-text.md, from the rows

Each system's answers, one to each prompt, go through what the step `drift` computes of a policy's. Beside real systems
stand broken ones, made of a real one's answers. The data is public and not part of the repository: the folder that
SELFSAME_TEST_DATA names holds it.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

import pyarrow.parquet as pq

from benchmarks.cells import command_line, newest, run_cells
from benchmarks.external import ALPACA, DATA, REFERENCE, answers
from benchmarks.external_page import SYSTEMS, write
from benchmarks.real_text_page import PAGE, tables
from judges.text_signs import words
from loop.drift.discrepancy import discrepancy
from loop.drift.diversity import prompt_independence, vendi_frac
from loop.steps.drift_policy import repetition

CELLS: list[dict[str, Any]] = [{"data": "alpaca_eval"}, {"data": "cai"}]
BASELINE = "gpt-4-turbo"
VARIED = "humpback-llama2-70b"
"""The system of AlpacaEval that the others are held against, and that broken ones are made of."""
REFUSAL = "I'm sorry, but I can't help with that."
OPENING, CLOSING = "Certainly! Here is a helpful answer to your question.", "I hope this helps! Let me know if not."
Numbers = dict[str, float | None]


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The numbers of every system of one set of data."""
    return alpaca_eval() if cell["data"] == "alpaca_eval" else cai()


def alpaca_eval() -> dict[str, Any]:
    """805 instructions with an answer each by six systems, and by broken ones made of one of them."""
    read = {model: pq.read_table(DATA / "alpaca_eval" / f"{model}.parquet").to_pylist() for model in ALPACA}
    said = {model: [row["output_2"] for row in rows] for model, rows in read.items()}
    said[BASELINE] = [row["output_1"] for row in read[VARIED]]
    instructions = [[row["instruction"] for row in rows] for rows in read.values()]
    if any(one != instructions[0] for one in instructions):
        raise SystemExit("the files of alpaca_eval are not of the same instructions in the same order")
    said |= {name: breaking(said[VARIED]) for name, breaking in BROKEN.items()}
    return {
        "prompts": len(instructions[0]),
        "reference": VARIED,
        "systems": {name: of_set(texts, said[VARIED]) for name, texts in said.items()},
    }


def cai() -> dict[str, Any]:
    """40 sensitive questions, with 17 answers each by the Constitutional AI paper's systems (SL-CAI: one).

    Numbers of a set of one answer to each question are averaged over up to 17 sets, so that all systems are alike.
    """
    read = {system: answers(system) for system in SYSTEMS}
    prompts = sorted(read[REFERENCE])
    sets = {system: list(zip(*(of[prompt] for prompt in prompts), strict=True)) for system, of in read.items()}
    found: dict[str, Numbers] = {}
    for system, of_system in sets.items():
        each = [of_set(one, sets[REFERENCE][(nth + 1) % 17]) for nth, one in enumerate(of_system)]
        found[system] = {name: _mean([one[name] for one in each]) for name in each[0]}
        if len(of_system) > 1:
            samples = [read[system][prompt] for prompt in prompts]
            found[system] |= {
                "prompt_independence": prompt_independence(samples),
                "vendi_within_prompt": fmean(map(vendi_frac, samples)),
            }
    return {"prompts": len(prompts), "reference": REFERENCE, "systems": found}


def of_set(texts: Sequence[str], reference: Sequence[str]) -> Numbers:
    """What drift says of one answer to each prompt, and how far they are from the reference's."""
    apart = discrepancy(texts, reference, seed=0)
    shares = {name.partition("/")[2]: value for name, value in repetition(texts).items()}
    return {
        **shares,
        "words": fmean(len(words(text)) for text in texts),
        "vendi": vendi_frac(texts),
        "mmd2": apart.mmd2,
        "mmd2_p": apart.p_value,
    }


def one_answer(texts: Sequence[str]) -> list[str]:
    """The same answer to every prompt."""
    return [texts[0]] * len(texts)


def ten_answers(texts: Sequence[str]) -> list[str]:
    """One of ten answers to every prompt, by lot."""
    rng = random.Random(0)
    return [rng.choice(texts[:10]) for _ in texts]


def in_a_template(texts: Sequence[str]) -> list[str]:
    """The same first and last sentence around every answer."""
    return [f"{OPENING}\n\n{text}\n\n{CLOSING}" for text in texts]


def said_twice(texts: Sequence[str]) -> list[str]:
    """Every answer said twice over."""
    return [f"{text}\n\n{text}" for text in texts]


def half_refused(texts: Sequence[str]) -> list[str]:
    """A bare refusal of every second prompt."""
    return [REFUSAL if nth % 2 else text for nth, text in enumerate(texts)]


BROKEN: Mapping[str, Callable[[Sequence[str]], list[str]]] = {
    "one answer to all": one_answer,
    "ten answers to all": ten_answers,
    "in a template": in_a_template,
    "each said twice": said_twice,
    "half refused": half_refused,
}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def main() -> None:
    """Measure what has no row yet, and write the page."""
    asked = command_line(__doc__, "docs/real-text.md").parse_args()
    if not asked.page:
        run_cells("real_text", CELLS, measure, asked.fresh)
    write(PAGE, tables({row["cell"]["data"]: row["result"] for row in newest("real_text")}))


if __name__ == "__main__":
    main()
