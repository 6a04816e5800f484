"""What is refused at the door about lengths: questions to a judge that its context cannot hold whatever is answered."""

from collections.abc import Sequence

from constitutions.load import find_constitution
from judges.dialogue import Item
from judges.preference import PreferenceModel
from loop.anchors import anchor_pairs
from loop.base import find_base, judge_model, read_settings
from loop.config import Config, Model
from loop.configured_judge import configured_judge
from loop.cost_judging import questions_of
from loop.cost_policy import items
from loop.steps.probes import anchor_cases
from loop.token_count import counter, judge_tokens
from runs.errors import ConfigError

LONGEST = 16
"""So many labelled pairs, those with the most to read, are put to the tokenizer."""


def check_context(config: Config) -> None:
    """Returns if each judge's context holds the questions about the first prompts without any answer, and those about
    the labelled pairs, as far as a tokenizer.json is there to count with.

    An endpoint's context is not known here. Raises ConfigError, naming what to shorten.
    """
    limit = config.engine.max_model_len_tokens
    for model in _judges(config):
        empty, labelled = _longest(config, model, items(config)), _longest(config, model, _labelled(config))
        if max(empty, labelled) >= limit:
            what = "without any answer in it" if empty >= limit else "about a labelled pair of measure.anchors"
            raise ConfigError(
                f"constitution={config.constitution}: with judge.method={config.judge.method} a question takes "
                f"{empty if empty >= limit else labelled} tokens {what}, and engine.max_model_len_tokens={limit} has "
                f"to hold it; {', or '.join(_ways_out(config, model))}"
            )


def remark_on_context(config: Config) -> list[str]:
    """What to know of the answers that a judge's context does not hold, where the policy may write such."""
    limit, longest_answer = config.engine.max_model_len_tokens, config.generate.max_tokens
    said = []
    for model in _judges(config):
        asked = items(config)
        answers, empty = len(asked[0].texts), _longest(config, model, asked)
        if empty + answers * longest_answer >= limit:
            said.append(
                f"a question to the judge takes up to {empty} tokens without answers, so that answers of more than "
                f"{max(0, limit - 1 - empty) // answers} tokens end the run at engine.max_model_len_tokens={limit}, "
                f"and generate.max_tokens={longest_answer} allows them; {', or '.join(_ways_out(config, model))}"
            )
    return said


def _judges(config: Config) -> set[Model]:
    """The models whose context has to hold what is asked."""
    judge = config.judge
    if judge.method == PreferenceModel.method:
        return set()
    return {judge_model(config) if name == "base" else config.model for name in judge.sitting if name != "endpoint"}


def _labelled(config: Config) -> list[Item]:
    """The labelled pairs with the most to read, as they are put to the judge."""
    pairs = anchor_pairs(config.measure.anchors, config.measure.anchor_count)
    pairs = sorted(pairs, key=lambda pair: sum(map(len, (pair.a, pair.b, *(m.content for m in pair.messages)))))
    judge = configured_judge(config.judge, find_constitution(config.constitution))
    return [one.item for one in anchor_cases(judge, config.seed, pairs[-LONGEST:])]


def _longest(config: Config, model: Model, asked: Sequence[Item]) -> int:
    """The tokens of the longest question, without what the chat template adds; 0 where nobody can count them."""
    folder = find_base(model).folder
    if not (folder / "tokenizer.json").is_file():
        return 0
    judge = configured_judge(config.judge, find_constitution(config.constitution), judge_tokens(config))
    questions = [question for item in asked for question in questions_of(judge, item)]
    texts = {"\n".join(message.content for message in question.messages) for question in questions}
    return round(max(map(counter(folder), texts), default=0))


def _ways_out(config: Config, model: Model) -> list[str]:
    judge, limit = config.judge, config.engine.max_model_len_tokens
    lint = f"selfsame constitution lint {config.constitution} --model {model.base} --context {limit}"
    ways = [f"shorten its questions, exemplars or principles (`{lint}` names long ones)"]
    if model.base.startswith("microworld:"):
        ways.append("take the questions of `selfsame constitution import FILE --like microworld --out OWN.yaml`")
    if judge.together:
        now = "" if judge.max_principle_tokens is None else f" below {judge.max_principle_tokens}"
        ways.append(f"set judge.max_principle_tokens{now}")
    reads = read_settings(model, find_base(model).folder / "config.json").get("max_position_embeddings")
    if not isinstance(reads, int) or reads > limit:
        ways.append("raise engine.max_model_len_tokens" + (f" (the model reads {reads})" if reads else ""))
    return ways
