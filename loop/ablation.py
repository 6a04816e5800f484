"""The branches that say what each principle does: one for each way to take a principle out, and one with all of them.

All have the run's seed, so that they differ in what the constitution says and in nothing else: what the change does not
touch is recalled. Guards only warn in them, since what they would stop is what is to be seen; too few pairs and numbers
that are not finite halt all the same.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from constitutions.ablated import bare, opposed, without
from constitutions.load import Constitution, find_constitution
from constitutions.principle import Principle
from constitutions.writing import as_text
from loop import drive
from loop.branching import proposed
from loop.config import Config
from loop.forecast import Forecast, forecast
from loop.iterate import Outcome
from loop.limits import Stop
from loop.load_config import with_overrides
from loop.progress import Say
from runs.canonical import digest
from runs.durable import write_file
from runs.errors import UsageError
from runs.lineage import Found, nearest
from runs.records import Run
from runs.store import RUN_NAME, Store

Mode = Literal["whole", "leave-one-out", "none", "opposite"]
MODES: tuple[Mode, ...] = ("leave-one-out", "none", "opposite")
STILL_HALT = ("min_pairs", "finite")
CALLED = {"whole": "whole", "leave-one-out": "without", "none": "no-principles", "opposite": "opposite"}


@dataclass(frozen=True)
class Arm:
    """One branch: what is done to which principle ("" for all at once), with which seed, and what it is called.

    `constitution` is what it is judged by, `changes` are its other settings.
    """

    mode: Mode
    principle: str
    seed: int
    name: str
    constitution: Constitution
    changes: tuple[str, ...]

    def overrides(self, file: Path) -> tuple[str, ...]:
        """The settings of the branch where its constitution lies in `file`."""
        return (*self.changes, *([] if self.mode == "whole" else [f"constitution={file}"]))


def arms(
    found: Found, modes: Sequence[Mode], only: Sequence[str], seeds: int, iterations: int, changes: Sequence[str]
) -> list[Arm]:
    """The branches of an iteration, the one with all principles first for each seed.

    `only` names some of the principles; none named are all that somebody asks by in these iterations. `seeds` counts
    from the run's own on. Raises UsageError where nobody asks by any principle, or not by one that is named.
    """
    run, index = found.run, found.iteration.index
    _refuse_own(found, changes)
    config = with_overrides(drive.config_of(run).model_dump(mode="json"), changes, f"the configuration of {run.name}")
    constitution, span = find_constitution(config.constitution), range(index + 1, index + 1 + iterations)
    asked = asked_by(config, constitution, span)
    if not asked:
        raise UsageError(
            f"{run.name}@{index}: no principle decides anything there: judge.method={config.judge.method} asks one "
            "question about the whole answer, and nothing is revised. Compare by principles in all branches: add "
            "judge.method=pairwise judge.principles=null"
        )
    if strange := [id for id in only if id not in asked]:
        raise UsageError(f"{', '.join(strange)}: nobody asks by that; the principles are {', '.join(asked)}")
    of = list(only) or asked
    if "leave-one-out" in modes and (
        alone := [id for id in of if not asked_by(config, without(constitution, id), span)]
    ):
        raise UsageError(
            f"without {alone[0]} nobody asks by any principle, and nothing would be judged; --modes none says what it "
            "does, by a judge that is told no principle"
        )
    turned = [id for id in of if constitution.principle(id).opposite]
    if "opposite" in modes and not turned:
        others = [id for id in asked if constitution.principle(id).opposite]
        raise UsageError(
            f"{', '.join(of)}: constitution {constitution.name!r} names no `opposite:` there, but of "
            f"{', '.join(others) or 'no principle'}; add one, or leave opposite out of --modes"
        )
    guards = [f"guards.actions={json.dumps(config.guards.only_warning(STILL_HALT))}", "guards.approve=never"]
    common = (*changes, *guards, "guards.promote=unless_worse", f"iterations={index + iterations}")
    wanted: list[tuple[Mode, str, Constitution]] = [("whole", "", constitution)]
    if "leave-one-out" in modes:
        wanted += [("leave-one-out", id, without(constitution, id)) for id in of]
    if "none" in modes:
        wanted.append(("none", "", bare(constitution)))
    if "opposite" in modes:
        wanted += [("opposite", id, opposed(constitution, id)) for id in turned]
    return [
        Arm(
            mode,
            id,
            seed,
            _name(run.name, index, mode, id, seed, config.seed, changes),
            says,
            _settings(common, config, mode, says, seed),
        )
        for seed in range(config.seed, config.seed + seeds)
        for mode, id, says in wanted
    ]


def _refuse_own(found: Found, changes: Sequence[str]) -> None:
    """Returns if none of the settings is one that the ablation itself gives to its branches. Raises UsageError."""
    address = f"{found.run.name}@{found.iteration.index}"
    for change in changes:
        match change.partition("=")[0]:
            case "constitution":
                raise UsageError(
                    f"{change}: principles are taken out of the run's own constitution; ablate a branch that has the "
                    f"other one: selfsame branch {address} ANOTHER {shlex.quote(change)}"
                )
            case "iterations":
                raise UsageError(f"{change}: how far each branch goes from {address} on is said by --iterations N")
            case "guards.actions" | "guards.approve" | "guards.promote":
                raise UsageError(f"{change}: in an ablation guards only warn, and nobody is asked; leave it out")


def _settings(common: Sequence[str], config: Config, mode: Mode, says: Constitution, seed: int) -> tuple[str, ...]:
    """The settings of one branch: those of all, with its seed, and of the principles that are named, and of as many as
    are drawn, those that are left."""
    named, drawn = config.judge.principle_ids, config.judge.principles
    compare = [one.id for one in says.principles if "comparison" in one.use]
    left = [id for id in compare if id in named or not named or mode == "none"]
    own = {}
    if seed != config.seed:
        own["seed"] = str(seed)
    if named and not set(named) <= set(left):
        own["judge.principle_ids"] = ",".join(left)
    if drawn is not None and 0 < len(left) < drawn:
        own["judge.principles"] = str(len(left))
    return (*(one for one in common if one.partition("=")[0] not in own), *(f"{k}={v}" for k, v in own.items()))


def asked_by(config: Config, constitution: Constitution, span: range) -> list[str]:
    """The principles that somebody compares, criticises or revises by in these iterations, in order of precedence."""

    def is_asked(principle: Principle) -> bool:
        for one, unasked in ((config.at(index), config.unasked(index)) for index in span):
            named = not one.judge.principle_ids or principle.id in one.judge.principle_ids
            if "comparison" in principle.use and one.judge.compares and "judge" not in unasked and named:
                return True
            if "critique" in principle.use and one.revise.passes and "revise" not in unasked:
                return True
        return False

    return [principle.id for principle in constitution.principles if is_asked(principle)]


def file_of(store: Store, arm: Arm) -> Path:
    """Where the constitution of a branch lies: the branch is refused where it is not there any more."""
    return store.home / "ablations" / f"{arm.name}.yaml"


def prepare(store: Store, found: Found, arm: Arm) -> None:
    """Make the branch, and the file that it is judged by, if they are not there. Needs the lock.

    Raises as `branch_of`.
    """
    file, known = file_of(store, arm), store.run(arm.name)
    if arm.mode != "whole" and (known is None or not file.exists()):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, as_text(arm.constitution, file).encode())
    run, config = branch_of(store, found, arm, file), settings_of(found, arm, file)
    if known is None:
        store.move(run)
    elif config.iterations > drive.config_of(known).iterations:
        drive.change(store, arm.name, config)


def branch_of(store: Store, found: Found, arm: Arm, file: Path) -> Run:
    """The branch as it is, or else as it would be made; its constitution lies in `file`.

    Raises as branching does, and UsageError for a run of that name that is something else.
    """
    address, known = f"{found.run.name}@{found.iteration.index}", store.run(arm.name)
    if known is None:
        return proposed(store, address, arm.name, arm.overrides(file))
    config = settings_of(found, arm, file).semantic()
    # Where its constitution lies says nothing: what it says has a digest.
    same = {**known.config, "constitution": ""} == {**config, "constitution": ""}
    judged_by = known.inputs["constitution"] == arm.constitution.digest
    if known.tag or not same or not judged_by or known.branched_from != address:
        raise UsageError(
            f"a run called {arm.name} exists and is not this branch; `selfsame delete {arm.name}` takes the name away"
        )
    return known


def take_on(store: Store, found: Found, arm: Arm, say: Say, stop: Stop) -> Outcome:
    """Take the branch to its end, from wherever it is."""
    with store.lock():
        prepare(store, found, arm)
    return drive.carry_on(store, arm.name, say, stop)


def ahead(store: Store, found: Found, arm: Arm, folder: Path) -> Forecast:
    """What a branch has before it, by the times of its run; its constitution is laid into `folder` to be read.

    Nothing is written in the store. Raises as `branch_of`.
    """
    file = folder / f"{arm.name}.yaml"
    if arm.mode != "whole":
        file.write_text(as_text(arm.constitution, file), encoding="utf-8")
    run, config = branch_of(store, found, arm, file), settings_of(found, arm, file)
    return forecast(store, found.run, config, drive.planned(store, arm.name, config, nearest(store, run)))


def settings_of(found: Found, arm: Arm, file: Path) -> Config:
    """The configuration of a branch whose constitution lies in `file`."""
    tree = drive.config_of(found.run).model_dump(mode="json")
    return with_overrides(tree, arm.overrides(file), f"the configuration of {found.run.name}")


def _name(run: str, index: int, mode: Mode, id: str, seed: int, own: int, changes: Sequence[str]) -> str:
    """What the branch is called: the same each time that the same is asked for, so that asking again goes on."""
    parts = [run, str(index), CALLED[mode], id.replace("_", "-")]
    if "_" in id:  # another may be called so, with `-` for `_`
        parts.append(digest(id)[-6:])
    if changes:
        parts.append(digest(sorted(changes))[-6:])
    if seed != own:
        parts.append(f"s{seed}")
    name = "-".join(part for part in parts if part).rstrip("-")
    return name if RUN_NAME.fullmatch(name) else f"{name[:53].rstrip('-')}-{digest(name)[-8:]}"


def said_of(modes: str) -> tuple[Mode, ...]:
    """The modes that are spelt with commas between. Raises UsageError."""
    named = [word.strip() for word in modes.split(",") if word.strip()]
    if not named or (strange := [word for word in named if word not in MODES]):
        raise UsageError(f"--modes {modes}: {', '.join(strange or ['none named'])}; the modes are {', '.join(MODES)}")
    return tuple(mode for mode in MODES if mode in named)
