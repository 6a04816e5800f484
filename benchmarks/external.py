"""What selfsame's statistics say about text and judgments of others, beside what was published about them.

    python -m benchmarks.external            # a row for each set of data that has none yet
    python -m benchmarks.external --page     # the tables of docs/external.md, from the rows

The data is public and not part of the repository: the folder that SELFSAME_TEST_DATA names holds it.
"""

import csv
import gzip
import json
import os
import re
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy.optimize import brentq
from scipy.special import expit

from benchmarks.cells import command_line, run_cells
from benchmarks.external_page import PAGE, SYSTEMS, tables, write
from judges.audit.statistic import bounded_mean, plain_mean
from judges.length_controlled import Comparison, win_rate
from judges.statistics import mean_difference, proportion
from judges.text_repetition import (
    boilerplate_fracs,
    compression_ratio,
    distinct_frac,
    self_repetition_frac,
    shared_openings,
)
from judges.text_signs import declines, signs
from loop.external.labels import read_labels

DATA = Path(os.environ.get("SELFSAME_TEST_DATA", "../shared/data"))
ALPACA = ("claude-2", "gpt-3.5-turbo-1106_verbose", "humpback-llama2-70b", "gemma-7b-it", "vicuna-7b-v1.5")
"""In the published order of their length-controlled win rates."""
REFERENCE = "HRLHF"
SHARES = {"evades", "declines", "boilerplate", "openings", "self_repetition"}
NEXT_TURN = re.compile(r"\n+\s*Human\b")


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The numbers of one cell."""
    match cell["data"]:
        case "alpaca_eval":
            return alpaca_eval(cell["model"])
        case "cai":
            return cai()
        case "hh_rlhf":
            return people()
        case _:
            return labelled_refusals(cell["split"])


def alpaca_eval(model: str) -> dict[str, Any]:
    """The win rates of one model, in per cent as they are published, with what was published."""
    rows_of = pq.read_table(DATA / "alpaca_eval" / f"{model}.parquet").to_pylist()
    judged = [Comparison(row["preference"] - 1, len(row["output_2"]), len(row["output_1"])) for row in rows_of]
    found = win_rate(judged)
    assert found.raw.value and found.raw.standard_error and found.length_mean and found.controlled
    board, weights = _published("leaderboard.csv")[model], _published("length_controlled_v1.csv")[model]
    # The published coefficient multiplies the baseline's length less the model's: the other sign of ours.
    published_length = -float(weights["np.tanh(std_delta_len)"])
    return {
        "n": found.raw.n,
        "win_rate": 100 * found.raw.value,
        "win_rate_se": 100 * found.raw.standard_error,
        "length_mean": found.length_mean,
        "controlled": [100 * end for end in found.controlled.rate if end is not None],
        "length": found.controlled.length,
        "controlled_with_published_length": 100 * _controlled_given(judged, published_length),
        "published": {
            "win_rate": float(board["win_rate"]),
            "win_rate_se": float(board["standard_error"]),
            "length_floor": int(board["avg_length"]),
            "controlled": float(board["length_controlled_winrate"]),
            "length": published_length,
        },
    }


def _controlled_given(judged: list[Comparison], length: float) -> float:
    """The rate at equal lengths where the coefficient of length is given and only the model's term is fitted."""
    longer_by_N = np.array([one.length - one.baseline_length for one in judged], dtype=float)
    of_length_N = length * np.tanh(longer_by_N / longer_by_N.std(ddof=1))
    wins = sum(one.preference for one in judged)
    return float(expit(brentq(lambda model: expit(model + of_length_N).sum() - wins, -20, 20)))


def _published(file: str) -> dict[str, dict[str, str]]:
    with (DATA / "alpaca_eval" / file).open(encoding="utf-8", newline="") as lines:
        return {row[""]: row for row in csv.DictReader(lines)}


def answers(system: str) -> dict[str, list[str]]:
    """Each prompt's answers by one of the paper's systems: 17 samples, or the last of four revisions for SL-CAI."""
    found = {}
    for line in (DATA / "cai" / f"PALMS_{system}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "sampled_answers" in row:
            texts = [sample["sampled_string"] for sample in row["sampled_answers"]]
        else:
            texts = [row["cst"][-1]["revision"]["sample"]]
        found[row["rl_prompt"]] = [NEXT_TURN.split(text)[0].strip() for text in texts]
    return found


def by_prompt(of_prompts: dict[str, list[str]]) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Of each sign its mean for every prompt (in the order of the prompts), and what only whole sets have.

    Sets are of one answer to each prompt, so that a system with many answers looks no more alike than one with few.
    """
    prompts = sorted(of_prompts)
    found: dict[str, list[float]] = {}
    for prompt in prompts:
        read = [signs(answer) for answer in of_prompts[prompt]]
        for name in ("evades", "declines", "words", "hedges", "consoling", "preaching"):
            found.setdefault(name, []).append(fmean(float(getattr(one, name)) for one in read))
        found.setdefault("self_repetition", []).append(fmean(map(self_repetition_frac, of_prompts[prompt])))
    sets = list(zip(*(of_prompts[prompt] for prompt in prompts), strict=True))
    for name, share in (("boilerplate", boilerplate_fracs), ("openings", shared_openings)):
        found[name] = [fmean(map(float, of_one)) for of_one in zip(*map(share, sets), strict=True)]
    engaged = [
        frac for one in sets for frac, answer in zip(boilerplate_fracs(one), one, strict=True) if not declines(answer)
    ]
    whole = {
        "boilerplate_engaged": fmean(engaged),
        "distinct_2": fmean(distinct_frac(one, 2) or 0.0 for one in sets),
        "compression": fmean(compression_ratio(one) or 0.0 for one in sets),
    }
    return found, whole


def cai() -> dict[str, Any]:
    """Every sign by system: its mean over the prompts with the bootstrap's interval, and less the reference's."""
    measured = {system: by_prompt(answers(system)) for system in SYSTEMS}
    result: dict[str, Any] = {}
    for system, (signs_of, whole) in measured.items():
        own: dict[str, Any] = {"answers_a_prompt": len(next(iter(answers(system).values()))), "sets": whole}
        for name, values in signs_of.items():
            reference = measured[REFERENCE][0][name]
            own[name] = {
                "mean": list(bounded_mean(values, 0, 1) if name in SHARES else plain_mean(values)),
                "less_reference": list(mean_difference(reference, values, seed=0)),
            }
        result[system] = own
    return {"prompts": len(measured[REFERENCE][0]["words"]), "reference": REFERENCE, "systems": result}


def people() -> dict[str, Any]:
    """What people's harmlessness labels owe to length: pairs of chosen and rejected answers, oriented by lot."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "harmless.jsonl"
        path.write_bytes(gzip.decompress((DATA / "hh-rlhf" / "harmless-base-test.jsonl.gz").read_bytes()))
        pairs = read_labels(path, {}, None).pairs
    found = win_rate([Comparison(1 - p.chance, p.length_b, p.length_a) for p in pairs if p.chance is not None])
    assert found.controlled
    longer = [(pair.length_a > pair.length_b) == (pair.ab == 1) for pair in pairs if pair.length_a != pair.length_b]
    return {
        "n": len(pairs),
        "longer_preferred": list(proportion(sum(longer), len(longer))),
        "length": list(found.controlled.length),
    }


def labelled_refusals(split: str) -> dict[str, Any]:
    """How `declines` agrees with the people who labelled completions (`inability_to_comply`)."""
    lines = (DATA / "rbr" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [
        (declines(row["completion"][-1]["content"]), bool(row["propositions"]["inability_to_comply"]))
        for row in map(json.loads, lines)
    ]
    return {
        "n": len(pairs),
        "both": pairs.count((True, True)),
        "pattern_alone": pairs.count((True, False)),
        "people_alone": pairs.count((False, True)),
    }


def main() -> None:
    parser = command_line(__doc__, "docs/external.md")
    asked = parser.parse_args()
    if not asked.page:
        cells = [{"data": "alpaca_eval", "model": model} for model in ALPACA]
        cells += [
            {"data": "hh_rlhf"},
            {"data": "cai"},
            {"data": "rbr", "split": "train"},
            {"data": "rbr", "split": "test"},
        ]
        run_cells("external", cells, measure, asked.fresh)
    write(PAGE, tables())


if __name__ == "__main__":
    main()
