"""The run on disks that are really full: `python -m tests.crash.full_disk FOLDER COUNT`, in mounts of its own.

COUNT file systems, of 64 KiB up to what the run needs, are mounted in FOLDER one after the other: the run is tried on
each, the file system grows, and the run goes on. A line of JSON each says how both went.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from loop.cli import FULL_OR_FAILING
from runs.errors import DiskError, SelfsameError
from tests.crash.whole_run import go_on, golden, temporaries, warm, what_is_wrong_at_the_end

SMALLEST_KIB, PLENTY_KIB = 64, 65_536


def mount(folder: Path, how: str) -> None:
    """Mount memory at `folder`, or change what is mounted there."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", how, "none", str(folder)], check=True)


def unmount(folder: Path) -> None:
    """Undo it; what was there is gone."""
    subprocess.run(["umount", str(folder)], check=True)


def needed_kib(home: Path) -> int:
    """What an uninterrupted run leaves on a file system."""
    mount(home, f"size={PLENTY_KIB}k")
    go_on(home)
    used = shutil.disk_usage(home).used // 1024
    unmount(home)
    return used


def tried(home: Path) -> tuple[int, str]:
    """The exit code that the command line would give, and the words."""
    try:
        go_on(home)
    except SelfsameError as error:
        return error.exit_code, str(error)
    except OSError as error:
        return (DiskError.exit_code if error.errno in FULL_OR_FAILING else 1), str(error)
    return 0, ""


def main(folder: Path, count: int) -> None:
    """Try so many sizes."""
    home = folder / "home"
    home.mkdir()
    golden()
    with warm():
        widest = needed_kib(home) - SMALLEST_KIB
        for number in range(count):
            size = SMALLEST_KIB + widest * number // count
            mount(home, f"size={size}k")
            code, said = tried(home)
            left = [str(path) for path in temporaries(home)]
            mount(home, f"remount,size={PLENTY_KIB}k")
            go_on(home)
            wrong = what_is_wrong_at_the_end(home)
            unmount(home)
            print(json.dumps({"kib": size, "exit": code, "said": said, "left": left, "wrong": wrong}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
