"""A run's transparency page: what it was told is good, who judged, what it learnt from, how it drifted, what failed.

Like the drift report, whose parts it shares, it is one page that holds all it shows and loads and runs nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from runs.audit_figure import figure as audit_figure
from runs.audit_words import advice
from runs.errors import UsageError
from runs.lineage import Found, links
from runs.page import inlined, rendered
from runs.pair_table import COLUMNS
from runs.principle_tables import Table, principle_tables
from runs.records import Judgment, PreferencePair, Run
from runs.report import Seen, audits, figures, metric_columns, metric_rows, sampled, seen, thinned
from runs.store import Store

SAID_BY = ("source", "licence", "author", "approver")
NOBODY = "nobody is named"
UNSET = {"principles": "all that apply"}
"""What a setting of the judge means that has no value; others mean none."""
JUDGING = ("judge", "measure", "audit", "gold")
"""The steps whose judgments are counted, gold's among them so that it is seen what entered nothing."""
BY_CONSTITUTION = ("judge", "measure")
"""Those whose judgments say what the run was told is good; an audit asks otherwise on purpose."""
TRAINED_ON = ("pairs", "demonstrations", "prompts")
"""What a row that is trained on is, as the metrics call it."""
HELD_OUT = "signal/held_out_rows"

Provenance = Mapping[str, Mapping[str, str]]
"""For each principle, and under "" for the constitution, who says so."""


class Judged(NamedTuple):
    """What some judgments have in common."""

    iteration: int
    step: str
    by: str
    method: str
    adapter: str
    constitution: str


def card(store: Store, found: Found, provenance: Callable[[str], Provenance]) -> str:
    """The page of the run up to the iteration that was found, as HTML.

    `provenance` gives who says so, by a constitution's digest. Raises UsageError for a part of an iteration.
    """
    if found.step is not None:
        raise UsageError(f"{found.run.name} is shown up to a whole iteration: name it without /{found.step}")
    run = found.run
    chain = [seen(store, run, link) for link in links(store, run)[: found.iteration.index + 1]]
    audited = {title: audit_figure(audit, title) for title, audit in audits(store, run, chain).items()}
    pictures = figures(store, run, chain) | audited
    judged = _judged(store, chain)
    return rendered(
        "card.html.jinja",
        name=f"{run.name}@{found.iteration.index}",
        recipe=run.recipe,
        branched_from=run.branched_from,
        last=chain[-1],
        facts=_facts(run),
        constitutions=_constitutions(store, run, judged, provenance),
        signal=principle_tables(store, chain),
        judges=_judges(run, judged),
        labels=_labels(store, chain),
        figures=inlined(pictures),
        columns=metric_columns(thinned(chain)),
        metrics=metric_rows(store, chain),
        failures=[("what", "where", "what it says"), failures(store, chain)],
        pair_columns=COLUMNS,
        pairs=sampled(store, chain),
    )


def failures(store: Store, chain: Sequence[Seen]) -> list[list[str]]:
    """What is known to have gone wrong, oldest first: decisions that promoted nothing, guards that did not pass all the
    same, faults that audits named; and what nobody looked for."""
    told: list[list[str]] = []
    for one in chain:
        place = f"iteration {one.index}"
        if one.verdict != "promote":
            told.append([one.verdict, place, one.reason])
        else:
            told += [
                ["a guard did not pass", place, str(item.get("says", item))]
                for item in one.evidence
                if not item.get("passed", True)
            ]
        if "audit" in one.link.outputs:
            audit = store.output(one.link.outputs["audit"]).values["audit"]
            told += [["the judge", place, f"{of['name']}: {advice(of['name'])}"] for of in audit["findings"]]
            told += [["not found out", place, f"{of['fault']}: {of['why']}"] for of in audit.get("unseen") or ()]
    return told + _not_looked_for(chain)


def _not_looked_for(chain: Sequence[Seen]) -> list[list[str]]:
    steps = {step for one in chain for step in one.link.outputs}
    metrics = {name for one in chain for name in one.metrics}
    absent = {
        "labels": (
            "judge/anchor_accuracy" not in metrics,
            "no labelled pairs: nobody knows whether the judge is right",
        ),
        "audit": ("audit" not in steps, "no audit: nobody knows what else the judge's verdicts depend on"),
        "drift": ("drift" not in steps, "no drift was measured"),
        "capability": ("capability" not in steps, "no prompts with a known answer: abilities may be lost unseen"),
    }
    return [["not measured", "all iterations", why] for missing, why in absent.values() if missing]


def _facts(run: Run) -> list[list[str]]:
    model, anchors = run.config.get("model", {}), run.config.get("measure", {}).get("anchors")
    told = {
        "model": " ".join(str(model[leaf]) for leaf in ("base", "revision", "adapter") if model.get(leaf)),
        "model's digest": run.inputs.get("model.base", ""),
        "prompts": f"{run.config.get('prompts', {}).get('source', '')} {run.inputs.get('prompts.source', '')}",
        "labelled pairs": f"{anchors or 'none'} {run.inputs.get('measure.anchors', '')}",
        "seed": str(run.config.get("seed", "")),
    }
    return [[what, said.strip()] for what, said in told.items() if said.strip()]


def _judged(store: Store, chain: Sequence[Seen]) -> Counter[Judged]:
    """How many judgments there are of each kind, in the order in which they were made."""
    counts: Counter[Judged] = Counter()
    for one in chain:
        for step in JUDGING:
            if step in one.link.outputs:
                rows: list[Judgment] = store.all_rows("judgments", store.output(one.link.outputs[step]))
                counts.update(
                    Judged(one.index, step, row.by, row.method, row.adapter, row.constitution) for row in rows
                )
    return counts


def _constitutions(
    store: Store, run: Run, judged: Counter[Judged], provenance: Callable[[str], Provenance]
) -> list[dict[str, Any]]:
    """All that it was judged by up to there, an ancestor's too; where nothing was, what it was begun with."""
    of: dict[str, list[int]] = {}
    for one in judged:
        if one.step in BY_CONSTITUTION and one.constitution:
            of.setdefault(one.constitution, []).append(one.iteration)
    if not of and (own := run.inputs.get("constitution", "")):
        of[own] = []
    return [_constitution(store, digest, _span(indices), provenance(digest)) for digest, indices in of.items()]


def _span(indices: Sequence[int]) -> str:
    if not indices:
        return "no iteration yet"
    first, last = min(indices), max(indices)
    return f"iteration {first}" if first == last else f"iterations {first} to {last}"


def _constitution(store: Store, digest: str, judged: str, provenance: Provenance) -> dict[str, Any]:
    """What was said to be good and by whom, and which iterations were `judged` by it; of one not kept no more."""
    if not store.has(digest):
        return {"digest": digest, "judged": judged}
    said, whole = store.get_json(digest), _said_by(provenance.get("", {}))
    rows = [
        [
            one["id"], one["text"], one.get("reasons", ""), float(one.get("weight", 1)),
            ", ".join(one.get("scope", ())) or "all prompts", ", ".join(one.get("use", ("comparison", "critique"))),
            _said_by(provenance.get(one["id"], {})) or (whole and "as the whole") or NOBODY,
        ]
        for one in said.get("principles", ())
    ]  # fmt: skip
    asked = [[kind, text] for kind, text in said["questions"].items()]
    asked += [[f"proposition {id}", text] for id, text in said.get("propositions", {}).items()]
    return {
        "name": said["name"],
        "digest": digest,
        "judged": judged,
        "scale": f"{said['scale']['low']} to {said['scale']['high']}",
        "said_by": whole or NOBODY,
        "principles": (("principle", "text", "reasons", "weight", "holds for", "used in", "said by"), rows),
        "questions": (("question", "in words"), asked),
    }


def _said_by(provenance: Mapping[str, str]) -> str:
    return ", ".join(f"{what}: {provenance[what]}" for what in SAID_BY if provenance.get(what))


def _judges(run: Run, judged: Counter[Judged]) -> list[Table]:
    """How it was judged, and by whom in each step."""
    settings = [
        [leaf, UNSET.get(leaf, "none") if value is None else str(value)]
        for leaf, value in sorted(run.config.get("judge", {}).items())
    ]
    counts: Counter[tuple[int, str, str, str, str]] = Counter()
    for one, n in judged.items():
        counts[one[:-1]] += n
    who = [
        [f"@{index} {step}", by, method, adapter, float(n)] for (index, step, by, method, adapter), n in counts.items()
    ]
    tables: list[Table] = [
        ("How", ("setting", "value"), settings),
        ("By whom", ("step", "kind", "method", "who", "judgments"), who),
    ]
    return [table for table in tables if table[2]]


def _labels(store: Store, chain: Sequence[Seen]) -> list[Table]:
    """How many pairs each iteration made and whose labels they are, how many rows it trained on, not always these,
    and of how many judgments no score came."""
    pairs, trained, silent = [], [], []
    for one in chain:
        trained += [
            [f"@{one.index}", what, used, *(one.metrics.get(name) for name in (f"signal/{what}_too_long", HELD_OUT))]
            for what in TRAINED_ON
            if (used := one.metrics.get(f"signal/{what}_used")) is not None
        ]
        if "pair" in one.link.outputs:
            made: list[PreferencePair] = store.all_rows("pairs", store.output(one.link.outputs["pair"]))
            for source, n in Counter(row.label_source for row in made).items():
                sure = [row.label_probability for row in made if row.label_source == source]
                pairs.append([f"@{one.index}", source, float(n), sum(sure) / n])
        if "judge" in one.link.outputs:
            judged: list[Judgment] = store.all_rows("judgments", store.output(one.link.outputs["judge"]))
            reasons = Counter(row.unscored or "a score" for row in judged)
            silent += [[f"@{one.index}", str(reason), float(n)] for reason, n in reasons.items()]
    tables: list[Table] = [
        ("Pairs that were made", ("iteration", "labels by", "pairs", "mean label probability"), pairs),
        ("What was trained on", ("iteration", "rows of", "rows", "left out as too long", "held out"), trained),
        ("What judgments came to", ("iteration", "outcome", "judgments"), silent),
    ]
    return [table for table in tables if table[2]]
