"""Runs training programs without importing torch, transformers and TRL anew for each: they take 6 to 12 s of a core.

`python -P -m trainers.host FD MODULE...` imports the modules and then computes nothing itself. For each request on the
line FD, `{"module": NAME, "spec": "SPEC.json", "out": "OUT"}`, it forks: the child runs `NAME.main(spec, out)` in a
process as fresh as one started from nothing (the weights are the same to the bit), and the reply says how it ended:
`{"exit": 0}`, or minus the signal's number. `{"stop": true}` meanwhile asks the program to keep what it has and to end
(SIGTERM). Closing the line ends the host and the program it runs.
"""

import faulthandler
import gc
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from trainers.lifeline import die_with_parent
from trainers.parent import Parent

Program = Callable[[Path, Path], None]


def main(parent: Parent, modules: list[str]) -> None:
    """Serve until the line is closed. Whatever the programs print goes to the log."""
    gc.disable()  # importing leaves nothing to collect, and looking for it took a sixth of the time
    programs: dict[str, Program] = {name: import_module(name).main for name in modules}
    gc.freeze()  # no program looks through all this again, nor copies it by doing so
    gc.enable()
    faulthandler.disable()  # where this process waits is no news: if a program hangs, that one is to tell
    parent.say({"ready": modules})
    while request := parent.next():
        if "module" in request:  # else it is a word to stop for a program that has just ended
            program = programs[request["module"]]
            parent.say({"exit": _run(program, Path(request["spec"]), Path(request["out"]), parent)})


def _run(program: Program, spec: Path, out: Path, parent: Parent) -> int:
    """The exit code of `program` in a forked child. If the line is closed meanwhile, the child and the host end."""
    host = os.getpid()
    child = os.fork()
    if child == 0:
        die_with_parent(host)
        parent.hang_up()
        _be_the_program(program, spec, out)
    ended = os.pidfd_open(child)
    while parent.has_next() or ended not in select.select([parent.fileno(), ended], [], [])[0]:
        if parent.next() is None:
            raise SystemExit(1)  # the kernel ends the child with us
        os.kill(child, signal.SIGTERM)
    os.close(ended)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _be_the_program(program: Program, spec: Path, out: Path) -> None:
    faulthandler.enable()
    code = 1
    try:
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


if __name__ == "__main__":
    main(Parent(int(sys.argv[1])), sys.argv[2:])
