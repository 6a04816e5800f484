"""What an iteration costs, and what the same work costs the ordinary way: `python -m benchmarks.iteration`.

One run of the recipe gives five iterations that start from an adapter (2 to 6; the first starts from the base);
engines and ordinary processes are started five times. A figure is the median of five or more. The rows, with every
value, the commit and the command, go to `benchmarks/results/iteration.json`.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.cells import RESULTS, commit
from benchmarks.stopwatch import timed_run
from constitutions.load import find_constitution
from judges import expected
from judges.dialogue import Item
from loop import drive
from loop.base import Base, find_base
from loop.config import Config
from loop.desk import Desk
from loop.engine.protocol import Choose, Write
from loop.load_config import load_config
from loop.workers.trainers import Trainers
from runs.lineage import iterations, links
from runs.outbox import receipts_of
from runs.records import Iteration, Message, Prompt, Response, Sampling
from runs.store import Store

RECIPE = "self-rewarding"
ROUNDS = 5
FIRST = 2
"""The first iteration whose policy is an adapter."""
Values = dict[str, list[float]]


def main() -> None:
    """Measure, print, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings of the run, as for `selfsame run`")
    parser.add_argument("--out", type=Path, default=RESULTS / "iteration.json", help="where the rows are written")
    chosen = parser.parse_args()
    overrides = chosen.overrides
    config = load_config(RECIPE, [*overrides, f"iterations={FIRST + ROUNDS - 1}"])
    base, measured = find_base(config.model), commit()
    with tempfile.TemporaryDirectory(prefix="selfsame-bench-") as folder:
        store = Store(Path(folder) / "home")
        _say(f"a run of {config.iterations} iterations")
        laps = timed_run(store, "bench", RECIPE, config)[FIRST:]
        steps = step_figures(store)
        chain = iterations(store, drive.existing(store, "bench"))
        engine = engine_figures(store, config, base, chain)
        ordinary = ordinary_figures(store, config, base, chain)
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": measured,
        "command": " ".join(["python", "-m", "benchmarks.iteration", *overrides]),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}",
    }
    found = [row | about for row in rows(laps, steps, engine, ordinary)]
    chosen.out.parent.mkdir(exist_ok=True)
    chosen.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for row in found:
        print(f"{row['median']:9.3f} {row['unit']:<6} {row['what']}  (n = {len(row['values'])})")
    print(f"written to {chosen.out}, commit {about['commit']}")


def rows(laps: list[dict[str, float]], steps: Values, engine: Values, ordinary: Values) -> Iterator[dict[str, Any]]:
    """One row a figure. A ratio is taken within each round, so that a slow minute weighs on both sides of it."""
    parts = ("generate", "judge", "train")
    whole = [lap["whole"] for lap in laps]
    ours = [sum(steps[part][number] for part in parts) for number in range(ROUNDS)]
    theirs = [sum(ordinary[part][number] for part in parts) for number in range(ROUNDS)]
    figures = [
        ("a whole iteration", whole),
        *((f"step {step}", values) for step, values in steps.items()),
        ("of an iteration: in the engine", [lap["engine"] for lap in laps]),
        ("of an iteration: in the training program", [lap["trainer"] for lap in laps]),
        ("of an iteration: in neither", [lap["whole"] - lap["engine"] - lap["trainer"] for lap in laps]),
        ("engine start to first token", engine["start"]),
        ("adapter swap to first token, proof included", engine["swap"]),
        ("judging every answer with an adapter", engine["with"]),
        ("judging every answer without", engine["without"]),
        *((f"the ordinary way: {part}", values) for part, values in ordinary.items()),
        ("generate, judge and train: the loop's steps", ours),
        ("generate, judge and train: the ordinary way, without loading", theirs),
    ]
    ratios = [
        ("judging with an adapter / without", engine["with"], engine["without"]),
        ("the ordinary way / the loop's steps", theirs, ours),
    ]
    for what, values in figures:
        yield {"what": what, "unit": "s", "median": statistics.median(values), "values": values}
    for what, over, under in ratios:
        values = [a / b for a, b in zip(over, under, strict=True)]
        yield {"what": what, "unit": "times", "median": statistics.median(values), "values": values}


def step_figures(store: Store) -> Values:
    """The seconds of each step of the measured iterations, from their receipts."""
    run = drive.existing(store, "bench")
    found: Values = {}
    for link in links(store, run, since=FIRST):
        for step, receipt in receipts_of(store, run, link).items():
            provenance = receipt["provenance"]
            found.setdefault(step, []).append(provenance["ended"] - provenance["began"])
    return found


@dataclass(frozen=True)
class Work:
    """What one iteration was asked: its prompts and answers, and the policy that wrote and judged them."""

    policy: str
    prompts: list[Prompt]
    answers: list[Response]
    questions: list[tuple[Message, ...]]


def work_of(store: Store, config: Config, chain: list[Iteration], index: int) -> Work:
    """The work of iteration `index`."""
    outputs = {step: store.output(name) for step, name in chain[index].outputs.items()}
    prompts: list[Prompt] = store.all_rows("prompts", outputs["prompts"])
    answers: list[Response] = store.all_rows("responses", outputs["generate"])
    messages = {prompt.digest: prompt.messages for prompt in prompts}
    judge = expected.Expected(find_constitution(config.constitution), config.judge.min_mass)
    asked = [judge.ask(Item(messages[answer.prompt], (answer.text,)), []) for answer in answers]
    questions = [question.messages for (question,) in asked]
    return Work(chain[index - 1].policy, prompts, answers, questions)


def engine_figures(store: Store, config: Config, base: Base, chain: list[Iteration]) -> Values:
    """Engine start and adapter swap, each to first token, and judging with an adapter and without; one each a start."""
    found: Values = {name: [] for name in ("start", "swap", "with", "without")}
    labels = expected.labels(find_constitution(config.constitution).scale)
    one_token = Sampling(temperature=0.0, top_p=1.0, max_tokens=1)
    for number in range(ROUNDS):
        _say(f"engine start, swap and judging, {number + 1} of {ROUNDS}")
        work = work_of(store, config, chain, FIRST + number)
        # In a run the trainer's process imports beside the engine's; here the engine is alone.
        with patch.object(Trainers, "start"), drive.desk_of(store, "bench", config) as desk:

            def first_token(policy: str, work: Work = work, desk: Desk = desk) -> None:
                desk.engine(policy).run([Write(work.prompts[0].messages, policy, one_token, seed=0)])

            def judged(policy: str, work: Work = work, desk: Desk = desk) -> None:
                desk.engine(policy).run([Choose(question, policy, labels) for question in work.questions])

            found["start"].append(seconds_of(first_token, base.digest))
            found["swap"].append(seconds_of(first_token, work.policy))
            judged(base.digest)  # the first large batch of an engine is slower than all others
            order = [("with", work.policy), ("without", base.digest)]
            for name, policy in order if number % 2 else reversed(order):
                found[name].append(seconds_of(judged, policy))
    return found


def ordinary_figures(store: Store, config: Config, base: Base, chain: list[Iteration]) -> Values:
    """Seconds of the parts of the same work done by `benchmarks.ordinary`, in a fresh process for each iteration."""
    found: Values = {}
    for number in range(ROUNDS):
        _say(f"the ordinary way, {number + 1} of {ROUNDS}")
        with tempfile.TemporaryDirectory() as folder:
            asked, out = Path(folder) / "work.json", Path(folder) / "out.json"
            asked.write_text(json.dumps(ordinary_work(store, config, base, chain, FIRST + number)), encoding="utf-8")
            command = [sys.executable, "-P", "-m", "benchmarks.ordinary", str(asked), str(out)]
            threads = {"OMP_NUM_THREADS": str(config.train.threads), "TOKENIZERS_PARALLELISM": "false"}
            done = subprocess.run(command, env=os.environ | threads, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"the ordinary way failed:\n{done.stderr[-2000:]}")
            for part, seconds in json.loads(out.read_bytes()).items():
                found.setdefault(part, []).append(seconds)
    return found


def ordinary_work(store: Store, config: Config, base: Base, chain: list[Iteration], index: int) -> dict[str, Any]:
    """The work of iteration `index` as texts, for a program that knows nothing of ours."""
    work, settings = work_of(store, config, chain, index), config.train
    messages = {prompt.digest: _plain(prompt.messages) for prompt in work.prompts}
    texts = {answer.digest: [{"role": "assistant", "content": answer.text}] for answer in work.answers}
    pairs = store.all_rows("pairs", store.output(chain[index].outputs["pair"]))
    return {
        "base": str(base.folder),
        "adapter": str(store.adapter_folder(work.policy)),
        "threads": settings.threads,
        "prompts": list(messages.values()),
        "samples": config.generate.samples,
        "temperature": config.generate.temperature,
        "max_tokens": config.generate.max_tokens,
        "questions": [_plain(question) for question in work.questions],
        "pairs": [
            {"prompt": messages[p.prompt], "chosen": texts[p.chosen], "rejected": texts[p.rejected]} for p in pairs
        ],
        "dpo": {
            "beta": settings.beta,
            "learning_rate": settings.learning_rate,
            "num_train_epochs": settings.epochs,
            "per_device_train_batch_size": settings.micro_batch_size,
            "gradient_accumulation_steps": settings.batch_size // settings.micro_batch_size,
            "lr_scheduler_type": settings.schedule,
            "warmup_steps": settings.warmup_frac,
            "max_grad_norm": settings.max_grad_norm,
            "max_length": settings.max_length_tokens,
        },
    }


def seconds_of(call: Callable[..., object], *arguments: Any) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - began


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _plain(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


if __name__ == "__main__":
    main()
