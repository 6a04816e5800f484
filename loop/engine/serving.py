"""An engine's own process: what it answers to its parent, whatever serves there.

Each message from the parent has one reply: `{"result": ...}`, with what was `used` so far; `{"refused": TEXT}` for what
was found wrong before the engine saw it; `{"too_long": TEXT}` for requests that no further attempt would make shorter;
or `{"failed": TEXT}`, after which the process ends: a step of vLLM that failed leaves requests behind that hang the
next call, and a NaN in its cache spoils the answers of others (vLLM issues 50283 and 57716).
Signs of progress go beside the replies.
"""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any, Protocol

from loop.engine.protocol import Choose, Chosen, Score, Scored, Used, Write, Written
from loop.engine.wire import Reply, read_requests, spell
from trainers.parent import Parent


class Refused(Exception):
    """A message that cannot be served; the engine has not seen it and is as it was."""


class TooLong(Refused):
    """A request that the engine's context does not hold."""


class Served(Protocol):
    """An engine as its own process sees it. See `loop.engine.protocol.Engine` for what is meant."""

    used: Used

    def load(self, adapter: str, folder: str, probe: dict[str, Any]) -> None: ...
    def unload(self, adapter: str) -> None: ...
    def write(self, requests: Sequence[Write]) -> list[Written]: ...
    def choose(self, requests: Sequence[Choose]) -> list[Chosen]: ...
    def score(self, requests: Sequence[Score]) -> list[Scored]: ...
    def one_token(self) -> None: ...
    def sleep(self) -> None: ...
    def wake(self) -> None: ...


Start = Callable[[dict[str, Any], Callable[[str], None]], Served]
"""Makes an engine from the parent's first message; what it gets beside is to be told how far a call is."""


def serve(parent: Parent, start: Start) -> None:
    """Answer the parent until it closes the line or something fails, and then end this process.

    The first message says what to serve. Its reply comes once a token was generated: nothing less proves an engine.
    """
    served: Served | None = None
    while message := parent.next():
        try:
            if served is None:
                served, result = start(message, parent.moved), None
                served.one_token()
            else:
                result = _answer(served, message)
            outcome = {"result": result, "used": asdict(served.used)}
        except TooLong as error:
            outcome = {"too_long": str(error)}
        except Refused as error:
            outcome = {"refused": str(error)}
        except Exception as error:
            traceback.print_exc()
            outcome = {"failed": f"{type(error).__name__}: {error}"}
        parent.say(outcome)
        if "failed" in outcome:
            break
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing here needs the seconds that vLLM's own farewell takes


def _answer(served: Served, message: dict[str, Any]) -> Any:
    match message["do"]:
        case "load":
            return served.load(message["adapter"], message["folder"], message["probe"])
        case "unload":
            return served.unload(message["adapter"])
        case "one_token":
            return served.one_token()
        case "sleep":
            return served.sleep()
        case "wake":
            served.wake()
            return served.one_token()
        case "Write":
            return spell(_finite(served.write(read_requests("Write", message["requests"]))))
        case "Choose":
            return spell(_finite(served.choose(read_requests("Choose", message["requests"]))))
        case "Score":
            return spell(_finite(served.score(read_requests("Score", message["requests"]))))
        case strange:
            raise Refused(f"nobody here does {strange!r}")


def _finite(replies: Sequence[Reply]) -> Sequence[Reply]:
    """The replies. Raises ArithmeticError if a log-probability is not a number: the cache is spoilt."""
    for place, reply in enumerate(replies):
        if bad := [value for value in reply.logprobs if not isfinite(value)]:
            raise ArithmeticError(f"the log-probabilities of reply {place} hold {bad[0]}: the weights are broken")
    return replies
