"""`calibrate`: what chance alone does to the guards' numbers, and the limits that it leaves alone."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from loop.home import home
from loop.terminal import Json, print_document, print_line, table
from runs.store import Store

if TYPE_CHECKING:
    from loop.calibrating import Calibration
    from loop.config_guards import Guards
    from loop.guards.calibration import Calibrated

DIGITS = 3
"""Of a proposed limit: a spread of a few repetitions is known no better."""


def calibrate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's name: its seed policy is measured again")],
    times: Annotated[int, typer.Option(min=3, help="How often")] = 8,
    false_alarm: Annotated[
        float, typer.Option(min=1e-6, max=0.5, help="The chance of a false alarm in an iteration, for each limit")
    ] = 0.01,
    as_json: Json = False,
) -> int:
    """Measure a run's seed policy against itself, and propose limits that chance alone rarely reaches.

    Nothing is trained: the same prompts are answered anew and judged. What is proposed is where noise ends; a run that
    learns moves further.
    """
    from loop.calibrating import calibration
    from loop.drive import config_of, existing
    from loop.watching import watch

    store = Store(home())
    guards = config_of(existing(store, run)).guards
    with watch() as say:
        found = calibration(store, run, times, false_alarm, say)
    settings = proposed_settings(guards, found.limits)
    if as_json:
        print_document(_document(found) | {"settings": settings})
        return 0
    print_line(
        f"{found.times} measurements of {run}@0 against the one that the run made: nothing changed but the answers "
        "drawn.\n"
    )
    print_line(_limits_table(found))
    print_line("\n" + _tests_table(found) if found.tests else "\nNo paired test has a stream here.")
    spelt = " ".join(f"'{setting}'" for setting in settings)
    print_line(
        f"\nA limit nearer than what is proposed alarms by chance in more than {false_alarm:.2%} of the iterations in "
        "which nothing happens.\nA run that learns moves, so that the limit to set is this one or a wider one:"
    )
    print_line(f"  {spelt}" if settings else "  chance does nothing to any of these numbers")
    return 0


def proposed_settings(guards: "Guards", found: Sequence["Calibrated"]) -> list[str]:
    """The settings that make the proposed limits the run's, as `selfsame run` and `branch` take them.

    What no setting may be is left out: where noise ends beyond all that a limit can be, it cannot be set by that.
    """
    shipped = {one.name for one in guards.shipped_limits()}
    proposed = {one.limit.name: _rounded(one) for one in found if one.proposed is not None}
    settings = [
        f"guards.{name}={value:g}" for name, value in proposed.items() if name in shipped and _may_be(name, value)
    ]
    if any(one.name in proposed for one in guards.limits):
        own = [
            one.model_dump(mode="json", exclude_defaults=True)
            | ({_side(one.at_most): proposed[one.name]} if one.name in proposed else {})
            for one in guards.limits
        ]
        settings.append(f"guards.limits={json.dumps(own)}")
    return settings


def _may_be(name: str, value: float) -> bool:
    from loop.config_guards import Guards

    try:
        return bool(Guards.model_validate({name: value}))
    except ValidationError:
        return False


def _side(at_most: float | None) -> str:
    return "at_most" if at_most is not None else "at_least"


def _rounded(one: "Calibrated") -> float:
    """The proposed limit, with a few digits."""
    assert one.proposed is not None
    return float(f"{one.proposed:.{DIGITS}g}")


def _limits_table(found: "Calibration") -> str:
    rows: list[list[Any]] = []
    for one in found.limits:
        chance = one.chance
        spread = [chance.n, chance.mean, chance.sd] if chance else [None, None, None]
        alarms = one.says if one.alarms is None else f"{one.alarms:.2g}"
        now = f"{_side(one.limit.at_most).replace('_', ' ')} {one.limit.bound:g}"
        rows.append([one.limit.name, *spread, now, None if one.proposed is None else _rounded(one), alarms])
    return table(["limit", "n", "mean", "sd", "now", "proposed", "chance of an alarm now"], rows)


def _tests_table(found: "Calibration") -> str:
    """A row for each test, and one for each family of items that it asks by itself."""
    rows: list[list[Any]] = []
    for one in found.tests:
        alarms = f"{one.alarms} of {found.times}; at most {one.at_most:.2g} with 95 % confidence"
        said = [one.most_log10_e, one.least_p, alarms]
        for apart in one.apart:
            name = f"{one.guard} ({apart.value})" if apart.value else one.guard
            rows.append([name, apart.n, apart.sd, *(said if apart is one.apart[0] else [None, None, ""])])
    return table(["paired test", "items", "sd of the difference", "most log10 e", "least p", "alarms"], rows)


def _document(found: "Calibration") -> dict[str, Any]:
    return {
        "run": found.run,
        "times": found.times,
        "false_alarm": found.rate,
        "limits": [
            {
                "guard": one.limit.name,
                "metric": one.limit.metric,
                "of": one.limit.of,
                "how": one.limit.how,
                "now": one.limit.bound,
                "chance": one.chance._asdict() if one.chance else None,
                "alarms": one.alarms,
                "proposed": one.proposed,
                "says": one.says,
            }
            for one in found.limits
        ],
        "tests": [vars(one) | {"apart": [apart._asdict() for apart in one.apart]} for one in found.tests],
    }
