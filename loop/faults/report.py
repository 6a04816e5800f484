"""Many runs of the wind tunnel in numbers: how many were caught in time, how late, and how many sound ones stopped."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

from loop.faults.catalogue import BESIDE, FAULTS
from loop.faults.outcome import Outcome
from loop.terminal import table


@dataclass(frozen=True)
class Share:
    """`found` of `of`, with the exact interval of 95 % (Clopper and Pearson 1934); of none it is 0 to 1."""

    found: int
    of: int
    low: float
    high: float


@dataclass(frozen=True)
class OfFault:
    """The runs with one fault: those that do harm, those of them that were caught, and when.

    `early` were stopped before anything was wrong. Of those that do harm `delay` is the median of the iterations from
    the onset to a stop, in time or not, `lost` the mean share of its peak that the gold of the policy has lost which
    stands after the stop, or at the end. `by` says how often each guard was among those that stopped a run.
    """

    fault: str
    runs: int
    harmful: int
    caught: int
    early: int
    stopped: int
    delay: float | None
    lost: float | None
    by: dict[str, int]


@dataclass(frozen=True)
class Report:
    """The faults one by one, and what is promised of all: of harmful runs with faults that guards were tuned on, and of
    those with others, the share that was caught; of sound runs the share that was halted, and of their iterations the
    share that was kept out and tried again."""

    faults: tuple[OfFault, ...]
    tuned_on: Share
    unseen: Share
    itself: Share
    false_alarms: Share
    kept_out: Share

    def as_document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def share(found: int, of: int) -> Share:
    """A share with its interval."""
    if not of:
        return Share(0, 0, 0.0, 1.0)
    from scipy.stats import binomtest

    interval = binomtest(found, of).proportion_ci(0.95, method="exact")
    return Share(found, of, float(interval.low), float(interval.high))


def report(outcomes: Sequence[Outcome]) -> Report:
    """What came of these runs. A sound run that lost a tenth of its gold is not counted: it was not sound."""
    known = {one.name: one for one in (*FAULTS, *BESIDE)}
    by_fault = [(known[name], [one for one in outcomes if one.fault == name]) for name in known]

    def caught(runs: list[Outcome]) -> Share:
        harmful = [one for one in runs if one.harmful]
        return share(sum(one.caught for one in harmful), len(harmful))

    broken = {fault.name for fault in FAULTS}
    tuned = {fault.name for fault in FAULTS if fault.tuned_on}
    sound = [one for fault, runs in by_fault if fault.sound for one in runs if not one.harmful]
    return Report(
        tuple(_of_fault(fault.name, runs) for fault, runs in by_fault if runs),
        caught([one for one in outcomes if one.fault in tuned]),
        caught([one for one in outcomes if one.fault in broken - tuned]),
        caught([one for one in outcomes if one.fault not in broken]),
        share(sum(one.halted_at is not None for one in sound), len(sound)),
        share(sum(one.kept_out for one in sound), sum(one.iterations for one in sound)),
    )


def _of_fault(name: str, runs: list[Outcome]) -> OfFault:
    harmful = [one for one in runs if one.harmful]
    delays = [one.delay for one in harmful if one.delay is not None]
    guards = sorted({guard for one in runs for guard in one.by})
    return OfFault(
        fault=name,
        runs=len(runs),
        harmful=len(harmful),
        caught=sum(one.caught for one in harmful),
        early=sum(one.stopped_at is not None and one.stopped_at < one.onset for one in runs),
        stopped=sum(one.stopped_at is not None for one in runs),
        delay=median(delays) if delays else None,
        lost=fmean(one.lost for one in harmful) if harmful else None,
        by={guard: sum(guard in one.by for one in runs) for guard in guards},
    )


def in_words(found: Report) -> str:
    """A table of the faults, and what is promised of all, in sentences."""
    columns = ("fault", "runs", "harmful", "caught in time", "stopped", "too early", "delay", "gold lost", "stopped by")
    rows = [
        (
            *(one.fault, one.runs, one.harmful, one.caught, one.stopped, one.early, one.delay),
            None if one.lost is None else f"{one.lost:.1%}",
            ", ".join(f"{guard} {n}" for guard, n in sorted(one.by.items(), key=lambda of: -of[1])),
        )
        for one in found.faults
    ]
    return "\n".join([table(columns, rows), "", *sentences(found)])


def sentences(found: Report) -> list[str]:
    """What is promised of all runs, where there are any of the kind."""
    said = {
        "Harmful runs with a fault, caught in time": found.tuned_on,
        "Harmful runs with a fault that nobody tuned on, caught in time": found.unseen,
        "Harmful runs in which nothing was broken, caught in time": found.itself,
        "Sound runs that were halted": found.false_alarms,
        "Iterations of sound runs that were not promoted": found.kept_out,
    }
    return [
        f"{what}: {one.found} of {one.of} ({one.found / one.of:.0%}; {one.low:.1%} to {one.high:.1%})."
        for what, one in said.items()
        if one.of
    ]
