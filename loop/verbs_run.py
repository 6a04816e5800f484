"""`run` and `resume`: what makes the loop turn."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from loop.home import home
from loop.limits import Stop
from loop.stopping import stop_on_sigterm
from loop.terminal import Json, print_aside, print_document, print_line, table
from runs.errors import UsageError
from runs.store import Store

if TYPE_CHECKING:
    from loop.config import Config

Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Settings, e.g. train.beta=0.1", show_default=False)
]

Override = Annotated[
    list[str] | None,
    typer.Option(metavar="GUARD", help="Go once past the halt of this guard; one for each that halted"),
]
Because = Annotated[str, typer.Option(metavar="TEXT", help="Why; kept with the run")]
Smoke = Annotated[bool, typer.Option("--smoke", help="The smallest size that still does every step")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing")]


def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE|FILE", help="A shipped recipe's name, or a YAML file")],
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option(help="What to call the run; by default a readable name")] = None,
    smoke: Smoke = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Begin a run and take it to its last iteration."""
    with stop_on_sigterm() as stop:
        store = Store(home())
        config = new_config(store, recipe, overrides or (), smoke)
        # Imported only now: a mistake in the settings is answered at once.
        from loop.drive import begin
        from loop.preflight_judges import check_endpoint
        from loop.run_names import fresh_name

        called = name or fresh_name({run.name for run in store.runs()})
        if dry_run:
            return say_what_it_takes(store, called, config, as_json)
        check_endpoint(config)
        begin(store, called, recipe, config)
        return _carry_on(store, called, as_json, stop)


def resume(
    name: Annotated[str, typer.Argument(help="A run's name")],
    overrides: Overrides = None,
    override: Override = None,
    because: Because = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Go on with a run: after an interruption, past a halt, or further than it was meant to go (iterations=N)."""
    with stop_on_sigterm() as stop:
        from loop.drive import change
        from loop.preflight_judges import check_endpoint

        store = Store(home())
        config = changed_config(store, name, overrides or ())
        if dry_run:
            return say_what_is_ahead(store, name, config, as_json)
        check_endpoint(config)
        go_past(store, name, override, because, config.iterations)
        if overrides:
            change(store, name, config)
        return _carry_on(store, name, as_json, stop)


def go_past(store: Store, name: str, guards: Sequence[str] | None, because: str, iterations: int) -> None:
    """Keep a person's word that the run, of so many iterations, is to go past its halt, if `guards` are named.

    Raises UsageError.
    """
    from loop.drive import existing
    from loop.word import going_past, keep_word

    if guards:
        with store.lock():
            run = existing(store, name)
            keep_word(store, run, going_past(store, run, guards, because, iterations))
    elif because:
        raise UsageError("--because says why a guard is gone past: give --override GUARD with it")


def new_config(store: Store, recipe: str, overrides: Sequence[str], smoke: bool) -> "Config":
    """The configuration of a new run, all that it names checked. Says what is set and decides nothing.

    Raises UsageError or ConfigError.
    """
    from loop.load_config import load_config, recipe_names
    from loop.preflight import check, check_judge, remarks
    from loop.preflight_preference import check_preference_models

    config = load_config(recipe, overrides, smoke)
    check(config)
    check_judge(config, store)
    check_preference_models(config, store)
    given = [text.partition("=")[0] for text in overrides] if recipe in recipe_names() else None
    for remark in remarks(config, given):
        print_aside(remark)
    return config


def changed_config(store: Store, name: str, overrides: Sequence[str]) -> "Config":
    """The configuration of a run that exists, with `overrides`, all that it names checked. Says so if it ends earlier.

    Raises UsageError or ConfigError, also for what would change what the run already did, and for a file that is not
    what it was.
    """
    from loop.drive import config_of, existing, refuse_change
    from loop.load_config import with_overrides
    from loop.preflight import check

    before = config = config_of(existing(store, name))
    if overrides:
        config = with_overrides(config.model_dump(mode="json"), overrides, f"the configuration of {name}")
    refuse_change(store, name, config)
    check(config)
    if config.iterations < before.iterations:
        print_aside(f"{name} is to end at iteration {config.iterations}, and no longer at {before.iterations}")
    return config


def say_what_it_takes(store: Store, name: str, config: "Config", as_json: bool) -> int:
    """Print what a new run would do and cost; 0."""
    from loop.cost import estimate
    from loop.drive import planned

    steps = planned(store, name, config)
    cost = estimate(store, config, steps)
    if as_json:
        shown = {"steps": [vars(step) for step in steps], "cost": cost.document()}
        print_document({"config": config.model_dump(mode="json"), **shown})
    else:
        rows = [(f"{step.index}/{step.step}", "known" if step.done else "to do", step.key) for step in steps]
        print_line(table(["step", "state", "key"], rows))
        print_line("Later steps depend on what the first missing one gives.\n")
        print_line(f"{cost.text()}\nNothing was written.")
    return 0


def say_what_is_ahead(store: Store, name: str, config: "Config", as_json: bool) -> int:
    """Print what a run that exists would still do, and how long that took last time; 0."""
    from loop.drive import existing, planned
    from loop.forecast import forecast
    from runs.lineage import nearest

    run = existing(store, name)
    ahead = forecast(store, run, config, planned(store, name, config, nearest(store, run)))
    if as_json:
        print_document({"run": name, **ahead.document()})
    else:
        print_line(f"{ahead.text()}\nNothing was written.")
    return 0


def _carry_on(store: Store, name: str, as_json: bool, stop: Stop) -> int:
    from loop.drive import carry_on
    from loop.summary import SHOWN, history, history_table, in_words, newest, next_commands, seed_and, what_is_left_out
    from loop.watching import watch
    from runs.lineage import find_run

    try:
        with watch() as say:
            outcome = carry_on(store, name, say, stop)
    except KeyboardInterrupt:
        print_aside(f"interrupted; `selfsame resume {name}` goes on from what is there")
        if as_json:
            print_document({"run": name, "outcome": "interrupted", "exit_code": 130})
        raise
    code = 3 if outcome.kind == "halted" else 0
    this = find_run(store, name)
    closed = history(store, this) if as_json else newest(store, this, SHOWN)
    says = in_words(seed_and(store, this, closed))
    answers = [f"selfsame approve {name}", f"selfsame approve {name} --reject"] if outcome.kind == "waiting" else []
    commands = [*answers, *next_commands(this, closed)]
    if as_json:
        print_document(
            {
                "run": name,
                "outcome": outcome.kind,
                "reason": outcome.reason,
                "exit_code": code,
                "iterations": [one.shown() for one in closed],
                "says": says,
                "next": commands,
            }
        )
        return code
    # A clause begins with its guard's name; within one there are semicolons too.
    print_line(f"{outcome.kind}: " + re.sub(r"; (?=[a-z_]+: |most often )", "\n  ", outcome.reason) + "\n")
    print_line(history_table(closed) + "\n" + what_is_left_out(name, closed))
    for sentence in says:
        print_line(sentence)
    print_line("\nNext:")
    for command in commands:
        print_line(f"  {command}")
    return code
