"""Step `train_judge`: the judge's own adapter, trained by DPO on pairs of its judgments, which the policy never sees.

Meta-Rewarding (2407.19594) trains one model on both kinds of pairs. With two adapters what the judge learns cannot move
the policy, and the reverse.
"""

import pyarrow as pa
import pyarrow.parquet as pq

from loop.desk import Desk
from loop.own_judge import standing_judge
from loop.steps.train import Beginning, lora_of, training_spec
from loop.steps.train_rows import TEXTS, judgment_rows, listed
from loop.steps.turn import Turn
from loop.training import train_adapter
from runs.errors import DivergedError
from runs.lineage import JUDGE_TRAINING
from runs.output import Output


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, the judge so far, which is also the reference, and the pairs of its judgments where there are any."""
    asked = {"model": turn.model, "start": standing_judge(desk, turn)}
    return asked | ({"meta": turn.outputs["meta"]} if "meta" in turn.outputs else {})


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The digest of the judge's adapter that this iteration proposes: as it was, where nothing was learnt."""
    start = standing_judge(desk, turn)
    rows = judgment_rows(desk, turn.outputs["meta"]) if "meta" in turn.outputs else []
    as_it_was = {"adapter": start, "base": desk.base.digest}
    if not rows:
        return Output(JUDGE_TRAINING, {}, as_it_was | {"metrics": {"signal/judge_pairs_used": 0}})
    # It outlives us: a training that was half finished goes on from there.
    folder = desk.store.begin_unfinished(key, f"{desk.run}@{turn.index}/{JUDGE_TRAINING}")
    path = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(listed(rows, set()), schema=TEXTS), path)
    settings = desk.config.train
    begin = Beginning(desk.folder(start), lora_of(desk, start, settings))
    spec = training_spec(desk, turn, path, begin, start)
    try:
        trained = train_adapter(desk, spec, folder / "out", start, start, turn.outputs["meta"])
    except DivergedError as error:
        metrics = {"signal/judge_loss_last": None}
        return Output(JUDGE_TRAINING, {}, as_it_was | {"diverged": str(error), "metrics": metrics})
    result = trained.result
    metrics = {"signal/judge_pairs_used": result["rows_used"], "signal/judge_pairs_too_long": result["rows_too_long"]}
    if trained.adapter is None:
        return Output(JUDGE_TRAINING, {}, as_it_was | {"metrics": metrics})
    metrics |= {
        "signal/judge_loss_first": trained.curve[0]["loss"],
        "signal/judge_loss_last": trained.curve[-1]["loss"],
        "signal/judge_reward_accuracy_last": trained.curve[-1]["rewards/accuracies"],
    }
    return Output(JUDGE_TRAINING, {}, as_it_was | {"adapter": trained.adapter, "reference": start, "metrics": metrics})
