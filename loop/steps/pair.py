"""Step `pair`: the best answer to a prompt against the worst one, or what people preferred."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

from judges.extremes import Choice
from judges.pairs import Pairing, by_comparisons, by_scores
from loop.config import Config
from loop.config_pair import Pair
from loop.desk import Desk
from loop.panel import decisive
from loop.sources import prompt_source
from loop.steps import agreement
from loop.steps.given_pairs import Given, demonstrated_pairs, labelled_pairs, pairs_path
from loop.steps.turn import Turn
from runs.canonical import digest_file
from runs.output import Output
from runs.records import Judgment, PreferencePair, Response

Metrics = dict[str, float | None]


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The answers and their judgments; a file's bytes, and what of it is held back; the judge before, and its ways."""
    settings = desk.config.pair
    asked: dict[str, str] = {}
    if settings.source != "labels" or settings.judged:
        asked["generate"] = turn.outputs["generate"]
    if settings.judged:
        asked["judge"] = turn.outputs["judge"]
    if settings.source != "judge":
        asked["prompts"] = turn.outputs["prompts"]
        asked["file"] = digest_file(pairs_path(desk))
        asked["source"] = prompt_source(desk.config.prompts.source).digest
    return asked | agreement.inputs(desk, turn)


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """At most one pair of the judge's a prompt, and why the other prompts gave none; and those out of a file."""
    settings = desk.config.pair
    tables: dict[str, tuple[str, ...]] = {}
    metrics: Metrics = {}
    pairs: tuple[PreferencePair, ...] = ()
    responses = desk.store.all_rows("responses", turn.done["generate"]) if "generate" in turn.done else []
    if settings.judged:
        pairs, metrics, before = _judged(desk, turn, responses)
        if before:
            tables["judgments"] = before
    if settings.source != "judge":
        given = _given(desk, turn, responses, len(pairs))
        pairs += given.pairs
        metrics |= {"signal/pairs": len(pairs), "signal/pairs_given": len(given.pairs)}
        metrics |= {f"signal/no_pair/{reason}": count for reason, count in given.left_out.items()}
        tables |= {"prompts": (desk.store.put_rows("prompts", given.prompts),)} if given.prompts else {}
        tables["responses"] = (desk.store.put_rows("responses", given.answers),)
    return Output("pair", {"pairs": (desk.store.put_rows("pairs", pairs),), **tables}, {"metrics": metrics})


def _given(desk: Desk, turn: Turn, responses: Sequence[Response], judged: int) -> Given:
    settings = desk.config.pair
    if settings.source == "demonstrations":
        return demonstrated_pairs(desk, responses)
    share, prompts = settings.judged_frac, desk.store.all_rows("prompts", turn.done["prompts"])
    return labelled_pairs(desk, turn.index, round(judged * (1 - share) / share) if share else len(prompts))


def _judged(
    desk: Desk, turn: Turn, responses: Sequence[Response]
) -> tuple[tuple[PreferencePair, ...], Metrics, tuple[str, ...]]:
    """The judge's pairs, what they say, and the shards with what else was asked of the same answers."""
    judgments = decisive(desk.store.all_rows("judgments", turn.done["judge"]))
    settings = desk.config.pair
    of_the_seed = desk.store.rows_of("responses", turn.done["generate"].values.get("seed_shards", ()))
    pairs, unpaired = paired(desk.config, responses, judgments, frozenset(own.digest for own in of_the_seed))
    before, agreed = agreement.agreement(desk, turn, responses, judgments)
    pairs = _labelled(settings, pairs, agreed)
    prompts = len({response.prompt for response in responses})
    tokens = {response.digest: len(response.token_ids) for response in responses}
    metrics: Metrics = {
        "signal/pairs": len(pairs),
        "signal/pair_yield_frac": len(pairs) / prompts,
        "signal/label_probability_mean": statistics.fmean(p.label_probability for p in pairs) if pairs else None,
        "signal/margin_mean": statistics.fmean(pair.margin for pair in pairs) if pairs else None,
        "signal/chosen_length_mean_tokens": statistics.fmean(tokens[p.chosen] for p in pairs) if pairs else None,
        "signal/rejected_length_mean_tokens": statistics.fmean(tokens[p.rejected] for p in pairs) if pairs else None,
        "judge/tie_frac": unpaired.tie / prompts,
    }
    reasons = {f"signal/no_pair/{reason}": count for reason, count in unpaired._asdict().items()}
    if settings.max_longer_tokens is None:
        del reasons["signal/no_pair/longer"]
    if of_the_seed:
        seeds = {response.digest for response in of_the_seed}
        metrics["signal/rejected_of_seed_frac"] = sum(p.rejected in seeds for p in pairs) / max(1, len(pairs))
    if agreed is not None:
        metrics["signal/ranking_consistency_mean"] = statistics.fmean(agreed.values()) if agreed else None
    return pairs, metrics | reasons, before


def paired(
    config: Config, responses: Sequence[Response], judgments: Sequence[Judgment], never_chosen: frozenset[str]
) -> Pairing:
    """The pairs that the judgments make by the settings, prompt by prompt; how far two judges agree is not in them."""
    settings, label_source = config.pair, "panel" if config.judge.panel else config.judge.adapter
    choice = Choice(settings.length_control, settings.max_longer_tokens, never_chosen)
    if config.judge.compares:
        soft = settings.labels == "soft"
        found = by_comparisons(responses, judgments, settings.min_margin, label_source, soft, choice)
    else:
        found = by_scores(responses, judgments, settings.min_margin, label_source, choice)
    return _by_margin(found) if settings.labels == "margin" else found


def _by_margin(pairing: Pairing) -> Pairing:
    """The pairs with how probable their labels are by their margins."""
    pairs = (replace(pair, label_probability=1 / (1 + math.exp(-pair.margin))) for pair in pairing.pairs)
    return pairing._replace(pairs=tuple(pairs))


def _labelled(
    settings: Pair, pairs: tuple[PreferencePair, ...], agreed: dict[str, float] | None
) -> tuple[PreferencePair, ...]:
    """The pairs with how probable their labels are by how far two judges agree."""
    if agreed is None:
        return pairs
    mean = statistics.fmean(agreed.values()) if agreed else 0.5
    of = agreed if settings.consistency == "prompt" else {}
    return tuple(replace(pair, label_probability=of.get(pair.prompt, mean)) for pair in pairs)
