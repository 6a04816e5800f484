"""What whoever judges has to do in a run: verdicts on candidates, on measured answers, on labelled pairs, in audits.

Every count is the most that it can be, with what is asked twice counted once where that is known before.
"""

from collections.abc import Sequence
from math import comb, log
from statistics import fmean

from constitutions.load import find_constitution
from judges.audit.insertions import ENGLISH, MICROWORLD
from judges.dialogue import (
    Chances,
    Choose,
    Item,
    Judge,
    Likelihood,
    Likely,
    Question,
    Replied,
    Reward,
    Rewarded,
    Round,
    Text,
    Write,
)
from judges.preference import PreferenceModel
from loop.anchors import anchor_pairs
from loop.base import find_base, find_judge_base
from loop.config import Config
from loop.config_judge import Judge as Settings
from loop.configured_judge import configured_judge
from loop.cost_policy import Share, answers_a_prompt, items, of_drift, red_teamed, revised
from loop.judging import once
from loop.steps.audit_asking import THREE
from loop.steps.audit_cases import probed, turned, twin_cases
from loop.steps.probes import anchor_cases
from loop.token_count import counter, judge_tokens
from runs.canonical import digest

FROZEN = ("seed", "proven", "base", "endpoint")
"""Names of whoever stays the same. Whether another policy is ever proven nobody knows before: it is audited anew."""
AskedBefore = set[str]
"""What has been put to judges that never change: they say the same again, and are not asked."""


def verdicts(config: Config, span: range, before: AskedBefore) -> list[Share]:
    """The work of each who judges in the iterations `span`; what frozen ones are asked is added to `before`."""
    settings, constitution = config.judge, find_constitution(config.constitution)
    tokens = judge_tokens(config)
    judge, fair = (configured_judge(one, constitution, tokens) for one in (settings, settings.in_both_orders()))
    usual, in_both = (_questions_a_case(one, config) for one in (judge, fair))
    labelled = anchor_pairs(config.measure.anchors, config.measure.anchor_count)
    of_labelled = _requests(judge, [one.item for one in once(anchor_cases(judge, config.seed, labelled))])
    audits = sum("audit" not in config.unasked(index) for index in span)
    of_audit, opposed = (_audited(config, fair), _opposed(config)) if audits else (0, 0)
    circles = THREE * config.audit.items if settings.compares else 0
    own = candidates(config, span) * usual + (len(span) * config.measure.prompts + audits * circles) * in_both
    # CREAM's judge before, and the seed's judge on what the policy answers now.
    drifted = sum(index > 0 for index in span) * of_drift(config).judged
    again = second_opinions(config, span) * usual + drifted * in_both
    found = []
    for name in settings.sitting:
        frozen = name in FROZEN or "@" in name or _learnt_once(config)

        def times(what: object, turns: int, name: str = name, frozen: bool = frozen) -> int:
            asked = digest([name, settings.way(), constitution.digest, what])
            if not frozen or turns == 0:
                return turns
            known = asked in before
            before.add(asked)
            return 0 if known else 1

        requests = own + (0 if frozen else again)
        requests += of_labelled * times(["labelled", config.measure.anchor_count], len(span))
        if name == "proven":  # each candidate, beside whoever sits
            requests += of_labelled * sum(index > 0 for index in span)
        requests += of_audit * times(["audit", config.audit.items], audits)
        if name == settings.adapter:
            requests += opposed * times(["opposed", config.audit.items], audits)
        found.append(_share(config, name, fair if settings.compares else judge, round(requests)))
    return found


def candidates(config: Config, span: range) -> int:
    """How many verdicts on what the policy wrote are to be had in the iterations `span`, to learn from."""
    settings = config.judge
    judged = 0 if "judge" in config.unasked(1) else config.prompts.count
    total = 0
    for index in (index for index in span if index > 0):
        answers = answers_a_prompt(config, index)
        total += judged * (comb(answers, 2) if settings.compares else answers) + red_teamed(config)
        if judged and config.train.source == "revisions" and not settings.compares:
            total += revised(config, index) * config.revise.passes
    return total


def second_opinions(config: Config, span: range) -> int:
    """How many verdicts are also asked of the judge before (CREAM), which iteration 1 does not have."""
    if config.pair.labels != "consistency" or not config.pair.judged:
        return 0
    return candidates(config, range(max(2, span.start), span.stop)) if span.stop > 2 else 0


def _learnt_once(config: Config) -> bool:
    """Whether a preference model judges that is the same in all iterations: a file of labels does not change."""
    learns = config.preference
    return config.judge.method == PreferenceModel.method and (learns.source, learns.start) == ("labels", "base")


def _audited(config: Config, judge: Judge) -> int:
    """The requests of one audit about labelled pairs and their twins."""
    anchors = anchor_pairs(config.measure.anchors, config.audit.items)
    insertions = MICROWORLD if config.prompts.source == "microworld" else ENGLISH
    labelled = once(anchor_cases(judge, config.seed, anchors))
    twins = once(twin_cases(judge, config.seed, probed(anchors, insertions, config.seed)))
    drawn = "temperature" not in config.judge.idle() and config.judge.temperature > 0
    return _requests(judge, [one.item for one in (*labelled, *(labelled if drawn else ()), *twins)])


def _opposed(config: Config) -> int:
    """The requests of one audit about principles and their opposites: two principles a pair, in both orders."""
    constitution, settings = find_constitution(config.constitution), config.judge
    only_writes = settings.adapter == "endpoint" and not settings.chooses
    if settings.method == PreferenceModel.method or "pairwise" not in constitution.questions or only_writes:
        return 0
    return 2 * 2 * len(turned(constitution, anchor_pairs(config.measure.anchors, config.audit.items)))


def _share(config: Config, name: str, judge: Judge, requests: int) -> Share:
    """What one judge has to do: as much to read and to say as about the sample, with the longest answers."""
    by_model = config.judge.method == PreferenceModel.method
    work = f"{'the preference model' if by_model else name}: verdicts"
    other = find_judge_base(config) if name == "base" else None
    count = counter(None if name == "endpoint" else (other or find_base(config.model)).folder)
    questions = [question for item in items(config) for question in questions_of(judge, item)]
    if not questions:
        return Share(work, 0, 0, 0)
    answers = judge.compares * max(config.generate.max_tokens, config.measure.max_tokens)
    said = fmean(sum(count(message.content) for message in question.messages) for question in questions)
    sent, written = round(requests * (said + answers)), round(requests * _reply_tokens(questions, config.judge))
    usd = None
    prices = config.limits.endpoint
    if name == "endpoint" and prices.priced:
        usd = (sent * prices.usd_per_million_prompt_tokens + written * prices.usd_per_million_reply_tokens) / 1e6
    return Share(work, requests, sent, written, usd)


def _reply_tokens(questions: Sequence[Question], settings: Settings) -> float:
    lengths = {Write: settings.max_tokens, Choose: 1}
    return fmean(lengths.get(type(question), 0) for question in questions)


def _questions_a_case(judge: Judge, config: Config) -> float:
    sample = items(config)
    return _requests(judge, sample) / len(sample)


def _requests(judge: Judge, asked: Sequence[Item]) -> int:
    return sum(len(questions_of(judge, item)) for item in asked)


def questions_of(judge: Judge, item: Item) -> list[Question]:
    """All that the judge asks about the item where it hears nothing that decides."""
    rounds: list[Round] = []
    asked: list[Question] = []
    while questions := judge.ask(item, rounds):
        asked += questions
        rounds.append(tuple(_nothing_said(question) for question in questions))
    return asked


def _nothing_said(question: Question) -> Replied:
    match question:
        case Write():
            return Text("", True)
        case Choose():
            return Chances((-log(len(question.labels)),) * len(question.labels))
        case Likely():
            return Likelihood(0.0, 1)
        case Reward():
            return Rewarded(0.0)
