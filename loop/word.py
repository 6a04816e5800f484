"""What a person said about a decision: kept in `control/`, and part of the key of the decision that heeds it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from loop.guards.finding import ACTIONS
from loop.steps.turn import Turn
from runs.canonical import digest
from runs.durable import make_folder, read_checked, write_checked
from runs.errors import UsageError
from runs.lineage import decision_of
from runs.output import Output
from runs.records import Run
from runs.store import Store


@dataclass(frozen=True)
class Word:
    """`approve` and `reject` are about a decision that waits, `override` about a halt by these `guards`.

    It counts for one run, told from others of its name by when it was begun, and for one moment of it: `about` is the
    digest of the last iteration and of what the one under way has so far. So it counts once.
    """

    kind: Literal["approve", "reject", "override"]
    about: str
    because: str
    begun: float
    guards: tuple[str, ...] = ()

    def asked(self) -> dict[str, str]:
        """What of it enters the decision's key."""
        return {
            "word": self.kind,
            "because": self.because,
            **({"guards": ", ".join(self.guards)} if self.guards else {}),
        }


def moment(parent: str, outputs: dict[str, str]) -> str:
    """The name of a moment in a run: after the iteration `parent`, with these outputs before the next decision."""
    return digest([parent, {step: output for step, output in outputs.items() if step != "decide"}])


def word_on(store: Store, name: str, turn: Turn) -> Word | None:
    """What a person said about this turn's decision; None if nobody did."""
    word, run = _last_word(store.home, name), store.run(name)
    parent = turn.past[-1].digest if turn.past else ""
    if word is None or run is None or not _is_about(word, run, moment(parent, turn.outputs)):
        return None
    return word


def going_past(store: Store, run: Run, guards: Sequence[str], because: str, iterations: int | None = None) -> Word:
    """The word that takes a halted run past its halt. Raises UsageError unless it names all that halted, and why.

    `iterations` is how many the run is to have, by default as many as it has now: the override is one of its own.
    """
    last = store.iteration(run.iteration) if run.iteration else None
    decision = decision_of(store, last) if last else {"verdict": None}
    if last is None or decision["verdict"] != "halt":
        raise UsageError(f"{run.name} is not halted, so that there is nothing to go past; `selfsame log {run.name}`")
    halting = halted_by(decision)
    spelt = " ".join(f"--override {guard}" for guard in halting)
    if set(guards) != set(halting):
        raise UsageError(
            f"{run.name}@{last.index} was halted by {', '.join(halting)}, and not by {', '.join(guards)} alone: to go "
            f"past it once, `selfsame resume {run.name} {spelt} --because TEXT`"
        )
    if not because.strip():
        raise UsageError("a halt is gone past for a reason, which is kept with the run: give --because TEXT")
    if last.index >= (wanted := run.operational["iterations"] if iterations is None else iterations):
        raise UsageError(
            f"{run.name} has {wanted} iterations and was halted at number {last.index}; going past a halt is an "
            f"iteration of its own, so ask for one more: `selfsame resume {run.name} {spelt} --because TEXT "
            f"iterations={last.index + 1}`"
        )
    return Word("override", moment(last.digest, {}), because, run.begun, tuple(halting))


def halted_by(decision: dict[str, Any]) -> list[str]:
    """The names of the guards that a halted decision rests on."""
    failed = [one for one in decision["evidence"] if not one["passed"]]
    # Evidence of older versions says nothing of actions: whatever failed halted.
    blocking = [one for one in failed if ACTIONS.index(one.get("action", "halt")) > ACTIONS.index("brake")]
    return list(dict.fromkeys(one["guard"] for one in blocking))


def answering(store: Store, run: Run, kind: Literal["approve", "reject"], because: str) -> Word:
    """The word about the decision that waits. Raises UsageError where none does."""
    if not what_waits(store, run):
        raise UsageError(f"{run.name} waits for nobody; `selfsame status` says what it is at")
    return Word(kind, moment(run.iteration, run.under_way), because, run.begun)


def waits(decide: Output) -> bool:
    """Whether the decision counts only once a person agrees."""
    return bool(decide.values.get("waits"))


def what_waits(store: Store, run: Run) -> str:
    """What the run waits for a person to decide, in a sentence; "" if it waits for nobody, or was answered."""
    if "decide" not in run.under_way or not waits(decide := store.output(run.under_way["decide"])):
        return ""
    word = _last_word(store.home, run.name)
    if word is not None and _is_about(word, run, moment(run.iteration, run.under_way)):
        return ""
    decision, index = decide.values["decision"], store.iteration(run.iteration).index + 1
    return (
        f"{run.name}@{index} waits for a person: it would {decision['verdict']} ({decision['reason']}); "
        f"`selfsame approve {run.name}` lets that stand, and {_rejecting(decision['verdict'])}"
    )


def _rejecting(verdict: str) -> str:
    if verdict == "promote":
        return "with --reject it keeps the policy that it has"
    return "--reject does not undo it: it promotes nothing either way"


def keep_word(store: Store, run: Run, word: Word) -> None:
    """Make the word last. It takes the place of an older one, which has been heeded or is about what is no more."""
    path = word_path(store.home, run.name)
    make_folder(path.parent)
    write_checked(path, asdict(word))


def word_path(home: Path, name: str) -> Path:
    """Where the last word about a run is."""
    return home / "control" / "words" / f"{name}.json"


def _last_word(home: Path, name: str) -> Word | None:
    value = read_checked(word_path(home, name))
    return None if value is None else Word(**{**value, "guards": tuple(value["guards"])})


def _is_about(word: Word, run: Run, now: str) -> bool:
    return word.begun == run.begun and word.about == now
