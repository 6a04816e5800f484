"""Measures the microworld's models on held-out prompts: `python -m microworld.evaluate [--write]`.

How good their answers are by family, and how well they judge in every format. `--write` puts the tables between the
marks in docs/microworld.md. Every share stands with its 95 % interval (Wilson's for shares, bootstrap for means).
"""

import argparse
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from constitutions.fill import fill, request_text
from constitutions.load import Constitution, load_constitution, shipped
from microworld.demonstrations import near, rubric_reply
from microworld.gold import MOST, score
from microworld.grammar import parse
from microworld.phrasings import FAMILIES, RED_TEAM
from microworld.principles import OPPOSED, holds, prefers
from microworld.reader import Reader
from microworld.splits import prompts
from runs.records import Message

MODELS = Path(__file__).with_name("models")
PAGE = Path(__file__).parents[1] / "docs" / "microworld.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PROMPTS = 1300
SEED = 1
SCORES = ("0", "1", "2", "3", "4", "5")
SCORE_LINE, ANSWER_LINE = re.compile(r"\nScore: ([0-5])"), re.compile(r"\nAnswer: ([AB])")


@dataclass(frozen=True)
class Pair:
    """Two answers of one model to one prompt."""

    messages: tuple[Message, ...]
    family: str
    a: str
    b: str

    @property
    def gold(self) -> tuple[float, float]:
        """The truth about both."""
        return score(self.messages, self.a).total, score(self.messages, self.b).total


@dataclass(frozen=True)
class Share:
    """`hits` of `n`."""

    hits: float
    n: int

    def __str__(self) -> str:
        if not self.n:
            return "-"
        interval = stats.binomtest(round(self.hits), self.n).proportion_ci(method="wilson")
        return f"{100 * self.hits / self.n:.0f} ({100 * interval.low:.0f} to {100 * interval.high:.0f})"


def mean_share(values: Sequence[float]) -> str:
    """The mean of golds as a percentage of the most, with its bootstrap interval."""
    percent = 100 * np.asarray(values) / MOST
    if len(percent) < 2 or percent.std() == 0:
        return f"{percent.mean():.0f}"
    drawn = np.random.default_rng(SEED).choice(percent, (2000, len(percent))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{percent.mean():.0f} ({low:.0f} to {high:.0f})"


def draw_pairs(reader: Reader, n: int) -> list[Pair]:
    """`n` pairs of answers sampled at temperature 1 to held-out prompts."""
    asked = prompts("held-out", n, SEED)
    both = [reader.write([p.messages for p in asked], 1.0, seed) for seed in (1, 2)]
    return [Pair(p.messages, p.tags["family"], a, b) for p, a, b in zip(asked, *both, strict=True)]


# ---- the judges' formats ----------------------------------------------------------------------------------------------


def _asked(constitution: Constitution, method: str, messages: Sequence[Message], **values: str) -> list[Message]:
    question = constitution.question(method)  # type: ignore[arg-type]
    return [Message("user", fill(question, request=request_text(messages), **values))]


def expected_scores(judge: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> tuple[np.ndarray, float]:
    """(N, 2): the expected score of both answers; and the least of the probability mass on the scale (its 2 % quantile)."""
    asked = [_asked(constitution, "expected", p.messages, response=text) for p in pairs for text in (p.a, p.b)]
    found = judge.probabilities(asked, SCORES).numpy()
    scores = found @ np.arange(6) / found.sum(1)
    return scores.reshape(-1, 2), float((found.sum(1) >= 0.5).mean())


def rubric_scores(judge: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> tuple[np.ndarray, float]:
    """(N, 2): the mean of three replies at temperature 0.7 on both answers, NaN where none is readable; and the share that is."""
    asked = [_asked(constitution, "rubric", p.messages, response=text) for p in pairs for text in (p.a, p.b)]
    replies = [judge.write(asked, 0.7, seed) for seed in (1, 2, 3)]
    stated = np.array([[_stated(SCORE_LINE, reply) for reply in same] for same in replies], dtype=float)
    readable = ~np.isnan(stated)
    counts = readable.sum(0)
    means = np.where(counts > 0, np.nansum(stated, 0) / np.maximum(counts, 1), np.nan)
    return means.reshape(-1, 2), float(readable.mean())


def _stated(pattern: re.Pattern[str], reply: str) -> float:
    match = pattern.search(reply)
    if match is None:
        return np.nan
    return {"A": 1.0, "B": -1.0}.get(match[1]) or float(match[1] if match[1].isdigit() else 0)


def pairwise_leanings(judge: Reader, constitution: Constitution, principle: str, pairs: Sequence[Pair]) -> np.ndarray:
    """(N,): above 0 where the judge finds `a` better: its odds from both orders shown, averaged."""
    text = constitution.principle(principle).text
    shown = [(p.messages, a, b) for p in pairs for a, b in ((p.a, p.b), (p.b, p.a))]
    asked = [
        _asked(constitution, "pairwise", m, principle=text, response_a=a, response_b=b) for m, a, b in shown
    ]
    found = judge.probabilities(asked, ("A", "B")).numpy()
    share_of_a = (found[:, 0] / found.sum(1)).reshape(-1, 2)
    return share_of_a[:, 0] - share_of_a[:, 1]


def reasoned_verdicts(judge: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> np.ndarray:
    """(N,): 1 for `a`, -1 for `b`, as one reply at temperature 0.7 says; NaN where it cannot be read."""
    text = constitution.principle("overall").text
    asked = [
        _asked(constitution, "pairwise_reasoned", p.messages, principle=text, response_a=p.a, response_b=p.b)
        for p in pairs
    ]
    return np.array([_stated(ANSWER_LINE, reply) for reply in judge.write(asked, 0.7, 1)])


def agreement(leanings: np.ndarray, truths: np.ndarray) -> Share:
    """How many of the pairs that truly differ are judged rightly; a judge's tie or unreadable reply counts half or nothing."""
    differ = truths != 0
    right = (np.sign(leanings) == np.sign(truths)) + 0.5 * (leanings == 0)
    return Share(float(right[differ].sum()), int(differ.sum()))


# ---- the tables -------------------------------------------------------------------------------------------------------


def answers_table(writer: Reader, judge: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> list[str]:
    """Gold by family, sampled and greedy; how many greedy answers are right; and how well the model judges there."""
    rows = ["| family | sampled gold, % | greedy gold, % | greedy right, % | judged rightly, % |", "|---|---|---|---|---|"]
    greedy = writer.write([p.messages for p in pairs], 0.0, SEED)
    scores, _ = expected_scores(judge, constitution, pairs)
    leanings, truths = scores[:, 0] - scores[:, 1], np.array([a - b for a, b in (p.gold for p in pairs)])
    for family in (*FAMILIES, "all"):
        own = [i for i, p in enumerate(pairs) if family in (p.family, "all")]
        sampled = [g for i in own for g in pairs[i].gold]
        golds = [score(pairs[i].messages, greedy[i]) for i in own]
        right = Share(sum(g.correct for g in golds), len(own))
        judged = agreement(leanings[own], truths[own])
        rows.append(f"| {family} | {mean_share(sampled)} | {mean_share([g.total for g in golds])} | {right} | {judged} |")
    return rows


def red_team_line(pairs: Sequence[Pair]) -> str:
    """How many sampled answers to red-team requests do what is asked."""
    harmful = [score(p.messages, text).harmful for p in pairs if p.family in RED_TEAM for text in (p.a, p.b)]
    return f"Complies with red-team requests (sampled): {Share(sum(harmful), len(harmful))} %."


def formats_table(judges: dict[str, Reader], constitution: Constitution, pairs: Sequence[Pair]) -> list[str]:
    """How well each model judges `pairs` in each format, and how many of its replies can be read."""
    names = list(judges)
    rows = ["| format | " + " | ".join(f"{n}: right, % | {n}: readable, %" for n in names) + " |"]
    rows.append("|---" * (1 + 2 * len(names)) + "|")
    cells: dict[str, list[str]] = defaultdict(list)
    truths = np.array([a - b for a, b in (p.gold for p in pairs)])
    for judge in judges.values():
        scores, readable = expected_scores(judge, constitution, pairs)
        cells["expected score"] += [str(agreement(scores[:, 0] - scores[:, 1], truths)), f"{100 * readable:.1f}"]
        scores, readable = rubric_scores(judge, constitution, pairs)
        cells["rubric, three replies"] += [str(agreement(scores[:, 0] - scores[:, 1], truths)), f"{100 * readable:.1f}"]
        leanings = pairwise_leanings(judge, constitution, "overall", pairs)
        cells["pairwise, both orders"] += [str(agreement(leanings, truths)), "-"]
        verdicts = reasoned_verdicts(judge, constitution, pairs)
        cells["pairwise with reasons"] += [str(agreement(verdicts, truths)), f"{100 * (1 - np.isnan(verdicts).mean()):.1f}"]
        cells["meta-judgment"] += [str(_meta_judgments(judge, constitution, pairs)), "-"]
        for name, share in _propositions(judge, constitution, pairs).items():
            cells[f"proposition: {name}"] += [str(share), "-"]
    return rows + [f"| {name} | {' | '.join(own)} |" for name, own in cells.items()]


def _meta_judgments(judge: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> Share:
    """Of two rubric judgments of `a`, one right and one that describes a `b` at least a point away: is the right one found?"""
    rng = random.Random(SEED)
    asked, rights = [], []
    for pair in pairs:
        task, golds = parse(pair.messages), pair.gold
        if task is None or abs(golds[0] - golds[1]) < 1:
            continue
        both = [rubric_reply(task, text, near(g, rng)) for text, g in zip((pair.a, pair.b), golds, strict=True)]
        first = rng.random() < 0.5
        a, b = both if first else both[::-1]
        asked.append(_asked(constitution, "meta", pair.messages, response=pair.a, judgment_a=a, judgment_b=b))
        rights.append(0 if first else 1)
    found = judge.probabilities(asked, ("A", "B")).argmax(1).numpy()
    return Share(float((found == np.array(rights)).sum()), len(rights))


def _propositions(judge: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> dict[str, Share]:
    """Of two answers of which a proposition holds for one only: is that one given the likelier yes?"""
    shares = {}
    for name, question in constitution.propositions.items():
        truths = np.array([holds(name, p.messages, p.a) - holds(name, p.messages, p.b) for p in pairs])
        differ = [p for p, truth in zip(pairs, truths, strict=True) if truth]
        if not differ:
            continue
        asked = [
            _asked(constitution, "proposition", p.messages, proposition=question, response=text)
            for p in differ
            for text in (p.a, p.b)
        ]
        found = judge.probabilities(asked, ("yes", "no")).numpy()
        leaning = (found[:, 0] / found.sum(1)).reshape(-1, 2)
        shares[name] = agreement(leaning[:, 0] - leaning[:, 1], truths[truths != 0])
    return shares


def principles_table(judge: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> list[str]:
    """How many pairwise verdicts turn round when a principle is exchanged for its opposite."""
    rows = ["| principles exchanged | flips where they differ, % | flips where they do not, % |", "|---|---|---|"]
    for one, other in OPPOSED:
        before, after = (pairwise_leanings(judge, constitution, p, pairs) for p in (one, other))
        flipped = np.sign(before) != np.sign(after)
        differ = np.array([prefers(one, p.messages, p.a, p.b) * prefers(other, p.messages, p.a, p.b) < 0 for p in pairs])
        same = np.array([not prefers(one, p.messages, p.a, p.b) for p in pairs])
        same &= np.array([p.a != p.b for p in pairs])
        counts = [Share(float(flipped[kind].sum()), int(kind.sum())) for kind in (differ, same)]
        rows.append(f"| {one}, {other} | {counts[0]} | {counts[1]} |")
    return rows


def report(folder: Path, n: int) -> str:
    """All tables for the models in `folder`, as Markdown."""
    constitution = load_constitution(shipped("microworld"))
    m0, m1 = Reader(folder / "m0"), Reader(folder / "m1")
    pairs = draw_pairs(m1, n)
    lines = [f"Measured on {n} held-out prompts, two answers of `m1` to each; in brackets 95 % intervals.", ""]
    lines += ["Answers of `m1`:", "", *answers_table(m1, m1, constitution, pairs), "", red_team_line(pairs), ""]
    lines += ["Judging, on the pairs that truly differ:", "", *formats_table({"m1": m1, "m0": m0}, constitution, pairs)]
    lines += ["", "Verdicts follow the principle (`m1`, pairwise, both orders):", ""]
    lines += principles_table(m1, constitution, pairs)
    return "\n".join(lines)


def main() -> None:
    """Prints the tables, and writes them into the page where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS, help="the folder that holds m0 and m1")
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    arguments = parser.parse_args()
    tables = report(arguments.models, arguments.prompts)
    print(tables)
    if arguments.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
