"""The audit of the judge of one iteration: the one that the run made, or another one made now."""

from collections.abc import Sequence
from typing import Any

from judges.verifier import Verifier
from loop.drive import config_of, desk_of
from loop.iterate import result_of
from loop.load_config import with_overrides
from loop.pipeline import AUDIT, Step
from loop.preflight import check, check_judge
from loop.progress import Say
from loop.steps import audit_implicit
from loop.steps.turn import Turn
from runs.audit_subject import subject_of, with_subject
from runs.errors import ConfigError, UsageError
from runs.lineage import Found, iterations, resolve
from runs.store import Store

IMPLICIT = Step("implicit", 4, ("engine",), audit_implicit.inputs, audit_implicit.run)


def audit_of(store: Store, address: str, overrides: Sequence[str], say: Say, implicit: bool = False) -> dict[str, Any]:
    """The audit of whoever judged at `address`, with `overrides` of how it judges and how it is audited, as JSON.

    What it was of stands in it as `audited`.

    `implicit`: of the reward that the policy trained there stands for, rather than of its judge. One that the store
    holds is read; else the questions are put to the judge, under the store's lock. Raises UsageError for an address
    that is no iteration's, for a verifier and for the implicit reward of the seed, and ConfigError where nothing is
    labelled.
    """
    found = resolve(store, address)
    if found.step is not None:
        raise UsageError(f"{address} is a step; name an iteration, such as {address.partition('/')[0]}")
    config = with_overrides(config_of(found.run).model_dump(mode="json"), overrides, found.run.name)
    if config.judge.method == Verifier.method:
        raise UsageError(
            f"{address}: a verifier has no taste to audit: it compares each answer with its prompt's reference and "
            f"asks nobody. How often it finds answers right: `selfsame show {address}`, judge/score_mean; where it "
            "could not tell: judge/unscored_frac. To audit the policy as a judge of labelled pairs instead: "
            f"`selfsame audit {address} judge.method=expected measure.anchors=FILE`"
        )
    if not config.audit.items or config.measure.anchors is None:
        raise ConfigError(
            "an audit needs labelled pairs: set audit.items above 0, and measure.anchors to a file of pairs that "
            "people compared"
        )
    check(config)
    check_judge(config, store)
    turn = turn_of(store, found)
    if implicit and turn.candidate == turn.seed_policy:
        raise UsageError(
            f"{address}: its policy is the seed itself, which was trained here by nothing and so has no implicit "
            f"reward; name an iteration that trained an adapter, such as {found.run.name}@{turn.index + 1}"
        )
    step = IMPLICIT if implicit else AUDIT
    with desk_of(store, found.run.name, config, say) as desk:
        desk.turn_to(turn.index)
        key = step.key(desk, turn)
        known = store.recall(key)
        if known is None:
            with store.lock():
                known = result_of(desk, step, turn)[1]
        receipt = store.receipt(key)
        assert receipt is not None  # it was recalled, or has just been written
        subject = subject_of(f"{found.run.name}@{turn.index}", receipt, config.model_dump(mode="json"))
        return with_subject(store.output(known).values["audit"], subject)


def turn_of(store: Store, found: Found) -> Turn:
    """The iteration as its own audit saw it, all its steps done."""
    past = iterations(store, found.run)[: found.iteration.index]
    turn = Turn(found.iteration.index, tuple(past))
    for step, output in found.iteration.outputs.items():
        turn = turn.with_output(step, output, store.output(output))
    return turn
