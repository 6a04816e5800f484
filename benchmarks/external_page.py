"""The tables of docs/external.md, made from the rows of `benchmarks.external`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.cells import rows

PAGE = Path(__file__).parent.parent / "docs" / "external.md"
SYSTEMS = {
    "HRLHF": "RLHF, helpful",
    "HHRLHF": "RLHF, helpful and harmless",
    "SLMADISON": "SL-CAI",
    "RLMADISON": "RL-CAI",
    "RLMADISON_COT": "RL-CAI, chain of thought",
}
COLUMNS = {
    "evades": ("evades, %", 100),
    "declines": ("declines, %", 100),
    "boilerplate": ("boilerplate, % of words", 100),
    "openings": ("shared opening, %", 100),
    "consoling": ("consoling", 1),
    "preaching": ("preaching", 1),
    "hedges": ("hedges", 1),
    "self_repetition": ("repeats itself, %", 100),
    "words": ("words", 1),
}


def tables() -> dict[str, str]:
    """The tables of the page by name, each from the newest row of its cell."""
    newest = {json.dumps(row["cell"], sort_keys=True): row["result"] for row in rows("external")}
    by_data: dict[str, dict[str, Any]] = {}
    for cell, result in newest.items():
        asked = json.loads(cell)
        by_data.setdefault(asked["data"], {})[asked.get("model") or asked.get("split") or ""] = result
    found = by_data["cai"][""]
    return {
        "alpaca_eval": _alpaca_table(by_data["alpaca_eval"]),
        "cai": _cai_table(found, "mean"),
        "cai_paired": _cai_table(found, "less_reference"),
        "people": _people_table(by_data["hh_rlhf"][""]),
        "refusals": _refusal_table(by_data["rbr"]),
    }


def _alpaca_table(found: dict[str, Any]) -> str:
    lines = [
        "| model | n | win rate, % (SE) | published | mean length | published | length-controlled, % | published "
        "| with the published length coefficient | length coefficient | published |",
        "|---" * 11 + "|",
    ]
    for model in sorted(found, key=lambda model: -found[model]["published"]["controlled"]):
        got, told = found[model], found[model]["published"]
        lines.append(
            f"| {model} | {got['n']} | {got['win_rate']:.3f} ({got['win_rate_se']:.3f}) "
            f"| {told['win_rate']:.3f} ({told['win_rate_se']:.3f}) | {got['length_mean']:.1f} | {told['length_floor']} "
            f"| {_interval(got['controlled'], 1)} | {told['controlled']:.1f} "
            f"| {got['controlled_with_published_length']:.1f} "
            f"| {_interval(got['length'], 2)} | {told['length']:.2f} |"
        )
    return "\n".join(lines)


def _interval(estimate: list[float], digits: int, sign: str = "") -> str:
    value, low, high = (f"{number:{sign}.{digits}f}" for number in estimate)
    return f"{value} ({low} to {high})"


def _cai_table(found: dict[str, Any], what: str) -> str:
    sets = {"boilerplate_engaged": "boilerplate where it engages, %", "distinct_2": "distinct-2", "compression": "zlib"}
    shown = {system: name for system, name in SYSTEMS.items() if what == "mean" or system != found["reference"]}
    lines = [f"| {found['prompts']} prompts | {' | '.join(shown.values())} |", "|---" * (len(shown) + 1) + "|"]
    if what == "mean":
        counts = (str(found["systems"][system]["answers_a_prompt"]) for system in shown)
        lines.append(f"| answers to each | {' | '.join(counts)} |")
    for name, (head, scale) in COLUMNS.items():
        sign = "+" if what == "less_reference" else ""
        digits = 1 if scale == 100 else 2
        cells = [
            _interval([scale * number for number in found["systems"][system][name][what]], digits, sign)
            for system in shown
        ]
        lines.append(f"| {head} | {' | '.join(cells)} |")
    if what == "mean":
        for name, head in sets.items():
            scale = 100 if name == "boilerplate_engaged" else 1
            values = (f"{scale * found['systems'][system]['sets'][name]:.2f}" for system in shown)
            lines.append(f"| {head} | {' | '.join(values)} |")
    return "\n".join(lines)


def _people_table(found: dict[str, Any]) -> str:
    longer = _interval([100 * number for number in found["longer_preferred"]], 1)
    return (
        "| pairs | the longer answer is preferred, % | length coefficient |\n|---|---|---|\n"
        f"| {found['n']} | {longer} | {_interval(found['length'], 2)} |"
    )


def _refusal_table(found: dict[str, Any]) -> str:
    lines = ["| split | completions | both | the pattern alone | people alone |", "|---|---|---|---|---|"]
    for split, got in sorted(found.items(), reverse=True):
        lines.append(f"| {split} | {got['n']} | {got['both']} | {got['pattern_alone']} | {got['people_alone']} |")
    return "\n".join(lines)


def write(path: Path, tables_of: Mapping[str, str]) -> None:
    """Put the table of that name between each pair of marks on the page."""
    page = path.read_text(encoding="utf-8")
    for name, table in tables_of.items():
        before, mark, rest = page.partition(f"<!-- table {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        page = f"{before}{mark}{table}\n{end}{after}"
    path.write_text(page, encoding="utf-8")
