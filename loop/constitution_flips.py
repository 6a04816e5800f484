"""Which labels of an iteration another constitution would change, said before anything is asked again or trained.

The replies that were given stay what they are: a comparison whose questions under the other constitution were all asked
before is counted again by the judge's own rules, exactly as it would come out. Of any other nobody can say.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from constitutions.load import Constitution
from judges.dialogue import Item
from judges.pairwise import Pairwise
from loop.config import Config
from loop.configured_judge import configured_judge
from loop.drive import config_of
from loop.judging import once
from loop.panel import Bench, decisive, together
from loop.steps.judge import candidate_cases
from loop.steps.pair import paired
from loop.terminal import table
from loop.token_count import judge_tokens
from runs.errors import UsageError
from runs.lineage import resolve
from runs.output import Output
from runs.records import Judgment, PreferencePair, Prompt, Response, Unscored
from runs.store import Store

Fate = Literal["same", "turned", "other answers", "gone", "new", "unknown"]


@dataclass(frozen=True)
class Flips:
    """What becomes of an iteration's labels under another constitution.

    `verdicts` counts comparisons: the same answer preferred, the other one (turned), a verdict gone or new, unknown.
    `pairs` are the preference pairs by prompt: chosen and rejected before and after, None where there is no pair.
    Prompts of which some comparison is unknown are `unknown`: how many of all.
    """

    address: str
    verdicts: dict[Fate, int]
    fates: dict[Fate, int]
    pairs: tuple[dict[str, Any], ...]
    rejudged: tuple[Judgment, ...]

    def document(self) -> dict[str, Any]:
        """As JSON values; the pairs that stay as they are are only counted."""
        changed = [pair for pair in self.pairs if pair["fate"] != "same"]
        return {"address": self.address, "comparisons": self.verdicts, "pairs": self.fates, "changed": changed}

    def text(self) -> str:
        """As a table for people."""
        kinds = sorted(self.verdicts.keys() | self.fates.keys())
        rows = [(what, *(counts.get(kind, 0) for kind in kinds)) for what, counts in self._counts()]
        told = table(("of " + self.address, *kinds), rows)
        unknown = self.fates.get("unknown", 0)
        return f"{told}\nOf {unknown} prompts it cannot be said without asking." if unknown else told

    def _counts(self) -> list[tuple[str, dict[Fate, int]]]:
        return [("comparisons", self.verdicts), ("preference pairs", self.fates)]


def flips(store: Store, address: str, a: Constitution, b: Constitution) -> Flips:
    """What becomes of the labels of an iteration that was judged by `a`, if it had been judged by `b`.

    Raises UsageError for an iteration without comparisons by principle, or one that was not judged by `a`.
    """
    found = resolve(store, address)
    config = config_of(found.run).at(found.iteration.index)
    outputs = {step: store.output(name) for step, name in found.iteration.outputs.items()}
    if found.step is not None or "judge" not in outputs:
        raise UsageError(f"{address} holds no judgments; name an iteration that judged, such as r1@3")
    first, second = (configured_judge(config.judge, one, judge_tokens(config)) for one in (a, b))
    if not isinstance(first, Pairwise) or not isinstance(second, Pairwise):
        raise UsageError(
            f"{address} was judged with judge.method={config.judge.method}"
            f"{' and judge.commit_first' if config.judge.commit_first else ''}, whose verdicts hold no votes of "
            "principles that could be counted again; to see what changes, have it judged on a branch: "
            f"selfsame branch {address} ANOTHER constitution=FILE"
        )
    prompts: list[Prompt] = store.all_rows("prompts", outputs["prompts"])
    responses: list[Response] = store.all_rows("responses", outputs["generate"])
    judgments: list[Judgment] = store.all_rows("judgments", outputs["judge"])
    if strange := {one.constitution for one in judgments} - {a.digest}:
        raise UsageError(f"{address} was judged by the constitution {min(strange)}, and the first file is {a.digest}")
    cases = once(candidate_cases(first, config.seed, prompts, responses))
    items = {judged: case.item for case in cases for judged in case.judged}
    again = _again(config, first, second, b, items, judgments)
    before = {one.judged: one for one in decisive(judgments)}
    verdicts = Counter(_fate_of(before[judged], one) for judged, one in again.items())
    pairs = _pairs(store, config, outputs, responses, before, again)
    return Flips(
        address,
        dict(verdicts),
        dict(Counter(pair["fate"] for pair in pairs)),
        tuple(pairs),
        tuple(one for one in again.values() if one is not None),
    )


def _again(
    config: Config,
    first: Pairwise,
    second: Pairwise,
    b: Constitution,
    items: dict[tuple[str, ...], Item],
    judgments: Sequence[Judgment],
) -> dict[tuple[str, ...], Judgment | None]:
    """By what was compared, the judgment that counts, counted again; None where it cannot be said."""
    told: dict[tuple[str, ...], list[Judgment | None]] = defaultdict(list)
    for one in judgments:
        if one.by == "panel":
            continue
        item = items[one.judged]
        tally = second.recounted(item, first.known(item, one.replies))
        told[one.judged].append(
            None
            if tally is None
            else replace(
                one,
                constitution=b.digest,
                score=None if isinstance(tally.score, Unscored) else tally.score,
                unscored=tally.score if isinstance(tally.score, Unscored) else None,
                probability=tally.probability,
            )
        )
    return {judged: _concluded(config, members) for judged, members in told.items()}


def _concluded(config: Config, members: Sequence[Judgment | None]) -> Judgment | None:
    sat = [one for one in members if one is not None]
    if len(sat) < len(members):
        return None
    if not config.judge.panel:
        return sat[0]
    return together(sat, Bench(tuple(one.adapter for one in sat), config.judge.panel_rule))


def _pairs(
    store: Store,
    config: Config,
    outputs: dict[str, Output],
    responses: Sequence[Response],
    before: dict[tuple[str, ...], Judgment],
    again: dict[tuple[str, ...], Judgment | None],
) -> list[dict[str, Any]]:
    """What becomes of each prompt's preference pair, with both pairs where they differ."""
    prompt_of = {one.digest: one.prompt for one in responses}
    unknown = {prompt_of[judged[0]] for judged, one in again.items() if one is None}
    seeds = outputs["generate"].values.get("seed_shards", ())
    never = frozenset(own.digest for own in store.rows_of("responses", seeds))

    def made(judgments: Sequence[Judgment]) -> dict[str, PreferencePair]:
        known = [one for one in judgments if prompt_of[one.judged[0]] not in unknown]
        answers = [one for one in responses if one.prompt not in unknown]
        return {pair.prompt: pair for pair in paired(config, answers, known, never).pairs}

    was, will = made(list(before.values())), made([one for one in again.values() if one is not None])
    rows: list[dict[str, Any]] = [
        {"prompt": prompt, "fate": "unknown", "before": None, "after": None} for prompt in sorted(unknown)
    ]
    for prompt in sorted(was.keys() | will.keys()):
        old, new = was.get(prompt), will.get(prompt)
        shown = [_shown(pair, config.pair.labels) for pair in (old, new)]
        rows.append({"prompt": prompt, "fate": _pair_fate(old, new), "before": shown[0], "after": shown[1]})
    return rows


def _pair_fate(old: PreferencePair | None, new: PreferencePair | None) -> Fate:
    if old is None or new is None:
        return "new" if old is None else "gone"
    if (old.chosen, old.rejected) == (new.chosen, new.rejected):
        return "same"
    return "turned" if (old.chosen, old.rejected) == (new.rejected, new.chosen) else "other answers"


def _shown(pair: PreferencePair | None, labels: str) -> dict[str, Any] | None:
    """The pair; how probable its label is only where that asks nothing of the judge before."""
    told = ("chosen", "rejected", "margin", *(() if labels == "consistency" else ("label_probability",)))
    return None if pair is None else {name: value for name, value in asdict(pair).items() if name in told}


def _sign(judgment: Judgment) -> int:
    return 0 if judgment.score is None else 1 if judgment.score > 0.5 else -1


def _fate_of(before: Judgment, after: Judgment | None) -> Fate:
    if after is None:
        return "unknown"
    was, will = _sign(before), _sign(after)
    if was == will:
        return "same"
    return "new" if was == 0 else "gone" if will == 0 else "turned"
