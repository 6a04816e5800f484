"""The stub engine in a process of its own, `python -P -m loop.engine.stub_child FD`: it can really hang and die.

It serves what the stub serves in our own process, and does wrong what `trainers.stub_faults` tells it to.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from loop.engine.protocol import Choose, Chosen, Score, Scored, Used, Write, Written
from loop.engine.serving import Served, serve
from loop.engine.stub import StubEngine
from runs.records import Message
from trainers.parent import Parent
from trainers.stub_faults import Fault, commit, fault_at


class StubServed:
    """The stub, with its faults. It has no weights: what an adapter scores on its probe, it believes when told."""

    def __init__(self, base: str, parent: Parent, moved: Callable[[str], None]) -> None:
        self.base, self.parent, self.moved = base, parent, moved
        self.used = Used()
        self.stub = StubEngine(base)
        self.told: dict[Score, Scored] = {}
        self.confused_with: dict[str, str] = {}
        self.latest = base

    def load(self, adapter: str, folder: str, probe: dict[str, Any]) -> None:
        fault = _committed("load")
        self.stub.serve(adapter)
        messages = tuple(Message(**message) for message in probe["messages"])
        for policy, logprobs in ((adapter, probe["logprobs"]), (self.base, probe["base_logprobs"])):
            self.told[Score(messages, policy, tuple(probe["token_ids"]))] = Scored(tuple(logprobs))
        if fault and fault.do == "wrong adapter":
            self.confused_with[adapter] = self.latest
        self.latest = adapter

    def unload(self, adapter: str) -> None:
        self.confused_with.pop(adapter, None)

    def write(self, requests: Sequence[Write]) -> list[Written]:
        return self._run("Write", requests)

    def choose(self, requests: Sequence[Choose]) -> list[Chosen]:
        return self._run("Choose", requests)

    def score(self, requests: Sequence[Score]) -> list[Scored]:
        return self._run("Score", requests)

    def one_token(self) -> None:
        _committed("one_token")

    def sleep(self) -> None:
        self.told.clear()

    def wake(self) -> None: ...

    def _run(self, kind: str, requests: Sequence[Any]) -> list[Any]:
        fault = fault_at(kind)
        replies: list[Any] = []
        amiss = {"start": 0, "middle": len(requests) // 2, "end": len(requests) - 1}[fault.when] if fault else -1
        for place, request in enumerate(requests):
            if fault and place == amiss:
                self._misbehave(fault)
            time.sleep(fault.seconds if fault else 0)
            served = replace(request, policy=self.confused_with.get(request.policy, request.policy))
            # Told once, for the proof that follows loading; all else is the stub's own.
            replies.append(self.told.pop(served, None) or self.stub.run([served])[0])
            self.moved(f"{place + 1} of {len(requests)} requests")
        return replies

    def _misbehave(self, fault: Fault) -> None:
        if fault.do == "garbage":
            self.parent.say_bytes(b'{"result": [{"text": "half a re')
        commit(fault)


def _committed(at: str) -> Fault | None:
    """The fault of a call that is one piece, after what any process can do wrong has been done."""
    fault = fault_at(at)
    if fault:
        commit(fault)
    return fault


if __name__ == "__main__":
    parent = Parent(int(sys.argv[1]))

    def start(message: dict[str, Any], moved: Callable[[str], None]) -> Served:
        """The stub that the parent's first message describes."""
        _committed("start")
        return StubServed(message["base"], parent, moved)

    serve(parent, start)
