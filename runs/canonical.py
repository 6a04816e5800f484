"""Canonical JSON and the digests made from it: one value, one spelling, one name.

A digest carries the tag of the scheme that made it (`s1:`), so that a later change of the
canonical form is visible instead of a silent split. Identity holds no time, host or version:
two equal results must get one name.
"""

import hashlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

TAG = "s1:"


def canonical_json(value: Any) -> bytes:
    """The one spelling of `value`: sorted keys, no blanks, UTF-8, shortest floats; a dataclass is its fields.

    Raises ValueError for NaN and infinities (they are not JSON) and TypeError for what JSON lacks.
    """
    return _ENCODER.encode(value).encode("utf-8", "surrogatepass")


def _fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass as they are: `asdict` would copy all that is in them, and takes three times as long."""
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{value!r:.80} is no JSON value and no dataclass")
    return {field.name: getattr(value, field.name) for field in fields(value)}


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_fields)


def digest_bytes(data: bytes) -> str:
    """`s1:` and the SHA-256 of `data` in hexadecimal."""
    return TAG + hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """The digest of `value`'s canonical JSON."""
    return digest_bytes(canonical_json(value))


def digest_file(path: Path) -> str:
    """The digest of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return TAG + hashlib.file_digest(file, "sha256").hexdigest()


def digest_folder(path: Path) -> str:
    """The digest of a folder: of the names and digests of the files in it, subfolders included."""
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return digest({str(p.relative_to(path)): digest_file(p) for p in files})


def seed_of(*parts: str | int) -> int:
    """A 63-bit seed from (run seed, iteration, step, prompt digest, k) or the like."""
    return int.from_bytes(hashlib.sha256(canonical_json(list(parts))).digest()[:8], "big") >> 1
