"""The best of the answers to each prompt by the scores of single answers: rejection sampling."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean

from judges.same_texts import Said, same_texts, standing_for
from runs.records import Judgment


def best_answers(responses: Iterable[Said], judgments: Iterable[Judgment]) -> list[Said]:
    """The best-scored answer to each prompt, in the order of the prompts' digests. The order of neither input matters.

    An answer sampled twice has the mean of its scores. One that is unscored, or was cut off at its token limit, is
    never the best; a prompt with no other has none. Of equally good answers the one with the lowest digest is taken.
    """
    scores = {judgment.judged[0]: judgment.score for judgment in judgments if judgment.score is not None}
    answered: dict[str, list[Said]] = defaultdict(list)
    for response in responses:
        if response.digest in scores:
            answered[response.prompt].append(response)
    best: list[Said] = []
    for _, answers in sorted(answered.items()):
        score_of = {
            standing_for(same).digest: fmean(scores[own.digest] for own in same)
            for same in same_texts(answers).values()
        }
        finished = [answer for answer in answers if answer.digest in score_of and answer.stop == "end"]
        if finished:
            best.append(min(finished, key=lambda answer: (-score_of[answer.digest], answer.digest)))
    return best
