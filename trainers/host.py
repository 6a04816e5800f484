"""Runs training programs without importing torch, transformers and TRL anew for each: they take 6 to 12 s of a core.

`python -P -m trainers.host FD MODULE...` imports the modules and then computes nothing itself. For each request on the
line FD, `{"module": NAME, "spec": "SPEC.json", "out": "OUT"}`, it forks: the child runs `NAME.main(spec, out)` in a
process as fresh as one started from nothing (the weights are the same to the bit), and the reply says how it ended:
`{"exit": 0}`, or minus the signal's number. `{"stop": true}` meanwhile asks the program to keep what it has and to end
(SIGTERM). Closing the line ends the host and the program it runs.

A program of STAYING is not ended with its answer, but asked again in the same process, until something else is asked
for, or it fails: what it has loaded is loaded once.
"""

import faulthandler
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from trainers.lifeline import die_with_parent
from trainers.parent import Parent

Program = Callable[[Path, Path], None]

STAYING = ("trainers.score",)
"""Programs that only read, and are asked for one shard after another."""


class Stayed:
    """A forked process that runs one program again and again. It ends when its line is closed, or with the host."""

    def __init__(self, module: str, program: Program, parent: Parent) -> None:
        self.module = module
        self.line, theirs = socket.socketpair()
        host = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            die_with_parent(host)
            parent.hang_up()
            self.line.close()
            _stay(program, theirs)
        theirs.close()

    def run(self, request: dict[str, str], parent: Parent) -> int:
        """The exit code of the program on this request; it has ended, all of it, unless that is 0."""
        with suppress(ConnectionError):  # one that has died meanwhile says so by its end
            self.line.sendall(json.dumps([request["spec"], request["out"]]).encode() + b"\n")
            _pass_on_words_to_stop(self.pid, self.line.fileno(), parent)
            if self.line.recv(1):
                return 0
        return self.end()

    def end(self) -> int:
        """Have it end; returns how it did."""
        self.line.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main(parent: Parent, modules: list[str]) -> None:
    """Serve until the line is closed. Whatever the programs print goes to the log."""
    gc.disable()  # importing leaves nothing to collect, and looking for it took a sixth of the time
    programs: dict[str, Program] = {name: import_module(name).main for name in modules}
    gc.freeze()  # no program looks through all this again, nor copies it by doing so
    gc.enable()
    faulthandler.disable()  # where this process waits is no news: if a program hangs, that one is to tell
    parent.say({"ready": modules})
    stayed: Stayed | None = None
    while request := parent.next():
        if "module" not in request:  # it is a word to stop for a program that has just ended
            continue
        module = request["module"]
        if stayed and stayed.module != module:
            stayed.end()
            stayed = None
        if module in STAYING:
            stayed = stayed or Stayed(module, programs[module], parent)
            code = stayed.run(request, parent)
            stayed = None if code else stayed
        else:
            code = _run(programs[module], Path(request["spec"]), Path(request["out"]), parent)
        parent.say({"exit": code})


def _run(program: Program, spec: Path, out: Path, parent: Parent) -> int:
    """The exit code of `program` in a forked child. If the line is closed meanwhile, the child and the host end."""
    host = os.getpid()
    child = os.fork()
    if child == 0:
        die_with_parent(host)
        parent.hang_up()
        os._exit(_outcome(program, spec, out))  # the host's exit handlers are the host's
    ended = os.pidfd_open(child)
    _pass_on_words_to_stop(child, ended, parent)
    os.close(ended)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _pass_on_words_to_stop(child: int, until: int, parent: Parent) -> None:
    """Wait until there is something to read from `until`. SIGTERM for the child is what is asked meanwhile."""
    while parent.has_next() or until not in select.select([parent.fileno(), until], [], [])[0]:
        if parent.next() is None:
            raise SystemExit(1)  # the kernel ends the child with us
        os.kill(child, signal.SIGTERM)


def _stay(program: Program, line: socket.socket) -> NoReturn:
    """Run the program for each request on the line, and answer with a byte; end where it fails or the line does."""
    code = 0
    for asked in line.makefile("rb"):
        spec, out = json.loads(asked)
        code = _outcome(program, Path(spec), Path(out))
        if code:
            break
        line.sendall(b"\0")
    os._exit(code)


def _outcome(program: Program, spec: Path, out: Path) -> int:
    """The exit code of a program, run here."""
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
    return code


if __name__ == "__main__":
    main(Parent(int(sys.argv[1])), sys.argv[2:])
