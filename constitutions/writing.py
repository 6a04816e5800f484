"""A constitution as the text of a file: what is read back from it says the same, and names the same digest."""

from pathlib import Path
from typing import Any

import yaml

from constitutions.load import Constitution
from constitutions.markdown import lined_markdown
from constitutions.principle import Principle
from constitutions.prose import unwrapped
from constitutions.strict_yaml import MAX_CHARACTERS, StrictYamlError
from runs.errors import ConfigError

LINE = 116


def as_text(constitution: Constitution, path: Path) -> str:
    """The constitution as YAML, or as Markdown for a `path` that ends in .md. Raises ConfigError for what cannot be.

    What Markdown cannot hold is a principle's text in several paragraphs, and reasons that look like a heading.
    """
    tree = constitution.model_dump(mode="json", exclude_defaults=True)
    if path.suffix != ".md":
        text = _yaml(tree)
        if len(text) > MAX_CHARACTERS:
            raise ConfigError(
                f"{path}: {len(text)} characters, and no more than {MAX_CHARACTERS} of YAML are read; name a file that "
                "ends in .md"
            )
        return text
    principles = tree.pop("principles", [])
    sections = [_section(own, one, path) for own, one in zip(principles, constitution.principles, strict=True)]
    return "\n".join([f"---\n{_yaml(tree)}---\n\n# {constitution.name}\n", *sections])


def _section(tree: dict[str, Any], principle: Principle, path: Path) -> str:
    fields = {key: value for key, value in tree.items() if key not in ("id", "text", "reasons")}
    block = f"```yaml\n{_yaml(fields)}```\n" if fields else ""
    paragraphs = [one for one in (principle.text, principle.reasons) if one]
    section = "\n\n".join([f"## {principle.id}", *paragraphs]) + f"\n\n{block}"
    try:
        (read,) = lined_markdown(f"---\nname: x\n---\n{section}")[0]["principles"]
    except (StrictYamlError, ValueError) as error:
        read = {"text": str(error)}
    if [unwrapped(read.get(part, "")) for part in ("text", "reasons")] != [principle.text, principle.reasons]:
        raise ConfigError(
            f"{path}: the principle {principle.id!r} cannot stand in Markdown as it is ({principle.text[:40]!r}...); "
            "name a file that ends in .yaml"
        )
    return section


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they are read, and no aliases: the reader takes none."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def _yaml(tree: dict[str, Any]) -> str:
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LINE) if tree else ""
