"""How fast each kind of judge is, with prefix caching and without: `python -m benchmarks.judging`.

The microworld's model m1, without an adapter, judges the 200 labelled pairs or their 400 answers, in the shards of a
run with the default settings. The first round of an engine is not counted; a figure is the median of five. The rows
go to `benchmarks/results/judging.jsonl`.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.cells import command_line, run_cells
from judges.dialogue import Judge
from judges.propositions import Propositions
from loop import drive
from loop.anchors import anchor_pairs
from loop.base import Base
from loop.config import Config
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.engine.child_engine import ChildEngine
from loop.judging import Case, judge_cases, questions_per_case
from loop.load_config import load_config
from loop.start_engine import engine_options
from loop.steps.probes import anchor_cases
from loop.workers.trainers import Trainers
from runs.store import Store

KINDS = {
    **{method: (f"judge.method={method}",) for method in ("expected", "rubric", "pairwise", "pairwise_reasoned")},
    "propositions": (),
    "expected, committed first": ("judge.commit_first=true",),
    "expected, with rules": ("judge.rule_weight=1",),
    "expected, safety first": ("judge.safety_first=true",),
    "pairwise, all principles in one question": (
        *("judge.method=pairwise", "judge.principles=null", "judge.together=true"),
    ),
}
"""The judges that ask an engine, and their settings. A verifier asks nobody; a preference model is no engine's work."""
ROUNDS = 5


def main() -> None:
    """Measure what has no row yet, and print the rows."""
    parser = command_line(__doc__)
    fresh = parser.parse_args().fresh
    cells = [{"judge": kind, "prefix_caching": caching} for caching in (True, False) for kind in KINDS]
    with Desks() as desks:
        run_cells("judging", cells, desks.measure, fresh)


class Desks(ExitStack):
    """A desk with an engine of each kind, started when it is first measured."""

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[bool, Desk] = {}

    def measure(self, cell: dict[str, Any]) -> dict[str, Any]:
        """The rates of one kind of judge on one kind of engine."""
        caching = bool(cell["prefix_caching"])
        if caching not in self._open:
            self._open[caching] = self.enter_context(desk_with(caching))
        return rates(self._open[caching], str(cell["judge"]))


@contextmanager
def desk_with(prefix_caching: bool, overrides: Sequence[str] = ()) -> Iterator[Desk]:
    """The working place of a run whose engine caches what prompts begin with, or does not."""

    def start(
        store: Store, config: Config, base: Base, on_moved: Callable[[], None], say: Callable[[str], None]
    ) -> ChildEngine:
        options = replace(engine_options(config, base), prefix_caching=prefix_caching)
        return ChildEngine("loop.engine.vllm_child", options, base.digest, store.logs, on_moved=on_moved, say=say)

    with (
        tempfile.TemporaryDirectory(prefix="selfsame-bench-") as folder,
        patch.object(Trainers, "start"),  # nothing is trained here
        patch("loop.drive.start_engine", start),
        drive.desk_of(Store(Path(folder)), "bench", load_config("self-rewarding", overrides)) as desk,
    ):
        yield desk


def judge_of(desk: Desk, kind: str) -> Judge:
    """The judge of that kind with its default settings."""
    if kind == "propositions":
        return Propositions(desk.constitution, desk.config.judge.min_mass)
    return configured_judge(load_config("self-rewarding", KINDS[kind]).judge, desk.constitution)


def rates(desk: Desk, kind: str) -> dict[str, Any]:
    """Requests and verdicts a second, and the share of the prompts' tokens that was in the cache."""
    judge = judge_of(desk, kind)
    cases = anchor_cases(judge, desk.config.seed, anchor_pairs("microworld", 200))
    questions = questions_per_case(judge, cases)
    once(desk, judge, cases)
    engine = desk.engine(desk.base.digest)
    before = engine.used
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        once(desk, judge, cases)
        seconds.append(time.perf_counter() - began)
    used = engine.used - before
    median = statistics.median(seconds)
    return {
        "requests": len(cases) * questions,
        "verdicts": len(cases),
        "prompt_tokens": used.prompt_tokens // ROUNDS,
        "reply_tokens": used.reply_tokens // ROUNDS,
        "prefix_cache_hit_frac": round(used.cached_tokens / used.prompt_tokens, 4),
        "seconds": [round(value, 3) for value in seconds],
        "requests_per_s": round(len(cases) * questions / median, 1),
        "verdicts_per_s": round(len(cases) / median, 1),
    }


def once(desk: Desk, judge: Judge, cases: list[Case]) -> None:
    """Judge all cases, shard by shard as a run does."""
    size = max(1, desk.config.engine.shard_requests // questions_per_case(judge, cases))
    for start in range(0, len(cases), size):
        judge_cases(desk, judge, desk.base.digest, cases[start : start + size])


if __name__ == "__main__":
    main()
