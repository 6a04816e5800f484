"""A run's transparency page: what it was told is good, who judged, what it learnt from, how it drifted, what failed.

Like the drift report, whose parts it shares, it is one page that holds all it shows and loads and runs nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

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
JUDGING = ("judge", "measure", "audit", "gold")
"""The steps whose judgments are counted, gold's among them so that it is seen what entered nothing."""


def card(store: Store, found: Found, provenance: Mapping[str, Mapping[str, str]]) -> str:
    """The page of the run up to the iteration that was found, as HTML.

    `provenance` has for each principle, and under "" for the constitution, who says so. Raises UsageError for a part
    of an iteration.
    """
    if found.step is not None:
        raise UsageError(f"{found.run.name} is shown up to a whole iteration: name it without /{found.step}")
    run = found.run
    chain = [seen(store, run, link) for link in links(store, run)[: found.iteration.index + 1]]
    audited = {title: audit_figure(audit, title) for title, audit in audits(store, run, chain).items()}
    pictures = figures(store, run, chain) | audited
    return rendered(
        "card.html.jinja",
        name=f"{run.name}@{found.iteration.index}",
        recipe=run.recipe,
        branched_from=run.branched_from,
        last=chain[-1],
        facts=_facts(run),
        constitution=_constitution(store, run, provenance),
        signal=principle_tables(store, chain),
        judges=_judges(store, run, chain),
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
    model = run.config.get("model", {})
    told = {
        "model": " ".join(str(model[leaf]) for leaf in ("base", "revision", "adapter") if model.get(leaf)),
        "model's digest": run.inputs.get("model.base", ""),
        "prompts": f"{run.config.get('prompts', {}).get('source', '')} {run.inputs.get('prompts.source', '')}",
        "labelled pairs": f"{run.config.get('measure', {}).get('anchors')} {run.inputs.get('measure.anchors', '')}",
        "seed": str(run.config.get("seed", "")),
    }
    return [[what, said.strip()] for what, said in told.items() if said.strip()]


def _constitution(store: Store, run: Run, provenance: Mapping[str, Mapping[str, str]]) -> dict[str, Any] | None:
    """What the run was judged by, with who says so; None for one that is not kept."""
    digest = run.inputs.get("constitution", "")
    if not digest or not store.has(digest):
        return None
    said = store.get_json(digest)
    rows = [
        [
            one["id"], one["text"], one.get("reasons", ""), float(one.get("weight", 1)),
            ", ".join(one.get("scope", ())) or "all prompts", ", ".join(one.get("use", ("comparison", "critique"))),
            _said_by(provenance.get(one["id"], {})),
        ]
        for one in said.get("principles", ())
    ]  # fmt: skip
    asked = [[kind, text] for kind, text in said["questions"].items()]
    asked += [[f"proposition {id}", text] for id, text in said.get("propositions", {}).items()]
    return {
        "name": said["name"],
        "digest": digest,
        "scale": f"{said['scale']['low']} to {said['scale']['high']}",
        "said_by": _said_by(provenance.get("", {})),
        "principles": (("principle", "text", "reasons", "weight", "holds for", "used in", "said by"), rows),
        "questions": (("question", "in words"), asked),
    }


def _said_by(provenance: Mapping[str, str]) -> str:
    return ", ".join(f"{what}: {provenance[what]}" for what in SAID_BY if provenance.get(what)) or "nobody is named"


def _judges(store: Store, run: Run, chain: Sequence[Seen]) -> list[Table]:
    """How it was judged, and by whom in each step."""
    settings = [[leaf, str(value)] for leaf, value in sorted(run.config.get("judge", {}).items())]
    counts: Counter[tuple[int, str, str, str, str]] = Counter()
    for one in chain:
        for step in JUDGING:
            if step in one.link.outputs:
                rows: list[Judgment] = store.all_rows("judgments", store.output(one.link.outputs[step]))
                counts.update((one.index, step, row.by, row.method, row.adapter) for row in rows)
    who = [
        [f"@{index} {step}", by, method, adapter, float(n)] for (index, step, by, method, adapter), n in counts.items()
    ]
    tables: list[Table] = [
        ("How", ("setting", "value"), settings),
        ("By whom", ("step", "kind", "method", "who", "judgments"), who),
    ]
    return [table for table in tables if table[2]]


def _labels(store: Store, chain: Sequence[Seen]) -> list[Table]:
    """How many pairs each iteration learnt from and whose labels they are, and of how many judgments none came."""
    pairs, silent = [], []
    for one in chain:
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
        ("Pairs that were trained on", ("iteration", "labels by", "pairs", "mean label probability"), pairs),
        ("What judgments came to", ("iteration", "outcome", "judgments"), silent),
    ]
    return [table for table in tables if table[2]]
