"""Step `pair`: the best answer to a prompt against the worst one."""

import statistics

from judges.pairs import best_against_worst
from loop.desk import Desk
from loop.steps.turn import Turn
from runs.output import Output


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The answers and their judgments."""
    return {"generate": turn.outputs["generate"], "judge": turn.outputs["judge"]}


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """At most one pair a prompt, and why the other prompts gave none."""
    responses = desk.store.all_rows("responses", turn.done["generate"])
    judgments = desk.store.all_rows("judgments", turn.done["judge"])
    pairs, unpaired = best_against_worst(responses, judgments, desk.config.pair.min_margin, desk.config.judge.adapter)
    prompts = len({response.prompt for response in responses})
    tokens = {response.digest: len(response.token_ids) for response in responses}
    metrics: dict[str, float | None] = {
        "signal/pairs": len(pairs),
        "signal/pair_yield_frac": len(pairs) / prompts,
        "signal/margin_mean": statistics.fmean(pair.margin for pair in pairs) if pairs else None,
        "signal/chosen_length_mean_tokens": statistics.fmean(tokens[p.chosen] for p in pairs) if pairs else None,
        "signal/rejected_length_mean_tokens": statistics.fmean(tokens[p.rejected] for p in pairs) if pairs else None,
        "judge/tie_frac": unpaired.tie / prompts,
    }
    reasons = {f"signal/no_pair/{reason}": count for reason, count in unpaired._asdict().items()}
    shards = (desk.store.put_rows("pairs", pairs),)
    return Output("pair", {"pairs": shards}, {"metrics": metrics | reasons})
