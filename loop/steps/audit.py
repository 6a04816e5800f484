"""Step `audit`: what the judge's verdicts depend on besides quality, from questions put to it for that purpose.

It decides nothing and nothing is trained on it. The judgments are kept with those of the other steps.
"""

from judges.audit.insertions import ENGLISH, MICROWORLD
from judges.preference import PreferenceModel
from loop.anchors import anchor_pairs, anchors_digest
from loop.configured_judge import configured_judge
from loop.desk import Desk
from loop.panel import bench
from loop.sources import prompt_source
from loop.steps import audit_cases as put
from loop.steps.audit_asking import Asking, Audited
from loop.steps.probes import anchor_cases
from loop.steps.turn import Turn
from runs.canonical import seed_of
from runs.output import Output


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, who judges, who wrote what is compared in circles, the constitution, the prompts and the anchors.

    And leaves: how many items, but not how often; how long the answers in circles may be; and what `judge.min_mass`
    asks of a judge by opposite principles, whatever its own method reads.
    """
    config = desk.config
    return {
        "items": str(config.audit.items),
        "min_mass": str(config.judge.min_mass),
        **({"max_tokens": str(config.measure.max_tokens)} if config.judge.compares else {}),
        "model": turn.model,
        "judge": bench(desk, turn, turn.candidate).digest,
        "candidate": turn.candidate,
        "constitution": desk.constitution.digest,
        "source": prompt_source(config.prompts.source).digest,
        "anchors": anchors_digest(config.measure.anchors),
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """Every statistic of the judge that its method allows, and the faults found."""
    settings = desk.config.judge.in_both_orders()
    who = bench(desk, turn, turn.candidate)
    by_model = settings.method == PreferenceModel.method
    # A panel has no weights of its own, an endpoint's are out of reach, and a preference model's write nothing.
    of_a_policy = who.rule is None and desk.by(who.digest) != "endpoint" and not by_model
    judge = Audited(
        judge=configured_judge(settings, desk.constitution, desk.judge_tokens),
        who=who,
        way=settings.way(),
        weights=who.digest if of_a_policy else None,
        scale=desk.constitution.scale if settings.on_scale else None,
        drawn="temperature" not in settings.idle() and settings.temperature > 0,
        by_constitution=not by_model,
    )
    return audited(desk, turn, judge, "audit")


def audited(desk: Desk, turn: Turn, judge: Audited, step: str) -> Output:
    """The output of `step`: all that can be had of any judge of one or two answers, and the judgments it rests on."""
    from judges.audit.findings import Judged, audit  # scipy: a second of processor time, which few starts need
    from judges.audit.report import as_json, as_metrics

    asking = Asking(desk, turn, judge)
    labelled = anchor_pairs(desk.config.measure.anchors)
    anchors, known = labelled[: desk.config.audit.items], labelled[desk.config.audit.items :]
    seed = desk.config.seed
    insertions = MICROWORLD if desk.config.prompts.source == "microworld" else ENGLISH
    twins = put.probed(anchors, insertions, seed)
    cases = anchor_cases(judge.judge, seed, anchors)
    verdicts = asking.verdicts(cases)
    of_twins = asking.verdicts(put.twin_cases(judge.judge, seed, twins))
    repeated = put.repeated_records(*asking.again(cases, verdicts))
    found = audit(
        Judged(
            pairs=put.pair_records(anchors, verdicts, known, judge.weights, asking.likelihoods(anchors)),
            twice=put.twin_records(twins, of_twins),
            opposed=asking.opposed(anchors),
            repeated_pairs=repeated if judge.judge.compares == 2 else (),
            repeated_scores=repeated if judge.judge.compares == 1 else (),
            triads=asking.triads(),
            scores=put.scores_of(judge.scale, anchors, verdicts),
        ),
        seed_of(seed, "audit"),
    )
    tables = {"responses": tuple(asking.responses), "judgments": tuple(asking.shards)}
    return Output(step, tables, {"metrics": as_metrics(found), "audit": as_json(found)})
