"""Step `pair`: the best answer to a prompt against the worst one."""

import statistics

from judges.pairs import by_comparisons, by_scores
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.panel import decisive
from loop.steps.turn import Turn
from runs.output import Output


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The answers and their judgments."""
    return {"generate": turn.outputs["generate"], "judge": turn.outputs["judge"]}


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """At most one pair a prompt, and why the other prompts gave none."""
    responses = desk.store.all_rows("responses", turn.done["generate"])
    judgments = decisive(desk.store.all_rows("judgments", turn.done["judge"]))
    settings, label_source = desk.config.pair, "panel" if desk.config.judge.panel else desk.config.judge.adapter
    if configured_judge(desk.config.judge, desk.constitution).compares == 1:
        pairs, unpaired = by_scores(responses, judgments, settings.min_margin, label_source)
    else:
        soft = settings.labels == "soft"
        pairs, unpaired = by_comparisons(responses, judgments, settings.min_margin, label_source, soft)
    prompts = len({response.prompt for response in responses})
    tokens = {response.digest: len(response.token_ids) for response in responses}
    metrics: dict[str, float | None] = {
        "signal/pairs": len(pairs),
        "signal/pair_yield_frac": len(pairs) / prompts,
        "signal/label_probability_mean": statistics.fmean(p.label_probability for p in pairs) if pairs else None,
        "signal/margin_mean": statistics.fmean(pair.margin for pair in pairs) if pairs else None,
        "signal/chosen_length_mean_tokens": statistics.fmean(tokens[p.chosen] for p in pairs) if pairs else None,
        "signal/rejected_length_mean_tokens": statistics.fmean(tokens[p.rejected] for p in pairs) if pairs else None,
        "judge/tie_frac": unpaired.tie / prompts,
    }
    reasons = {f"signal/no_pair/{reason}": count for reason, count in unpaired._asdict().items()}
    shards = (desk.store.put_rows("pairs", pairs),)
    return Output("pair", {"pairs": shards}, {"metrics": metrics | reasons})
