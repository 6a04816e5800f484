"""`recipes`: the shipped configurations, and every setting with its meaning."""

from typing import Annotated

import typer

from loop.terminal import Json, print_document, print_line

app = typer.Typer(help="List the shipped recipes, or print one with the meaning of every setting.")


@app.callback(invoke_without_command=True)
def recipes(context: typer.Context, as_json: Json = False) -> int:
    """List the shipped recipes, or print one with the meaning of every setting."""
    from loop.load_config import recipe_about, recipe_names

    if context.invoked_subcommand:
        return 0
    about = {name: recipe_about(name).splitlines()[0] for name in recipe_names()}
    if as_json:
        print_document([{"name": name, "about": line} for name, line in about.items()])
    else:
        for name, line in about.items():
            print_line(f"{name:<{max(map(len, about))}}  {line}")
        print_line("\n`selfsame recipes show NAME` prints one with the meaning of every setting.")
    return 0


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A recipe's name, or a YAML file")] = "self-rewarding",
    overrides: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", show_default=False)] = None,
    as_json: Json = False,
) -> int:
    """Print the whole configuration, every setting under its meaning; the output is a configuration file."""
    from loop.load_config import load_config, recipe_about, recipe_names
    from loop.show_config import annotated

    config = load_config(name, overrides or ())
    if as_json:
        print_document({"name": name, "config": config.model_dump(mode="json")})
        return 0
    if name in recipe_names():
        print_line("\n".join(f"# {line}".rstrip() for line in recipe_about(name).splitlines()) + "\n")
    print_line(annotated(config))
    return 0
