"""The tables of docs/real-text.md, made from the rows of `benchmarks.real_text`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.external_page import SYSTEMS

PAGE = Path(__file__).parent.parent / "docs" / "real-text.md"
COLUMNS = {
    "words": ("words", 1, 0),
    "vendi": ("vendi", 1, 2),
    "commonest_answer_frac": ("commonest answer, %", 100, 1),
    "template_frac": ("template, %", 100, 1),
    "shared_opening_frac": ("shared opening, %", 100, 1),
    "boilerplate_frac": ("boilerplate, %", 100, 1),
    "boilerplate_engaged_frac": ("where it engages, %", 100, 1),
    "self_repetition_frac": ("repeats itself, %", 100, 1),
    "distinct_2_frac": ("distinct-2", 1, 2),
    "compression_ratio": ("zlib", 1, 2),
    "declines_frac": ("declines, %", 100, 1),
    "evades_frac": ("evades, %", 100, 1),
    "mmd2": ("mmd2", 1, 3),
    "mmd2_p": ("p", 1, 3),
}
"""What a column is called, what its number is multiplied by, and how many digits it has."""
OF_SAMPLES = {
    "prompt_independence": ("prompt independence", 1, 2),
    "vendi_within_prompt": ("vendi within a prompt", 1, 2),
}


def tables(found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The tables of the page by name: a row for each system, in the order in which it was measured."""
    return {data: _table(result, COLUMNS | (OF_SAMPLES if data == "cai" else {})) for data, result in found.items()}


def _table(result: Mapping[str, Any], columns: Mapping[str, tuple[str, float, int]]) -> str:
    heads = [f"{result['prompts']} prompts", *(head for head, _, _ in columns.values())]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for system, numbers in result["systems"].items():
        shown = [_cell(numbers.get(name), times, digits) for name, (_, times, digits) in columns.items()]
        named = SYSTEMS.get(system, system) + (" (the reference)" if system == result["reference"] else "")
        lines.append("| " + " | ".join([named, *shown]) + " |")
    return "\n".join(lines)


def _cell(value: float | None, times: float, digits: int) -> str:
    return "" if value is None else f"{times * value:.{digits}f}"
