"""A parent for test_vllm_engine: answers some shards on a fresh engine, says so, and then waits to be killed."""

import json
import sys
from pathlib import Path

from loop.engine.child_engine import ChildEngine
from loop.engine.options import EngineOptions
from loop.engine.protocol import Choose, Probe, Score, Write
from runs.records import Message, Sampling


def shards(policy: str) -> list[list[Write] | list[Choose] | list[Score]]:
    """A shard of each kind, of which some prompts begin alike."""
    asked = [(Message("user", "say hello to the fox " * (1 + 5 * (n % 3)) + str(n % 20)),) for n in range(60)]
    sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=12)
    return [
        [Write(messages, policy, sampling, seed=2**62 + n) for n, messages in enumerate(asked)],
        [Choose(messages, policy, ("a", "b", "c")) for messages in asked],
        [Score(messages, policy, (30, 31, 32 + n)) for n, messages in enumerate(asked)],
    ]


if __name__ == "__main__":
    spec = json.loads(sys.argv[1])
    options = EngineOptions(**{**spec["options"], "base": Path(spec["options"]["base"])})
    engine = ChildEngine("loop.engine.vllm_child", options, "the base", Path(spec["logs"]))
    print(engine.pid, flush=True)
    if spec["answer"]:
        probe = {key: tuple(value) for key, value in spec["probe"].items() if key != "messages"}
        messages = tuple(Message(**message) for message in spec["probe"]["messages"])
        engine.load("fox", Path(spec["folder"]), Probe(messages=messages, **probe))
        # In another order than in the test: what a shard gives may not depend on what was asked before.
        write, choose, score = shards("fox")
        score_is, choose_is, write_is = engine.run(score), engine.run(choose), engine.run(write)
        print(json.dumps(repr([write_is, choose_is, score_is])), flush=True)
        engine.run([Write(write[0].messages, "fox", Sampling(1.0, 1.0, 90), n) for n in range(100_000)])
    engine.run([Score((Message("user", "x"),), "the base", (30,))])
