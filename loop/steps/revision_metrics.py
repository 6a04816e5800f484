"""What revising did to the answers, in numbers."""

import statistics
from collections import Counter
from collections.abc import Sequence

from loop.config_revise import Revise
from loop.near_duplicates import Words
from runs.records import Response, Revision, Unusable


def last_usable(revisions: Sequence[Revision]) -> dict[str, Revision]:
    """The last revision that can stand for each draft, by the draft's digest; drafts that have none are left out."""
    return {one.draft: one for one in sorted(revisions, key=lambda one: one.nth) if one.unusable is None}


def revision_metrics(
    settings: Revise, drafts: Sequence[Response], revisions: Sequence[Revision]
) -> dict[str, float | None]:
    """Counts; shares of the drafts that were to be revised; and how far the last revisions are from their drafts.

    `changed_frac` is the share of drafts that read otherwise in the end, `accepted_frac` of those whose revision was
    accepted; similarity is `word_overlap` (0 to 1), length change in tokens.
    """
    last = last_usable(revisions)
    pairs = [(draft, last[draft.digest]) for draft in drafts if draft.digest in last]
    reasons = Counter(one.unusable for one in revisions)
    metrics: dict[str, float | None] = {
        "revise/drafts": len(drafts),
        "revise/revisions": len(revisions),
        "revise/drafts_without_principle": len({draft.digest for draft in drafts} - {one.draft for one in revisions}),
        "revise/drafts_without_revision": len(drafts) - len(pairs),
        "revise/changed_frac": _share(sum(draft.text != new.text for draft, new in pairs), len(drafts)),
        "revise/similarity_mean": _mean([word_overlap(draft.text, new.text) for draft, new in pairs]),
        "revise/length_change_mean_tokens": _mean([len(new.token_ids) - len(draft.token_ids) for draft, new in pairs]),
        "revise/unusable_frac": _share(sum(n for reason, n in reasons.items() if reason), len(revisions)),
        **{f"revise/unusable/{reason}_frac": _share(reasons[reason], len(revisions)) for reason in Unusable},
    }
    if settings.critique:
        cut_off = sum(one.critique_stop == "length" for one in revisions)
        metrics["revise/critique_truncated_frac"] = _share(cut_off, len(revisions))
    if settings.accept_score is not None:
        metrics["revise/accepted_frac"] = _share(len({one.draft for one in revisions if one.accepted}), len(drafts))
        metrics["revise/passes_mean"] = _share(len(revisions), len({one.draft for one in revisions}))
    return metrics


def word_overlap(a: str, b: str) -> float:
    """How many words two texts have in common: ROUGE-1 F1 (Lin 2004), 1 for the same words, 0 for none."""
    bags = [Counter(Words().tokenize(text)) for text in (a, b)]
    lengths = sum(bag.total() for bag in bags)
    return 2 * (bags[0] & bags[1]).total() / lengths if lengths else float(a == b)


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
