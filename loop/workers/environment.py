"""The whole environment of a worker: an allow-list, so that no token, password or address of ours reaches it."""

import os
from pathlib import Path

INHERITED = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_HOME", "HF_HOME"),
    "TORCHINDUCTOR_CACHE_DIR",
    "SELFSAME_STUB_FAULTS",  # set by tests alone: trainers/stub_faults.py
)


def worker_environment(threads: int) -> dict[str, str]:
    """What a worker with so many compute threads sees: what it needs of ours, no secret, no network, one GPU."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return kept | {
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),  # the code that we run ourselves
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0],  # TRL refuses two
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # the other way of asking for a GPU spoils CUDA for a fork
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "warning",
        # Engine and trainer take turns, so each may have all the threads that it was given. None is pinned: one pinned
        # to a core waits for whoever else is pinned there, and two engines pin to the same (6.1 s against 3.1 s).
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_PROC_BIND": "false",
        # Between two pieces of work a thread waits awake for some 50 microseconds. Always awake, two threads on a busy
        # machine did not finish in 150 s what two that sleep did in 17 s; asleep at once, an iteration takes half as
        # long again and a round of training 11.9 s instead of 5.4 s (2026-11).
        "GOMP_SPINCOUNT": "20000",
    }
