"""Putting the questions of a file to a served policy, as many at once as the engine's shards hold."""

from collections.abc import Callable, Sequence

from tokenizers import Tokenizer

from loop.engine.protocol import Engine
from loop.external.multiple_choice import Answered, read_answer, requests
from loop.external.one_policy import Policy
from loop.external.questions import Question

TEMPLATE_TOKENS = 64
"""Room for what the chat template adds around a question."""


def ask(
    engine: Engine, policy: Policy, questions: Sequence[Question], min_mass: float, asked: Callable[[int], None]
) -> list[Answered]:
    """The answers, in the order of the questions. `asked` is told after each call how many there are."""
    answers: list[Answered] = []
    for part in _shards(questions, policy.config.engine.shard_requests):
        of_questions = [requests(question, policy.digest) for question in part]
        replies = iter(engine.run([request for own in of_questions for request in own]))
        for question, own in zip(part, of_questions, strict=True):
            answers.append(read_answer(question, [next(replies) for _ in own], min_mass))
        asked(len(answers))
    return answers


def too_long(policy: Policy, questions: Sequence[Question]) -> dict[str, int]:
    """The places of the questions that the engine would refuse, with their lengths in tokens, longest first.

    Of a model without a tokenizer.json none is known before; the engine then refuses them itself.
    """
    file = policy.base.folder / "tokenizer.json"
    if not file.is_file():
        return {}
    tokenizer = Tokenizer.from_file(str(file))
    limit = policy.config.engine.max_model_len_tokens - TEMPLATE_TOKENS
    lengths = {}
    for question in questions:
        one = requests(question, policy.digest)[0]  # the other orders hold the same texts
        lengths[question.place] = len(tokenizer.encode(one.messages[0].content + one.opening).ids)
    over = {place: length for place, length in lengths.items() if length >= limit}
    return dict(sorted(over.items(), key=lambda found: -found[1]))


def _shards(questions: Sequence[Question], requests_at_once: int) -> list[list[Question]]:
    """The questions in parts of at most so many requests, each question whole."""
    shards: list[list[Question]] = [[]]
    room = requests_at_once
    for question in questions:
        count = len(question.options)
        if shards[-1] and count > room:
            shards.append([])
            room = requests_at_once
        shards[-1].append(question)
        room -= count
    return shards
