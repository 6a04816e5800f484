"""`run` and `resume`: what makes the loop turn."""

from typing import TYPE_CHECKING, Annotated

import typer

from loop.home import home
from loop.limits import Stop
from loop.stopping import stop_on_sigterm
from loop.terminal import Json, print_aside, print_document, print_line, table
from runs.store import Store

if TYPE_CHECKING:
    from loop.config import Config

Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Settings, e.g. train.beta=0.1", show_default=False)
]


def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE|FILE", help="A shipped recipe's name, or a YAML file")],
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option(help="What to call the run; by default a readable name")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="The smallest size that still does every step")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing")] = False,
    as_json: Json = False,
) -> int:
    """Begin a run and take it to its last iteration."""
    with stop_on_sigterm() as stop:
        from loop.load_config import load_config
        from loop.preflight import check

        config = load_config(recipe, overrides or (), smoke)
        check(config)
        # Imported only now: a mistake in the settings is answered at once.
        from loop.drive import begin, planned
        from loop.preflight import check_judge
        from loop.preflight_judges import check_endpoint
        from loop.run_names import fresh_name

        store = Store(home())
        check_judge(config, store)
        called = name or fresh_name({run.name for run in store.runs()})
        if dry_run:
            from loop.cost import estimate

            steps = planned(store, called, config)
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
        check_endpoint(config)
        begin(store, called, recipe, config)
        return _carry_on(store, called, as_json, stop)


def resume(
    name: Annotated[str, typer.Argument(help="A run's name")],
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing")] = False,
    as_json: Json = False,
) -> int:
    """Go on with a run: after an interruption, or further than it was meant to go (iterations=N)."""
    with stop_on_sigterm() as stop:
        from loop.drive import change, config_of, refuse_semantic_change
        from loop.load_config import with_overrides
        from loop.preflight import check
        from loop.preflight_judges import check_endpoint
        from runs.lineage import find_run

        store = Store(home())
        config = config_of(find_run(store, name))
        if overrides:
            config = with_overrides(config.model_dump(mode="json"), overrides, f"the configuration of {name}")
        check(config)
        if dry_run:
            refuse_semantic_change(store, name, config)
            return _say_what_is_ahead(store, name, config, as_json)
        check_endpoint(config)
        if overrides:
            change(store, name, config)
        return _carry_on(store, name, as_json, stop)


def _say_what_is_ahead(store: Store, name: str, config: "Config", as_json: bool) -> int:
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
    if as_json:
        print_document(
            {
                "run": name,
                "outcome": outcome.kind,
                "reason": outcome.reason,
                "exit_code": code,
                "iterations": [one.shown() for one in closed],
                "says": says,
                "next": next_commands(this, closed),
            }
        )
        return code
    print_line(f"{outcome.kind}: {outcome.reason}\n")
    print_line(history_table(closed) + "\n" + what_is_left_out(name, closed))
    for sentence in says:
        print_line(sentence)
    print_line("\nNext:")
    for command in next_commands(this, closed):
        print_line(f"  {command}")
    return code
