"""Beginning, resuming and planning runs: what the command line calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from constitutions.load import find_constitution
from loop import iterate
from loop.anchors import anchors_digest
from loop.base import find_base
from loop.config import Config
from loop.desk import Desk
from loop.export import Exporter
from loop.iterate import Outcome, PlannedStep
from loop.limits import LimitWatch, Stop, never
from loop.progress import Event, Say
from loop.sources import prompt_source
from loop.start_engine import engine_starter
from loop.training import programs
from loop.worker import Trainers
from runs.canonical import digest_folder
from runs.environment import differences, environment
from runs.errors import ConfigError, UsageError, WorkerError
from runs.records import Run
from runs.store import Store

WORKER_ATTEMPTS = 2


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
    )
    with store.lock():
        if store.run(name) is not None:
            raise UsageError(
                f"a run called {name} exists; `selfsame resume {name}` goes on with it, or give another --name"
            )
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
    """The run with other operational settings. Raises ConfigError for a semantic change, with what to do instead."""
    run = existing(store, name)
    if differing := sorted(leaf_differences(run.config, config.semantic())):
        leaf, old, new = differing[0]
        with desk_of(store, name, config_of(run)) as before, desk_of(store, name, config) as after:
            step = first_affected(iterate.plan(before), iterate.plan(after))
        raise ConfigError(
            f"{leaf}={new} (it is {old}) would change what {name} already did, from {step} on; a run keeps its "
            f"semantic settings. Begin another: selfsame run {run.recipe} --name {name}-2 {leaf}={new}"
        )
    with store.lock():
        # Read again: whoever held the lock until now may have carried the run further.
        changed = replace(existing(store, name), operational=config.operational())
        store.move(changed)
    return changed


def carry_on(store: Store, name: str, say: Say, stop: Stop = never) -> Outcome:
    """Take the run as far as it goes, holding the store's lock, with MLflow fed from the receipts beside it.

    `stop` is asked before each shard.
    """
    with store.lock():
        # Read under the lock: whoever held it until now may have carried the run further.
        run = existing(store, name)
        config = config_of(run)
        for what, digest in input_digests(config).items():
            if digest != run.inputs[what]:
                raise ConfigError(
                    f"{what} is not what it was when {name} began ({digest}, then {run.inputs[what]}); "
                    "put the old file back, or begin another run"
                )
        for sentence in differences(run.environment, environment()):
            say(Event("note", name, text=f"not the machine or versions that began this run: {sentence}"))
        exporter = Exporter(store, name, config.export, say)
        try:
            outcome = _with_retries(store, name, config, exporter, say, stop)
        except BaseException:
            exporter.finish(hurried=True)
            raise
        exporter.finish()
        return outcome


def _with_retries(store: Store, name: str, config: Config, exporter: Exporter, say: Say, stop: Stop) -> Outcome:
    """Carry on; a worker that fails is started afresh, and what the receipts hold is not done again.

    Raises the WorkerError of the last attempt.
    """
    limits = LimitWatch(config.limits, store.home, stop)
    for attempt in range(1, WORKER_ATTEMPTS + 1):
        try:
            with desk_of(store, name, config, say) as desk:
                desk.limits = limits
                return iterate.carry_on(desk, existing(store, name), closed=lambda _: exporter.poke())
        except WorkerError as error:
            limits.check_disk()  # a full disk makes workers fail, and is the one to name
            if attempt == WORKER_ATTEMPTS:
                raise
            say(Event("note", name, text=f"attempt {attempt} of {WORKER_ATTEMPTS} failed: {error}"))
    raise AssertionError("the last attempt returns or raises")


def input_digests(config: Config) -> dict[str, str]:
    """The digests of everything outside the store that decides what a run does, by the setting that names it."""
    return {
        "model.base": find_base(config.model).digest,
        "model.adapter": digest_folder(Path(config.model.adapter)) if config.model.adapter else "",
        "constitution": find_constitution(config.constitution).digest,
        "prompts.source": prompt_source(config.prompts.source).digest,
        "measure.anchors": anchors_digest(config.measure.anchors),
    }


def planned(store: Store, name: str, config: Config) -> list[PlannedStep]:
    """What a run with this configuration would find done, and the first step that it would do."""
    with desk_of(store, name, config) as desk:
        return iterate.plan(desk)


def existing(store: Store, name: str) -> Run:
    """The run of that name. Raises UsageError."""
    run = store.run(name)
    if run is None:
        names = ", ".join(run.name for run in store.runs()) or "none yet"
        raise UsageError(f"there is no run called {name}; there are: {names}. `selfsame status` lists them")
    return run


@contextmanager
def desk_of(store: Store, name: str, config: Config, say: Say = lambda event: None) -> Iterator[Desk]:
    """A run's working place; its engine is ended when the block is left."""
    base = find_base(config.model)
    constitution = find_constitution(config.constitution)
    trainers = Trainers(store.logs / f"train-{name}.log", config.train.threads, programs(config))
    desk = Desk(store, name, config, base, constitution, engine_starter(store, config, base), trainers, say)
    try:
        yield desk
    finally:
        desk.close()


def leaf_differences(
    old: dict[str, object], new: dict[str, object], place: str = ""
) -> Iterator[tuple[str, object, object]]:
    """The dotted leaves in which two configurations differ, with both values."""
    for key in old.keys() | new.keys():
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from leaf_differences(a, b, f"{place}{key}.")
        elif a != b:
            yield f"{place}{key}", a, b


def first_affected(before: list[PlannedStep], after: list[PlannedStep]) -> str:
    """The first step whose key differs between two plans, as `index/step`."""
    for old, new in zip(before, after, strict=False):
        if old.key != new.key:
            return f"{new.index}/{new.step}"
    return f"{after[-1].index}/{after[-1].step}"
