"""The report on people and a judge as lines, and as a document."""

from dataclasses import fields, is_dataclass
from typing import Any

from judges.statistics import LEAST_FOR_INTERVAL, Agreement, Estimate
from loop.people.report import Report
from loop.people.temperature import Fitted
from loop.terminal import table

COLUMNS = ["judge against people", "pairs", "decided", "right", "kappa", "Kendall tau-b", "judge ties"]

WITHOUT, FEW = "(no interval)", "too few"
NO_INTERVAL = "No interval: no pair says anything else than the rest, so nothing says how far off the number may be."
TOO_FEW = f"Too few: of fewer than {LEAST_FOR_INTERVAL} pairs neither kappa nor tau-b says anything."


def in_lines(report: Report) -> str:
    """The report in words and tables; numbers with 95 % intervals, or why there is none."""
    said = "\n".join(_said(report))
    return "\n".join([said, *(why for sign, why in ((WITHOUT, NO_INTERVAL), (FEW, TOO_FEW)) if sign in said)])


def _said(report: Report) -> list[str]:
    labels = ", ".join(f"{person} {count}" for person, count in report.labels.items()) or "none yet"
    said = [f"{report.pairs} pairs are labelled ({labels})."]
    if report.not_judged:
        said.append(f"{report.not_judged} of them are of answers that the judge of {report.address} never saw.")
    if report.blind.n == 0:
        return [*said, f"So nothing can be said of the judge of {report.address}.", *_between(report)]
    rows = [_row("all, first answers", report.blind)]
    rows += [_row(f"  chosen as {why}", found) for why, found in report.by_reason.items()]
    if report.informed_before.n:
        rows.append(_row("reasons seen: before", report.informed_before))
        rows.append(_row("reasons seen: after", report.informed_after))
    said.append(f"The judge of {report.address}, on pairs that were picked for a reason, not drawn by lot:")
    return [*said, table(COLUMNS, rows), *_between(report), _temperature(report.temperature)]


def as_json(value: Any) -> Any:
    """A report, or a part of one, as JSON values."""
    if is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return as_json(value._asdict())
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    return [as_json(inner) for inner in value] if isinstance(value, tuple) else value


def _row(name: str, found: Agreement) -> list[object]:
    ties = "-" if found.judge_tie_frac is None else f"{found.judge_tie_frac:.0%}"
    scored_n = round(found.n * (1 - (found.unscored_frac or 0.0)))
    kappa, tau = (_correlation(one, scored_n) for one in (found.kappa, found.kendall_tau_b))
    return [name, found.n, found.decided_n, _shown(found.accuracy, ".0%"), kappa, tau, ties]


def _between(report: Report) -> list[str]:
    if not report.between_blind:
        return ["No two people have labelled the same pair."]
    return [
        f"{one.people[0]} and {one.people[1]}, {when}: the same on {one.same_frac:.0%} of {one.n} pairs, "
        f"kappa {_correlation(one.kappa, one.n)}"
        for when, found in (("first answers", report.between_blind), ("answers that count", report.between_final))
        for one in found
    ]


def _temperature(found: Fitted | None) -> str:
    if found is None:
        return "The judge scores single answers: it states no chance of a preference that could be calibrated."
    if found.temperature.value is None:
        return f"No temperature: {found.n} decided pairs are too few, or the judge states no chances but 0, 1/2 and 1."
    return (
        f"Temperature {_shown(found.temperature, 'z.2f')} over {found.n} decided pairs (above 1: over-confident); "
        f"Brier score {_shown(found.brier_before, '.3f')}, with the temperature {_shown(found.brier_after, '.3f')}"
    )


def _correlation(estimate: Estimate, n: int) -> str:
    """Of a few pairs a correlation is 1 or -1 as a coin falls, and no interval says so."""
    return FEW if n < LEAST_FOR_INTERVAL else _shown(estimate, "z.2f")


def _shown(estimate: Estimate, digits: str) -> str:
    if estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:{digits}} {WITHOUT}"
    return f"{estimate.value:{digits}} ({estimate.low:{digits}} to {estimate.high:{digits}})"
