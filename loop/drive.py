"""Beginning, resuming and planning runs: what the command line calls."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from constitutions.load import find_constitution
from loop import iterate
from loop.anchors import anchors_digest
from loop.base import find_base, find_judge_base
from loop.changes import semantic_changes, way_on
from loop.clock import utc_now
from loop.config import Config
from loop.desk import Desk
from loop.feeding import Feeder
from loop.iterate import Outcome, PlannedStep
from loop.limits import LimitWatch, Stop, never
from loop.mixing import sources_digest
from loop.progress import Event, Say
from loop.start_engine import allowance, start_engine
from loop.steps.capability import prompts_path
from loop.training import programs
from loop.workers.attempts import Attempts
from loop.workers.trainers import Trainers
from runs.canonical import digest_file, digest_folder
from runs.environment import differences, environment
from runs.errors import ConfigError, UsageError, WorkerError
from runs.lineage import find_run, first_own, iterations, kept_constitution, last_index
from runs.naming import check_new_name
from runs.records import Iteration, Run
from runs.store import Store


def begin(store: Store, name: str, recipe: str, config: Config) -> Run:
    """A new run that has done nothing yet. Raises UsageError if the name is taken."""
    store.ref_path(name)  # what cannot be a name is refused before anything is written
    run = Run(
        name=name,
        recipe=recipe,
        iteration="",
        branched_from="",
        config=config.semantic(),
        operational=config.operational(),
        environment=environment(),
        inputs=input_digests(config),
        begun=utc_now().timestamp(),
    )
    with store.lock():
        check_new_name(store, name)
        store.move(run)
    return run


def config_of(run: Run) -> Config:
    """The configuration that a run was begun with, as it stands now."""
    try:
        return Config.model_validate({**run.config, **run.operational})
    except ValidationError as error:
        raise ConfigError(
            f"{run.name} was begun with settings that this version of selfsame does not know: {error}; "
            "resume it with the version that began it"
        ) from error


def change(store: Store, name: str, config: Config) -> Run:
    """The run with other operational settings. Raises as `refuse_change`, with what to do instead."""
    refuse_change(store, name, config)
    with store.lock():
        # Read again: whoever held the lock until now may have carried the run further.
        changed = replace(existing(store, name), operational=config.operational())
        store.move(changed)
    return changed


def refuse_change(store: Store, name: str, config: Config) -> None:
    """Returns if the run can be taken on with `config`.

    Raises UsageError where it is to have fewer iterations than it has, and ConfigError where the results would differ,
    or a file that decides them is not what it was.
    """
    run = existing(store, name)
    refuse_other_inputs(store, run)
    own, last = config_of(run), last_index(store, run)
    if config.iterations < min(last, own.iterations):
        raise UsageError(
            f"iterations={config.iterations}: {name} is at iteration {last} (of {own.iterations}), and none is unmade; "
            f"`selfsame resume {name} iterations={last}` ends it there, `selfsame branch {name}@{config.iterations} "
            "ANOTHER` goes on from an earlier one"
        )
    if changes := semantic_changes(own, config):
        first = first_own(run)
        shared = iterations(store, run)[:first]
        # A branch that has nothing left to do is planned one iteration further: there has to be a step to name.
        further = {"iterations": max(config.iterations, first)}
        before, after = (
            planned(store, name, settings.model_copy(update=further), shared) for settings in (own, config)
        )
        step = first_affected(before, after)
        raise ConfigError(
            f"{changes[0].leaf}={changes[0].new} (it is {changes[0].old}) would change what {name} already did, from "
            f"{step} on; a run keeps its semantic settings. Take it on under another name: "
            f"{way_on(store, run, *changes)}"
        )


def refuse_other_inputs(store: Store, run: Run) -> None:
    """Returns if all outside the store that decides what the run does is what it was. Raises ConfigError."""
    # A constitution is kept in the store: one whose file is gone, or says something else, can be had again.
    config, kept = config_of(run), run.iteration and kept_constitution(store, run)
    back = f"`selfsame export {run.name} --constitution FILE.yaml` writes what it was begun with" if kept else ""
    try:
        find_constitution(config.constitution)
    except ConfigError as error:
        raise ConfigError(f"{error}; {back}" if back else str(error)) from error
    for what, digest in input_digests(config).items():
        if digest != run.inputs[what]:
            raise ConfigError(
                f"{what} is not what it was when {run.name} began ({digest}, then {run.inputs[what]}); "
                f"put the old file back{f' ({back})' if back and what == 'constitution' else ''}, or take it on as it "
                f"is now under another name: {way_on(store, run, what)}"
            )


def carry_on(store: Store, name: str, say: Say, stop: Stop = never, hurried: bool = False) -> Outcome:
    """Take the run as far as it goes, holding the store's lock, with MLflow fed from the receipts beside it.

    `stop` is asked before each shard, and again and again while a training runs. `hurried` is for a daemon, which
    sends later what MLflow is owed and does not wait for it at the end.
    """
    with store.lock():
        # Read under the lock: whoever held it until now may have carried the run further.
        run = existing(store, name)
        config = config_of(run)
        refuse_other_inputs(store, run)
        for sentence in differences(run.environment, environment()):
            say(Event("note", name, text=f"not the machine or versions that began this run: {sentence}"))
        # Under its own digest: what judgments were made by can be read wherever they can.
        store.put_json(find_constitution(config.constitution).said)
        feeder = Feeder(store, name, config.export, say)
        try:
            outcome = _with_retries(store, name, config, feeder, say, stop)
        except BaseException:
            feeder.finish(hurried=True)
            raise
        feeder.finish(hurried or outcome.kind == "stopped")
        return outcome


def _with_retries(store: Store, name: str, config: Config, feeder: Feeder, say: Say, stop: Stop) -> Outcome:
    """Carry on; a worker that fails is started afresh, and what the receipts hold is not done again.

    Raises the WorkerError of the last attempt at one place.
    """
    limits = LimitWatch(config.limits, store.home, stop)
    attempts = Attempts(name, config.limits.worker_attempts, say)
    divisor = 1
    while True:
        with desk_of(store, name, config, attempts.hear, stop) as desk:
            desk.limits, desk.micro_batch_divisor = limits, divisor
            try:
                return iterate.carry_on(desk, existing(store, name), feeder.poke)
            except WorkerError as error:
                limits.check_disk()  # a full disk makes workers fail, and is the one to name
                remedy = "Fresh workers go on from the receipts."
                if desk.trainers.ran_out_of_memory:
                    divisor *= 2
                    remedy = f"Training goes on with 1/{divisor} of train.micro_batch_size and the same batch."
                attempts.failed(error, remedy)


def input_digests(config: Config) -> dict[str, str]:
    """The digests of everything outside the store that decides what a run does, by the setting that names it."""
    return {
        "model.base": find_base(config.model).digest,
        "model.adapter": digest_folder(Path(config.model.adapter)) if config.model.adapter else "",
        "constitution": find_constitution(config.constitution).digest,
        "prompts.source": sources_digest(config.prompts),
        "measure.anchors": anchors_digest(config.measure.anchors),
        **({"capability.prompts": digest_file(prompts_path(name))} if (name := config.capability.prompts) else {}),
        **({"judge.base": other.digest} if (other := find_judge_base(config)) else {}),
    }


def planned(store: Store, name: str, config: Config, behind: Sequence[Iteration] = ()) -> list[PlannedStep]:
    """What a run with this configuration would find done after `behind`, and the first step that it would do."""
    with desk_of(store, name, config) as desk:
        return iterate.plan(desk, behind)


def existing(store: Store, name: str) -> Run:
    """The run of that name. Raises UsageError, also for a tag."""
    run = find_run(store, name)
    if run.tag:
        raise UsageError(f"{name} is a tag of {run.branched_from}, which stays there; `selfsame branch {name} ANOTHER`")
    return run


@contextmanager
def desk_of(
    store: Store, name: str, config: Config, say: Say = lambda event: None, stop: Stop = never
) -> Iterator[Desk]:
    """A run's working place; its workers are ended when the block is left. `stop` is asked while a training runs."""
    base = find_base(config.model)
    constitution = find_constitution(config.constitution)
    log = store.logs / f"train-{name}.log"
    trainers = Trainers(log, config.train.threads, programs(config), allowance(config.limits), stop)
    start = partial(
        start_engine,
        store,
        config,
        on_moved=lambda: say(Event("moved", name)),
        say=lambda text: say(Event("note", name, text=text)),
    )
    desk = Desk(store, name, config, base, constitution, start, trainers, say, find_judge_base(config))
    try:
        yield desk
    finally:
        desk.close()


def first_affected(before: list[PlannedStep], after: list[PlannedStep]) -> str:
    """The first step whose key differs between two plans, as `index/step`."""
    for old, new in zip(before, after, strict=False):
        if old.key != new.key:
            return f"{new.index}/{new.step}"
    return f"{after[-1].index}/{after[-1].step}"
