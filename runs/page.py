"""A page of HTML from a template beside this file: it holds all that it shows, and loads and runs nothing."""

import base64
from pathlib import Path
from typing import Any

from runs.pair_table import visible


def rendered(template: str, **values: Any) -> str:
    """The template filled with the values; texts are escaped, and what cannot be seen in them is spelt out."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    environment.filters |= {"visible": visible, "number": _number}
    return environment.get_template(template).render(**values)


def inlined(pictures: dict[str, bytes]) -> list[tuple[str, str]]:
    """Pictures as PNG by title, in the form in which a page holds them."""
    return [(title, base64.b64encode(data).decode()) for title, data in pictures.items()]


def _number(value: float | None) -> str:
    return "" if value is None else format(value, ".4g")
