"""Runs training programs without importing torch, transformers and TRL anew for each: they take 6 to 12 s of a core.

`python -P -m trainers.host MODULE...` imports the modules and then computes nothing itself. For each line on standard
input, `["MODULE", "SPEC.json", "OUT"]`, it forks: the child runs `MODULE.main(spec, out)` in a process as fresh as one
started from nothing (the weights are the same to the bit), and one line on standard output says how it ended:
`{"exit": 0}`, or minus the signal's number. Closing standard input ends the host and the program it runs.
"""

import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import IO

from trainers.lifeline import die_with_parent

Program = Callable[[Path, Path], None]


def main(modules: list[str]) -> None:
    """Serve until standard input ends. Whatever the programs print goes to standard error, the log."""
    die_with_parent()
    with open(0, "rb", buffering=0) as requests, os.fdopen(os.dup(1), "w") as replies:
        os.dup2(2, 1)
        programs: dict[str, Program] = {name: import_module(name).main for name in modules}
        _say(replies, {"ready": modules})
        while line := requests.readline():
            name, spec, out = json.loads(line)
            _say(replies, {"exit": _run(programs[name], Path(spec), Path(out), requests)})


def _run(program: Program, spec: Path, out: Path, requests: IO[bytes]) -> int:
    """The exit code of `program` in a forked child. If the requests end meanwhile, the child and the host do too."""
    child = os.fork()
    if child == 0:
        _be_the_program(program, spec, out)
    ended = os.pidfd_open(child)
    readable, _, _ = select.select([requests.fileno(), ended], [], [])
    os.close(ended)
    if ended not in readable:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if ended not in readable:
        raise SystemExit(1)
    return os.waitstatus_to_exitcode(status)


def _be_the_program(program: Program, spec: Path, out: Path) -> None:
    die_with_parent()
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        program(spec, out)
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # the host's exit handlers are the host's


def _say(replies: IO[str], reply: dict[str, object]) -> None:
    replies.write(json.dumps(reply) + "\n")
    replies.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
