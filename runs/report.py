"""A run's drift report: one page that holds all it shows, and loads and runs nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.audit_figure import figure as audit_figure
from runs.audit_report import finding_rows
from runs.audit_words import in_brief
from runs.drift_figure import PLOTTED, distributions, drift_panel
from runs.errors import UsageError
from runs.frontier_figure import frontier
from runs.harm import standings as standings_of
from runs.held_limits import SIDES, last_limits
from runs.lineage import Link, decision_of, links, made_by
from runs.outbox import is_number, receipts_of
from runs.page import inlined, rendered
from runs.pair_table import COLUMNS, sample_pairs
from runs.principle_tables import principle_tables
from runs.records import DriftItem, Iteration, Prompt, Response, Run
from runs.store import Store

GROUPS = ("judge", "policy", "prompts", "signal", "capability", "gold")
OF_AN_INTERVAL = ("_low", "_high", "_se", "_n")
MOST = 10
"""Iterations whose numbers stand side by side: the first, the last, and those in between at equal steps."""
SAMPLE = 6


@dataclass(frozen=True)
class Seen:
    """One closed iteration: its decision, every number, and the seconds that each step and part of a step took."""

    link: Link
    index: int
    made_by: str
    verdict: str
    reason: str
    evidence: Sequence[Mapping[str, Any]]
    metrics: dict[str, float]
    seconds: dict[str, float]


def report(store: Store, run: Run) -> str:
    """The page as HTML: what happened, the drift with references and limits, its cost, answers and pairs.

    Raises UsageError where no iteration is closed yet.
    """
    return report_and_figures(store, run)[0]


def report_and_figures(store: Store, run: Run) -> tuple[str, dict[str, bytes]]:
    """The page, and the pictures of drift in it as PNG by name. Raises UsageError where no iteration is closed yet."""
    chain = [seen(store, run, link) for link in links(store, run)]
    if not chain:
        raise UsageError(f"{run.name} has closed no iteration yet; `selfsame resume {run.name}` takes it on")
    shown = thinned(chain)
    before, after = _before_and_after(chain)
    drawn = figures(store, run, chain)
    page = rendered(
        "report.html.jinja",
        name=run.name,
        recipe=run.recipe,
        branched_from=run.branched_from,
        count=len(chain),
        last=chain[-1],
        decisions=[(one.index, one.made_by, one.verdict, one.reason, _evidence(one)) for one in chain],
        figures=inlined(drawn),
        audits=[
            (title, in_brief(audit), finding_rows(audit), inlined({title: audit_figure(audit, title)}))
            for title, audit in audits(store, run, chain).items()
        ],
        columns=metric_columns(shown),
        metrics=metric_rows(store, chain),
        signal=principle_tables(store, chain),
        cost_columns=["step", *(f"@{one.index}" for one in shown)],
        costs=_costs(shown),
        answer_columns=[
            "prompt",
            *(f"{what} @{one.index}" for one in (before, after) for what in answer_columns(one.link.iteration)),
        ],
        answers=_answers(store, before, after),
        pair_columns=COLUMNS,
        pairs=sampled(store, chain),
    )
    return page, drawn


def figures(store: Store, run: Run, chain: Sequence[Seen]) -> dict[str, bytes]:
    """The drift panel, and the distributions of scores and lengths, as far as there are any."""
    series: dict[str, dict[int, float]] = {}
    for one in chain:
        for name in PLOTTED & one.metrics.keys():
            series.setdefault(name, {})[one.index] = one.metrics[name]
    titles = {"own_score": "The judge's score, points", "length_tokens": "Length, tokens"}
    spread: dict[str, dict[int, list[float]]] = {title: {} for title in titles.values()}
    for one in thinned(chain):
        for item in _items(store, one):
            for name, title in titles.items():
                if (value := item.numbers.get(name)) is not None:
                    spread[title].setdefault(one.index, []).append(value)
    standings = {one.index: found for one in chain if (found := standings_of(store, one.link))}
    whose = dict.fromkeys(who for found in standings.values() for who in found)
    drawn = {
        "help and harm": frontier(
            run.name, {who: {i: found[who] for i, found in standings.items() if who in found} for who in whose}
        ),
        "drift": drift_panel(run.name, series, _references(store, chain), _limits(store, chain)),
        "distributions": distributions(run.name, spread),
    }
    return {name: data for name, data in drawn.items() if data is not None}


def thinned(chain: Sequence[Seen]) -> list[Seen]:
    """At most MOST of the iterations, the first and the last among them."""
    last = len(chain) - 1
    places = range(len(chain)) if last < MOST else sorted({round(n * last / (MOST - 1)) for n in range(MOST)})
    return [chain[place] for place in places]


def metric_columns(shown: Sequence[Seen]) -> list[str]:
    """What the columns of `metric_rows` are called."""
    return ["metric", *(f"@{one.index}" for one in shown), "reference", "last less reference", "at least", "at most"]


def metric_rows(store: Store, chain: Sequence[Seen]) -> list[tuple[str, list[list[Any]]]]:
    """By group of metrics its rows: each metric in the iterations shown, beside its reference and its limits."""
    shown, references, held = thinned(chain), _references(store, chain), _limits(store, chain)
    return [(group, rows) for group in GROUPS if (rows := _rows(group, shown, references, held))]


def seen(store: Store, run: Run, link: Link) -> Seen:
    """A closed iteration as a page shows it."""
    decision = decision_of(store, link.iteration)
    numbers = [store.output(name).metrics for name in link.outputs.values()]
    seconds = {}
    for step, receipt in receipts_of(store, run, link).items():
        provenance = receipt["provenance"]
        seconds[step] = provenance["ended"] - provenance["began"]
        seconds |= {f"{step}: {part}": took for part, took in provenance.get("seconds", {}).items()}
    return Seen(
        link,
        link.iteration.index,
        made_by(run, link.iteration.index),
        decision["verdict"],
        decision["reason"],
        decision["evidence"],
        {name: float(value) for one in numbers for name, value in one.items() if is_number(value)},
        seconds,
    )


def _references(store: Store, chain: Sequence[Seen]) -> dict[str, float]:
    drifted = [one.link.outputs["drift"] for one in chain if "drift" in one.link.outputs]
    found: dict[str, float] = store.output(drifted[-1]).values["references"] if drifted else {}
    return found


def _limits(store: Store, chain: Sequence[Seen]) -> dict[tuple[str, str], float]:
    return last_limits(store.output(one.link.outputs["decide"]) for one in reversed(chain))


def _evidence(one: Seen) -> str:
    """What failed, or how many guards passed."""
    failed = [str(item.get("says", item)) for item in one.evidence if not item.get("passed", True)]
    return "\n".join(failed) or f"{len(one.evidence)} passed"


def _rows(
    group: str, shown: Sequence[Seen], references: Mapping[str, float], held: Mapping[tuple[str, str], float]
) -> list[list[Any]]:
    names = sorted({name for one in shown for name in one.metrics if name.startswith(f"{group}/")})
    rows = []
    for name in names:
        if name.endswith(OF_AN_INTERVAL):
            continue
        reference, last = references.get(name), shown[-1].metrics.get(name)
        moved = None if reference is None or last is None else last - reference
        rows.append([name, *(one.metrics.get(name) for one in shown), reference, moved])
        rows[-1] += [held.get((name, side)) for side in SIDES]
    return rows


def _costs(shown: Sequence[Seen]) -> list[list[Any]]:
    steps = list(dict.fromkeys(step for one in shown for step in one.seconds))
    share: list[Any] = ["drift, by all else but gold"]
    for one in shown:
        rest = sum(took for step, took in one.seconds.items() if ":" not in step and step not in ("drift", "gold"))
        share.append(one.seconds["drift"] / rest if "drift" in one.seconds and rest else None)
    return [*([step, *(one.seconds.get(step) for one in shown)] for step in steps), share]


def answer_columns(one: Iteration) -> tuple[str, str, str]:
    """What is shown of an answer of this iteration: a score is its own where the policy that wrote it judges."""
    judge = one.config.get("judge", {})
    scored = "the judge's score"
    if judge.get("method") == "verifier":
        scored = "right by the verifier"
    elif judge.get("adapter") == "self" and judge.get("method") != "preference":
        scored = "own score"
    return "answer", scored, "the seed judge's"


def _before_and_after(chain: Sequence[Seen]) -> tuple[Seen, Seen]:
    """The first and the last iteration whose policy was measured."""
    measured = [one for one in chain if "measure" in one.link.outputs]
    return measured[0], measured[-1]


def _answers(store: Store, *sides: Seen) -> list[list[Any]]:
    """Some held-out prompts, the same ones each time, with what was answered and how it was judged."""
    prompts: dict[str, str] = {}
    said: list[dict[str, list[Any]]] = []
    for one in sides:
        output = store.output(one.link.outputs["measure"])
        asked: list[Prompt] = store.all_rows("prompts", output)
        answers: list[Response] = store.all_rows("responses", output)[: len(asked)]
        prompts |= {prompt.digest: "\n".join(m.content for m in prompt.messages) for prompt in asked}
        numbers = {item.item: item.numbers for item in _items(store, one)}
        said.append(
            {
                answer.prompt: [
                    answer.text,
                    *(numbers.get(answer.prompt, {}).get(name) for name in ("own_score", "seed_judge_score")),
                ]
                for answer in answers
            }
        )
    both = sorted(said[0].keys() & said[1].keys())[:SAMPLE]
    return [[prompts[prompt], *said[0][prompt], *said[1][prompt]] for prompt in both]


def _items(store: Store, one: Seen) -> list[DriftItem]:
    if "drift" not in one.link.outputs:
        return []
    rows: list[DriftItem] = store.all_rows("drift_items", store.output(one.link.outputs["drift"]))
    return [row for row in rows if row.probe == "held-out"]


def audits(store: Store, run: Run, chain: Sequence[Seen]) -> dict[str, dict[str, Any]]:
    """The first and the last audit by what they are of."""
    audited = [one for one in chain if "audit" in one.link.outputs]
    return {
        f"The judge of {run.name}@{one.index}": store.output(one.link.outputs["audit"]).values["audit"]
        for one in (*audited[:1], *audited[-1:])
    }


def sampled(store: Store, chain: Sequence[Seen]) -> list[tuple[str, list[list[Any]]]]:
    """Some pairs of the first and of the last iteration that made any."""
    paired = [one for one in chain if "pair" in one.link.outputs]
    found = []
    for index in dict.fromkeys(one.index for one in (*paired[:1], *paired[-1:])):
        outputs = [store.output(name) for name in chain[index].link.iteration.outputs.values()]
        rows = sample_pairs(store, outputs, SAMPLE)
        found.append((f"iteration {index}", [[row[column] for column in COLUMNS] for row in rows]))
    return found
