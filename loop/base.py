"""The base model: where it is, and the digest that names it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import microworld
from loop.config import Model
from runs.canonical import digest, digest_file
from runs.errors import ConfigError

USED = (
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "chat_template*",
    "*.safetensors*",
)
PINNED = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Base:
    """A base model: the folder that engine and trainer load, and its digest."""

    folder: Path
    digest: str


def find_base(model: Model) -> Base:
    """The base that `model` names, its folder checked. Raises ConfigError with what is missing."""
    if model.base.startswith("microworld:"):
        folder = Path(microworld.__file__).parent / "models" / model.base.removeprefix("microworld:")
    elif Path(model.base).is_dir():
        folder = Path(model.base).resolve()
    else:
        return _from_hub(model)
    files = _checked_files(model, folder)
    return Base(folder, digest({path.name: digest_file(path) for path in files}))


def _checked_files(model: Model, folder: Path) -> list[Path]:
    """The files that decide what the model says. Raises ConfigError if transformers could not load them safely."""
    files = used_files(folder)
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"model.base={model.base}: {folder} has no config.json that can be read ({error}); "
            "name a folder that transformers can load"
        ) from error
    if not any(path.suffix == ".safetensors" for path in files):
        raise ConfigError(
            f"model.base={model.base}: {folder} has no *.safetensors (pickled weights are never read); "
            "save the model again with safe_serialization"
        )
    return files


def used_files(folder: Path) -> list[Path]:
    """The files of a model folder that decide what it says, in order."""
    return sorted({path for pattern in USED for path in folder.glob(pattern) if path.is_file()})


def _from_hub(model: Model) -> Base:
    if model.base.startswith((".", "/", "~")) or model.base.count("/") != 1:
        raise ConfigError(f"model.base={model.base}: no such folder, and no hub name (OWNER/NAME); give one of the two")
    if model.revision is None or not PINNED.fullmatch(model.revision):
        raise ConfigError(
            f"model.base={model.base} is a hub name and model.revision={model.revision} does not pin it; "
            "give the 40 hexadecimal digits of a commit"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(model.base, revision=model.revision, allow_patterns=list(USED))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ConfigError(f"model.base={model.base}: {error}; is the name right and the network up?") from error
    _checked_files(model, Path(folder))
    # The commit names the content already; hashing 16 GB at each start would say nothing new.
    return Base(Path(folder), digest({"hub": model.base, "revision": model.revision}))
