"""A constitution as a file that reads back as the same one."""

from typing import Any

import yaml

from constitutions.load import Constitution


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stand as they are read, line by line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def as_yaml(constitution: Constitution) -> str:
    """YAML that is loaded as this constitution, digest and provenance and all; what is as by default is left out."""
    tree: Any = constitution.model_dump(mode="json", exclude_defaults=True)
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
