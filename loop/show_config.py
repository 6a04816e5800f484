"""A configuration as YAML that reads like its own manual and loads back to the same configuration."""

import json
import math
import re
import textwrap
from typing import Any

import yaml

from loop.config import Config
from loop.config_section import Section

PLAIN = re.compile(r"[A-Za-z0-9./][A-Za-z0-9_./@-]*(:[A-Za-z0-9_./@-]+)*")


def annotated(config: Config) -> str:
    """Every field of `config` with its value, under its documentation as a comment."""
    return "\n".join(_section(config, "")).lstrip("\n") + "\n"


def _section(section: Section, indent: str) -> list[str]:
    lines: list[str] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        comment = textwrap.wrap(
            field.description or "", 116, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
        )
        if isinstance(value, Section):
            lines += ["", *comment, f"{indent}{name}:", *_section(value, indent + "  ")]
        else:
            lines += [*comment, f"{indent}{name}: {_scalar(value)}"]
    return lines


def _scalar(value: Any) -> str:
    if isinstance(value, tuple) and any(isinstance(one, Section) for one in value):
        return json.dumps([one.model_dump(mode="json") for one in value])
    if not isinstance(value, str):
        return json.dumps(value)
    if PLAIN.fullmatch(value) and value != "null":
        return value
    return yaml.safe_dump(value, default_style='"', width=math.inf).rstrip("\n")
