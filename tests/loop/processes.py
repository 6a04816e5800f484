"""Looking after processes in tests."""

import time
from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int], timeout_s: float = 10) -> None:
    """Returns once none of them runs."""
    end = time.monotonic() + timeout_s
    while any(map(is_running, pids)):
        assert time.monotonic() < end, f"still running: {[pid for pid in pids if is_running(pid)]}"
        time.sleep(0.01)


def wait_for(path: Path, timeout_s: float = 30) -> str:
    """What is written in a file, once there is something."""
    end = time.monotonic() + timeout_s
    while not path.exists() or not path.read_text():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.01)
    return path.read_text()


def descendants(pid: int) -> list[int]:
    """All that the process started and that still belong to it."""
    found = [
        int(child)
        for thread in Path(f"/proc/{pid}/task").iterdir()
        for child in (thread / "children").read_text().split()
    ]
    return found + [below for child in found for below in descendants(child)]
