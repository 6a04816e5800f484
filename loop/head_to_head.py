"""Blind comparisons of what policies answered to the same held-out prompts, by a judge that is named.

The judge sees two texts and no author, in both orders, and every principle of the constitution has a vote. Who learns
from its own judge has good reason to please it: name one that the policies did not learn from.
"""

from collections.abc import Sequence

from loop.config import Config
from loop.config_judge import WHO, Judge
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.load_config import with_overrides
from loop.panel import bench, decisive, judged_by
from loop.preflight import check, check_judge
from loop.steps.probes import own_cases
from loop.steps.turn import Turn
from runs.errors import UsageError
from runs.records import Judgment, Prompt, Response, Unscored
from runs.store import Store

FIXED = "seed, base, endpoint or an iteration such as r1@3"
MOVES = ("self", "previous", "proven")


def comparing(store: Store, config: Config, judge: str, overrides: Sequence[str] = ()) -> Config:
    """The settings by which answers are held against each other: those of a run, with `judge` in the judge's seat.

    Raises UsageError for a judge that is another one in each iteration, and ConfigError as a run would.
    """
    if judge in MOVES:
        raise UsageError(f"--judge {judge} is somebody else in each iteration, and one has to judge all; name {FIXED}")
    own = config.judge
    kept = {leaf: getattr(own, leaf) for leaf in WHO.get(judge, ())}
    seat = Judge(method="pairwise", adapter=judge, principles=None, principle_ids=own.principle_ids, **kept)
    tree = config.model_copy(update={"judge": seat}).model_dump(mode="json")
    found = with_overrides(tree, overrides, "the command line")
    check(found)
    check_judge(found, store)
    return found


def preferences(
    desk: Desk,
    address: str,
    turn: Turn,
    prompts: Sequence[Prompt],
    mine: Sequence[Response],
    theirs: Sequence[Response],
) -> list[float | None]:
    """How probably the first of two answers is better, prompt by prompt; a half where both say the same, or tie.

    None where there is no verdict. `turn` is an iteration of the run that is judged, for who is its seed.
    """
    judge = configured_judge(desk.config.judge, desk.constitution, desk.judge_tokens)
    by_digest = {prompt.digest: prompt for prompt in prompts}
    cases = own_cases(judge, desk.config.seed, by_digest, mine, theirs)
    asked = [one for one in cases if one is not None]
    shards = judged_by(desk, address, judge, bench(desk, turn, turn.candidate), asked)
    verdicts: dict[tuple[str, ...], Judgment] = {
        one.judged: one for one in decisive(desk.store.rows_of("judgments", shards))
    }
    return [0.5 if one is None else _chance(verdicts[one.judged[0]]) for one in cases]


def _chance(verdict: Judgment) -> float | None:
    return 0.5 if verdict.unscored is Unscored.TIE else verdict.score
