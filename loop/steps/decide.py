"""Step `decide`: the guards look at the numbers, and the candidate is promoted, kept out, undone, or the run halts."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from judges.statistics import Label
from loop.anchors import anchor_pairs
from loop.desk import Desk
from loop.guards.admission import admission
from loop.guards.brake import braked
from loop.guards.decision import Conclusion, Kept, Standing, accepted, conclude, wants_word
from loop.guards.examine import acting, examine
from loop.guards.finding import Finding
from loop.guards.in_words import PASSED, in_words
from loop.guards.references import ANEW
from loop.proven import is_seated, proof, seat, seat_after
from loop.steps.by_tag import by_tag
from loop.steps.decide_seen import MUST_BE_FINITE, seen_before, seen_of
from loop.steps.past import standing_before
from loop.steps.remedies import remedies
from loop.steps.turn import Turn
from loop.steps.yardsticks import changed, yardsticks
from loop.word import Word, word_on
from runs.canonical import digest
from runs.output import Output
from runs.records import Decision


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """Every output of the iteration so far, the policy that stays if the candidate does not pass, and what the decision
    before left; what braking would mean, and a person's word where there is one."""
    asked = {"previous": turn.policy, **turn.outputs, "yardsticks": digest(yardsticks(desk, turn))}
    if turn.past:
        asked["before"] = turn.past[-1].outputs["decide"]
        asked["brake"] = digest(_brake(desk, turn, 1))
    word = word_on(desk.store, desk.run, turn)
    return asked | (word.asked() if word else {})


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The decision with its evidence, and what it leaves to the next one: how things stand, and who judges as `proven`.

    `waits` says that a person has to agree, `otherwise` what is measured otherwise than of the policy promoted last.
    """
    word, standing = word_on(desk.store, desk.run, turn), standing_before(desk, turn)
    if word is not None and word.kind == "override":
        concluded = _gone_past(desk, turn, word, standing)
    else:
        found = [*findings(desk, turn), *([_as_finding(word)] if word else [])]
        candidate = Kept(turn.index, turn.candidate, turn.outputs, yardsticks(desk, turn))
        concluded = conclude(desk.config.guards, found, candidate, standing)
    before, shown = seat(desk, turn), proof(desk, turn)
    after = seat_after(before, shown, concluded.policy)
    seated = [shown.says()] if shown and after.policy != before.policy else []
    otherwise = changed(standing.previous.yardsticks, yardsticks(desk, turn)) if standing and turn.done else ""
    decision = Decision(
        verdict=concluded.verdict,
        policy=concluded.policy,
        reason="; ".join([_reason(concluded, turn), *seated, *([otherwise] if otherwise else [])]),
        evidence=tuple(finding.evidence() for finding in concluded.findings),
        config_changes=_brake(desk, turn, concluded.standing.braked),
    )
    return Output(
        "decide",
        {"decisions": (desk.store.put_rows("decisions", [decision]),)},
        {
            "decision": asdict(decision),
            "metrics": _guard_metrics(concluded.findings),
            "standing": asdict(concluded.standing),
            "yardsticks": yardsticks(desk, turn),
            "otherwise": otherwise,
            "waits": word is None and wants_word(desk.config.guards, turn.index, concluded),
            **({"seat": asdict(after)} if is_seated(desk) else {}),
        },
    )


def findings(desk: Desk, turn: Turn) -> list[Finding]:
    """What the guards see of what there is: judgments and pairs, then the training, then the measured candidate."""
    guards, standing = desk.config.guards, standing_before(desk, turn)
    now = replace(seen_of(desk, turn), yardsticks=yardsticks(desk, turn))
    before = seen_before(desk, turn, standing)
    asked = guards.after(standing.braked, standing.held) if standing else guards
    found = examine(asked, now, before.of, before.recent, standing.looks + 1 if standing else 1, before.anew)
    if turn.index or "measure" not in turn.done:
        return found
    admitted = admission(guards, _by_tag(desk, turn), _labels(desk), desk.config.judge.compares)
    return found + acting(guards, [replace(one, rows=now.addresses("measure")) for one in admitted])


def _brake(desk: Desk, turn: Turn, level: int) -> dict[str, object]:
    return braked(desk.whole.at(turn.index + 1), level)


def _gone_past(desk: Desk, turn: Turn, word: Word, standing: Standing | None) -> Conclusion:
    """The candidate of the halted iteration, promoted because a person says so; the policy it kept, if it had none."""
    halted = turn.past[-1]
    trained = desk.store.output(halted.outputs["train"]).adapter if "train" in halted.outputs else None
    assert standing is not None
    left = desk.store.output(halted.outputs["decide"]).values
    candidate = Kept(halted.index, trained, halted.outputs, left.get("yardsticks", {})) if trained else None
    starts_anew = any(ANEW in one for one in left["decision"]["evidence"])
    after = accepted(candidate, standing, starts_anew)
    return Conclusion("promote", after.previous.policy, (_as_finding(word),), after)


def _as_finding(word: Word) -> Finding:
    what = {"approve": "approved", "reject": "rejected", "override": f"went past {', '.join(word.guards)}"}[word.kind]
    says = f"a person {what}" + (f", because {word.because}" if word.because else "")
    return Finding("person", "", None, None, word.kind != "reject", says, "quality", "reject")


def _reason(concluded: Conclusion, turn: Turn) -> str:
    said = [one.says for one in concluded.findings if one.guard == "person" and one.passed]
    if concluded.failed:
        guards = {one.guard for one in concluded.failed}
        said += [in_words(concluded.failed, _metrics(turn)), *remedies(guards, turn.done)]
    return "; ".join(said) or PASSED


def _guard_metrics(found: Sequence[Finding]) -> dict[str, float | None]:
    """Whether each guard passed, and the evidence of each paired test."""
    failing = {finding.guard for finding in found if not finding.passed}
    # A guard that looks at several groups has passed if it has in all of them.
    metrics: dict[str, float | None] = {
        f"guard/{guard}_passed": float(guard not in failing) for guard in sorted({f.guard for f in found})
    }
    for one in found:
        if "alpha" in one.beside:
            metrics |= {f"guard/{one.guard}_log10_e": one.observed, f"guard/{one.guard}_log10_limit": one.limit}
    return metrics


def _labels(desk: Desk) -> dict[str, list[Label]]:
    """The labels of the pairs that the judge was held against, by the tags of their prompts."""
    anchors = anchor_pairs(desk.config.measure.anchors, desk.config.measure.anchor_count)
    return {tag: [pair.label for pair in pairs] for tag, pairs in by_tag(anchors, lambda pair: pair.tags).items()}


def _metrics(turn: Turn) -> dict[str, float | None]:
    return {name: value for output in turn.done.values() for name, value in output.metrics.items()}


def _by_tag(desk: Desk, turn: Turn) -> dict[str, dict[str, float | None]]:
    rows = desk.store.all_rows("measurements", turn.done["measure"])
    return {row.tag: row.numbers for row in rows}


def is_due(desk: Desk, turn: Turn, step: str) -> bool:
    """Whether `step` is to be taken: one that is of use, and nothing is trained or measured once a guard has failed.

    Where a person goes past a halt, that is the whole iteration.
    """
    word = word_on(desk.store, desk.run, turn)
    if word is not None and word.kind == "override":
        return step == "decide"
    if step in desk.config.unasked(turn.index):
        return False
    if step in ("prove", "capability", "audit", "drift"):
        return "measure" in turn.done
    return step not in MUST_BE_FINITE or not any(one.blocks for one in findings(desk, turn))
