"""What did not pass, in words: a clause for each guard, short where many prompt families say the same."""

from collections.abc import Sequence

from loop.guards.finding import Finding, Metrics

PASSED = "every guard passed"
"""The reason of a decision where nothing failed and nobody said anything."""


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
