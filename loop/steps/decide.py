"""Step `decide`: the guards look at the numbers, and the candidate is promoted or the run halts."""

from collections.abc import Sequence
from dataclasses import asdict

from judges.statistics import Label
from loop.admission import admission
from loop.anchors import anchor_pairs
from loop.desk import Desk
from loop.guards import Finding, Metrics, after_measuring, all_finite, at_least, before_training
from loop.steps.by_tag import by_tag
from loop.steps.remedies import remedies
from loop.steps.train import USED
from loop.steps.turn import Turn
from runs.output import Output
from runs.records import Decision


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """Every output of the iteration so far, and the policy that stays if the candidate does not pass."""
    return {"previous": turn.policy, **turn.outputs}


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The decision: promote, or halt with the guards that said so."""
    found = findings(desk, turn)
    failed = [finding for finding in found if not finding.passed]
    says = [in_words(failed, _metrics(turn)), *remedies({finding.guard for finding in failed}, turn.done)]
    decision = Decision(
        verdict="halt" if failed else "promote",
        policy=turn.policy if failed else turn.candidate,
        reason="; ".join(says) if failed else "every guard passed",
        evidence=tuple(finding.evidence() for finding in found),
    )
    # A guard that looks at several groups has passed if it has in all of them.
    failing = {finding.guard for finding in failed}
    metrics = {f"guard/{guard}_passed": float(guard not in failing) for guard in sorted({f.guard for f in found})}
    shards = (desk.store.put_rows("decisions", [decision]),)
    return Output("decide", {"decisions": shards}, {"decision": asdict(decision), "metrics": metrics})


def findings(desk: Desk, turn: Turn) -> list[Finding]:
    """What the guards see of what there is: judgments and pairs, then the training, then the measured candidate."""
    metrics = _metrics(turn)
    guards = desk.config.guards
    on_pairs, found = desk.config.train.source == "pairs", list[Finding]()
    if "judge" in turn.done:
        found = before_training(guards, metrics, on_pairs)
    elif "pair" in turn.done and on_pairs:  # of what people preferred, with no judgment
        found = [at_least("min_pairs", metrics, "signal/pairs", guards.min_pairs)]
    if "preference" in turn.done:
        found += all_finite(turn.done["preference"].metrics)
    if "train" in turn.done:
        found += all_finite(turn.done["train"].metrics)
        used = USED[desk.config.train.method]
        found.append(at_least("min_pairs", turn.done["train"].metrics, used, guards.min_pairs))
    if "measure" in turn.done:
        found += after_measuring(guards, turn.done["measure"].metrics)
        if turn.index == 0:
            found += admission(guards, _by_tag(desk, turn), _labels(desk), desk.config.judge.compares)
    return found


def _labels(desk: Desk) -> dict[str, list[Label]]:
    """The labels of the pairs that the judge was held against, by the tags of their prompts."""
    anchors = anchor_pairs(desk.config.measure.anchors, desk.config.measure.anchor_count)
    return {tag: [pair.label for pair in pairs] for tag, pairs in by_tag(anchors, lambda pair: pair.tags).items()}


def in_words(failed: Sequence[Finding], metrics: Metrics) -> str:
    """What failed, a clause for each guard and metric, "" for nothing: prompt families in one, with their range.

    Where verdicts are missing, the commonest reason for it is named.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in failed:
        metric, _, tag = finding.metric.partition(" (")
        groups.setdefault((finding.guard, metric if tag else ""), []).append(finding)
    clauses = [
        f"{guard}: {_in_families(metric, found) if metric and len(found) > 1 else '; '.join(one.says for one in found)}"
        for (guard, metric), found in groups.items()
    ]
    why = _commonest_reason(metrics) if any(guard == "max_unscored_frac" for guard, _ in groups) else ""
    return "; ".join([*clauses, *([why] if why else [])])


def _in_families(metric: str, found: Sequence[Finding]) -> str:
    families = [finding.metric.partition(" (")[2].removesuffix(")").partition("=")[2] for finding in found]
    seen = [one.observed for one in found if one.observed is not None]
    said = f"{metric} is {min(seen):.4g} to {max(seen):.4g}" if len(seen) == len(found) else f"{metric} fails"
    return f"{said} in {len(found)} prompt families ({', '.join(families)}); the limit is {found[0].limit:g}"


def _commonest_reason(metrics: Metrics) -> str:
    """Of what nothing came where the judge was asked for a verdict; "" where nothing says so."""
    shares = {
        name.partition("/unscored/")[2].removesuffix("_frac").replace("_", " "): share
        for name, share in metrics.items()
        if name.startswith(("judge/unscored/", "judge/train_unscored/")) and share is not None
    }
    if not shares:
        return ""
    reason = max(shares, key=lambda name: shares[name])
    return f"most often there is no verdict because of: {reason} ({shares[reason]:.0%} of the judgments)"


def _metrics(turn: Turn) -> dict[str, float | None]:
    return {name: value for output in turn.done.values() for name, value in output.metrics.items()}


def _by_tag(desk: Desk, turn: Turn) -> dict[str, dict[str, float | None]]:
    rows = desk.store.all_rows("measurements", turn.done["measure"])
    return {row.tag: row.numbers for row in rows}


def is_due(desk: Desk, turn: Turn, step: str) -> bool:
    """Whether `step` is to be taken: one that is of use, and nothing is trained or measured once a guard has failed."""
    if step in desk.config.unasked(turn.index):
        return False
    if step in ("capability", "audit", "drift"):
        return "measure" in turn.done
    return step not in ("preference", "train", "measure") or all(finding.passed for finding in findings(desk, turn))
