"""How far two judges rank the same answers alike: CREAM's consistency of rankings (Wang, 2410.12735, section 4)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from statistics import fmean

from judges.tournament import Compared, strengths
from runs.records import Judgment, Response


def consistency(
    responses: Iterable[Response], judgments: Iterable[Judgment], before: Iterable[Judgment]
) -> dict[str, float]:
    """Of each prompt's digest (tau + 1) / 2, 0 to 1, of the rankings by these `judgments` and by those of `before`.

    Kendall's tau is over the different texts that both ranked: by the mean of their scores, or by their strengths where
    two answers each were compared. A prompt of which fewer than two are ranked by both is left out.
    """
    said = {response.digest: (response.prompt, response.text) for response in responses}
    now, then = _ranked(said, judgments), _ranked(said, before)
    found = {}
    for prompt in sorted(now.keys() & then.keys()):
        both = sorted(now[prompt].keys() & then[prompt].keys())
        if len(both) > 1:
            tau = kendall_tau([(now[prompt][text], then[prompt][text]) for text in both])
            found[prompt] = (tau + 1) / 2
    return found


def kendall_tau(ranked: Iterable[tuple[float, float]]) -> float:
    """Kendall's tau-a, -1 to 1, of two or more values in two rankings: a tie in either counts as no agreement.

    So judges who tell nothing apart are as little agreed (0) as two who order by chance; tau-b would not exist there.
    """
    return fmean(_sign(a[0] - b[0]) * _sign(a[1] - b[1]) for a, b in combinations(ranked, 2))


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _ranked(said: Mapping[str, tuple[str, str]], judgments: Iterable[Judgment]) -> dict[str, dict[str, float]]:
    """What each text is worth, by its prompt and itself."""
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    compared: dict[str, list[Compared]] = defaultdict(list)
    for judgment in judgments:
        if judgment.score is None:
            continue
        prompt, text = said[judgment.judged[0]]
        if judgment.target == "pair":
            compared[prompt].append(Compared(text, said[judgment.judged[1]][1], judgment.score))
        else:
            scores[prompt][text].append(judgment.score)
    ranked = {prompt: {text: fmean(own) for text, own in texts.items()} for prompt, texts in scores.items()}
    for prompt, verdicts in compared.items():
        ranked[prompt] = {text: found.value for text, found in strengths(verdicts).items() if found.value is not None}
    return ranked
