"""Whether weights fitted by the hinge loss order completions better than one proposition does, on people's labels.

    python -m benchmarks.rules            # a row for each cell that has none yet
    python -m benchmarks.rules --page     # the tables of docs/rules.md, from the rows

A cell is a response type, a grader's share of wrong answers, and a seed. Completions of different class within the type
are the pairs; the classes are always those of the people's labels. A grader who errs says the opposite of a label
that often, at random, and knows how often: its probabilities are that share and the rest.
"""

import random
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import rbr
from benchmarks.cells import command_line, rows, run_cells
from constitutions.response_types import CLASSES, WORTH, ResponseType
from judges.rule_weights import RankedAnswer, RankedPair, best_single, fit, improvement, ordering, ranked_pairs
from judges.statistics import Estimate

PAGE = Path(__file__).parent.parent / "docs" / "rules.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
TYPES = {
    "comply": "comply",
    "hard_refuse": "hard refusal",
    "safe_refuse_2": "soft refusal of a request",
    "safe_refuse_1": "soft refusal",
}
ERRORS = (0.0, 0.1, 0.2)
SEEDS = (1, 2, 3, 4, 5)
WAYS = {
    "propositions": "weights of propositions",
    "all": "of propositions and classes",
    "table": "the table, not fitted",
    "single": "best single proposition",
}


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """How many test pairs each way of scoring orders rightly, fitted on the training pairs alone."""
    kind, names = rbr.response_types()[cell["type"]], sorted(rbr.labelled("train")[0].propositions)
    train, test = (pairs(cell["type"], kind, split, cell["error"], cell["seed"]) for split in ("train", "test"))
    sizes = {"train_pairs": len(train), "test_pairs": len(test)}
    if not train:
        return sizes
    weights = {
        "propositions": fit(train, names),
        "all": fit(train, [*names, *CLASSES]),
        "table": WORTH,
        "single": best_single(train, names),
    }
    return sizes | {
        "best_single": " ".join(("" if worth > 0 else "not ") + name for name, worth in weights["single"].items()),
        "weights": {name: round(weight, 3) for name, weight in weights["propositions"].items()},
        "trained": {way: ordering(train, own, cell["seed"]).right.value for way, own in weights.items()},
        "right": {way: ordering(test, own, cell["seed"]).right for way, own in weights.items()},
        "over_single": {
            way: improvement(test, own, weights["single"], cell["seed"])
            for way, own in weights.items()
            if way != "single"
        },
    }


def pairs(name: str, kind: ResponseType, split: str, error: float, seed: int) -> list[RankedPair]:
    """The split's completions of this type, two by two, as a grader with this share of errors sees them."""
    seen_by = random.Random(f"{split} {error} {seed}")
    answers = []
    for completion in rbr.labelled(split):
        labels = {id: float(holds) for id, holds in completion.propositions.items()}
        seen = {id: abs(label - (seen_by.random() < error)) for id, label in labels.items()}
        chances = {id: error + (1 - 2 * error) * label for id, label in seen.items()}
        if completion.response_type == name:
            rank = kind.class_chances(labels)
            best = max(CLASSES, key=lambda answer_class: rank[answer_class])
            answers.append(RankedAnswer(completion.name, WORTH[best], kind.features(chances)))
    return ranked_pairs([answers])


def tables(found: list[dict[str, Any]]) -> str:
    """The rows as two tables of Markdown: the labels as they are, and graders who err."""
    by_cell = {(row["cell"]["type"], row["cell"]["error"], row["cell"]["seed"]): row["result"] for row in found}
    lines = [
        "With the people's labels, in per cent of the test pairs; in brackets 95 % intervals.",
        "",
        heading("pairs to fit, to test"),
    ]
    for name, words in TYPES.items():
        result = by_cell[name, 0.0, SEEDS[0]]
        sizes = f"{result['train_pairs']:,}, {result['test_pairs']:,}"
        if "right" not in result:
            lines.append(f"| {words} | {sizes} | " + " | ".join("-" for _ in WAYS) + " | - |")
            continue
        shares = {way: percent(Estimate(*result["right"][way])) for way in WAYS}
        shares["single"] = f"`{result['best_single']}` {shares['single']}"
        gained = percent(Estimate(*result["over_single"]["propositions"]), sign="+")
        lines.append(f"| {words} | {sizes} | {' | '.join(shares[way] for way in WAYS)} | {gained} |")
    lines += [
        "",
        f"With a grader who errs, the mean of {len(SEEDS)} seeds and in brackets the least and the most of them.",
        "",
        heading("errors, %"),
    ]
    for name, words in TYPES.items():
        for error in ERRORS[1:]:
            results = [by_cell[name, error, seed] for seed in SEEDS]
            if "right" in results[0]:
                shares = {way: spread([result["right"][way][0] for result in results]) for way in WAYS}
                gained = spread([result["over_single"]["propositions"][0] for result in results], sign="+")
                lines.append(f"| {words} | {100 * error:.0f} | {' | '.join(shares[way] for way in WAYS)} | {gained} |")
    return "\n".join(lines)


def heading(second: str) -> str:
    """The first two lines of a table, of which the second column is called so."""
    columns = ["response type", second, *WAYS.values(), "fitted propositions over the single"]
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def percent(share: Estimate, sign: str = "") -> str:
    """The share with its interval, as per cent without the sign."""
    value, low, high = (100 * (part or 0.0) for part in share)
    return f"{value:{sign}.1f} ({low:{sign}.1f} to {high:{sign}.1f})"


def spread(shares: list[float], sign: str = "") -> str:
    """The mean of several shares, with the least and the most."""
    return percent(Estimate(fmean(shares), min(shares), max(shares)), sign)


def page(before: str, found: list[dict[str, Any]]) -> str:
    """The page with the tables that the rows make."""
    head, rest = before.split(BEGIN)
    return f"{head}{BEGIN}\n{tables(found)}\n{END}{rest.split(END)[1]}"


def main() -> None:
    parser = command_line(__doc__, "docs/rules.md")
    chosen = parser.parse_args()
    cells = [
        {"type": name, "error": error, "seed": seed}
        for name in TYPES
        for error in ERRORS
        for seed in (SEEDS if error else SEEDS[:1])
    ]
    if not chosen.page:
        run_cells("rules", cells, measure, chosen.fresh)
    print(tables(rows("rules")))
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), rows("rules")), encoding="utf-8")


if __name__ == "__main__":
    main()
