"""The base model: where it is, and the digest that names it."""

import json
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import microworld
from loop.config import Config, Model
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


def find_base(model: Model, section: str = "model") -> Base:
    """The base that `model` names, its folder checked. Raises ConfigError with what is missing.

    `section` is where the configuration names it.
    """
    if model.base.startswith("microworld:"):
        folder = _shipped(model.base.removeprefix("microworld:"), section)
    elif os.path.isdir(model.base):
        folder = Path(model.base).resolve()
    else:
        return _from_hub(model, section)
    files = _checked_files(model, folder, section)
    return Base(folder, digest({path.name: _digest(path) for path in files}))


def _digest(path: Path) -> str:
    """The digest of a file, hashed once as long as nobody writes to it.

    Billions of weights take a minute, and each start of a run wants them hashed several times.
    """
    now = path.stat()
    return _hashed(path, (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns))


@lru_cache(maxsize=256)
def _hashed(path: Path, _as_it_is: tuple[int, ...]) -> str:
    return digest_file(path)


def find_judge_base(config: Config) -> Base | None:
    """The other model that judges, computed as the run's own is; None where none does. Raises ConfigError."""
    return find_base(judge_model(config), "judge") if "base" in config.judge.sitting else None


def judge_model(config: Config) -> Model:
    """The other model that judges, as a section of its own. Raises ConfigError where it is not named."""
    base, revision = config.judge.base, config.judge.revision
    if base is None:
        raise ConfigError("judge.base=null, and `base` is to judge; name a model as for model.base")
    return config.model.model_copy(update={"base": base, "revision": revision, "adapter": None})


def _shipped(name: str, section: str) -> Path:
    models = Path(microworld.__file__).parent / "models"
    known = sorted(folder.name for folder in models.iterdir())
    if name not in known:
        raise ConfigError(
            f"{section}.base=microworld:{name}: the shipped models are {', '.join(known)}; name one of them"
        )
    return models / name


def _checked_files(model: Model, folder: Path, section: str) -> list[Path]:
    """The files that decide what the model says. Raises ConfigError if transformers could not load them safely."""
    files = used_files(folder)
    for name in ("config.json", "tokenizer_config.json"):
        if "auto_map" in read_settings(model, folder / name, section):
            raise ConfigError(
                f"{section}.base={model.base}: {folder / name} names code of the model's own (auto_map), which is "
                "never run; name a model that transformers knows by itself, or take auto_map out of a copy if it does"
            )
    if not any(path.suffix == ".safetensors" for path in files):
        raise ConfigError(
            f"{section}.base={model.base}: {folder} has no *.safetensors (pickled weights are never read); "
            "save the model again with safe_serialization"
        )
    return files


def read_settings(model: Model, path: Path, section: str = "model") -> dict[str, Any]:
    """What a JSON file of a model's folder says; nothing if there is no tokenizer_config.json. Raises ConfigError."""
    if path.name != "config.json" and not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(settings, dict):
            raise ValueError(f"it holds {type(settings).__name__}, not an object")
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{section}.base={model.base}: {path} cannot be read ({error}); name a folder that transformers can load"
        ) from error
    return settings


def used_files(folder: Path) -> list[Path]:
    """The files of a model folder that decide what it says, in order."""
    return sorted({path for pattern in USED for path in folder.glob(pattern) if path.is_file()})


def _from_hub(model: Model, section: str) -> Base:
    if model.base.startswith((".", "/", "~")) or model.base.count("/") != 1:
        raise ConfigError(
            f"{section}.base={model.base}: no such folder, and no hub name (OWNER/NAME); give one of the two"
        )
    if model.revision is None or not PINNED.fullmatch(model.revision):
        raise ConfigError(
            f"{section}.base={model.base} is a hub name and {section}.revision={model.revision} does not pin it; "
            "give the 40 hexadecimal digits of a commit"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(model.base, revision=model.revision, allow_patterns=list(USED))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ConfigError(f"{section}.base={model.base}: {error}; is the name right and the network up?") from error
    _checked_files(model, Path(folder), section)
    # The commit names the content already; hashing 16 GB at each start would say nothing new.
    return Base(Path(folder), digest({"hub": model.base, "revision": model.revision}))
