"""An iteration's answers and what its judge said of them, looked up by what the answers say."""

from collections import defaultdict
from dataclasses import dataclass, field

from loop.panel import decisive
from runs.errors import UsageError
from runs.lineage import Found
from runs.records import Judgment, Prompt
from runs.store import Store

Said = tuple[str, ...]
"""A prompt's digest and the text of one answer to it, or of two, the first one first."""


@dataclass(frozen=True)
class Judged:
    """One iteration. The same text is one answer, however often it was sampled.

    `verdicts` are the judgments that count, `sat` those of all who judged: the members of a panel, or the one judge.
    `trained_on` holds the margins of the pairs that were trained on, by chosen and rejected text; `authors` says whose
    weights wrote each answer.
    """

    address: str
    digest: str
    prompts: dict[str, Prompt]
    verdicts: dict[Said, Judgment]
    sat: dict[Said, list[Judgment]]
    trained_on: dict[Said, float]
    authors: dict[Said, str] = field(default_factory=dict)

    @property
    def compares(self) -> bool:
        """Whether the judge was shown two answers at a time."""
        return any(len(said) == 3 for said in self.verdicts)

    def scores(self, prompt: str, a: str, b: str) -> tuple[float | None, float | None] | None:
        """What the judge scored two answers, as probabilities where it compared them; None if it never saw them."""
        if (prompt, a, b) in self.verdicts:
            first = self.verdicts[prompt, a, b].score
            return (None, None) if first is None else (first, 1 - first)
        if (prompt, b, a) in self.verdicts:
            crossed = self.scores(prompt, b, a)
            return crossed and crossed[::-1]
        if (prompt, a) in self.verdicts and (prompt, b) in self.verdicts:
            return self.verdicts[prompt, a].score, self.verdicts[prompt, b].score
        return None


def judged(store: Store, found: Found) -> Judged:
    """What was judged in the iteration that was found. Raises UsageError where nothing was, and for a part of one."""
    run, index, outputs = found.run.name, found.iteration.index, found.iteration.outputs
    if found.step is not None:
        raise UsageError(f"{run}@{index}/{found.step} is a part of an iteration; name a whole one: {run}@{index}")
    if "judge" not in outputs:
        raise UsageError(
            f"{run}@{index} judged no candidates: it only measures the seed, or learns from what nobody has to judge; "
            "name another iteration"
        )
    responses = {r.digest: r for r in store.all_rows("responses", store.output(outputs["generate"]))}
    prompts = {p.digest: p for p in store.all_rows("prompts", store.output(outputs["prompts"]))}
    judgments = store.all_rows("judgments", store.output(outputs["judge"]))
    judgments = [one for one in judgments if one.target != "revision"]
    pairs = store.all_rows("pairs", store.output(outputs["pair"])) if "pair" in outputs else []

    def said(*digests: str) -> Said:
        return (responses[digests[0]].prompt, *(responses[digest].text for digest in digests))

    verdicts = {said(*one.judged): one for one in decisive(judgments)}
    sat: dict[Said, dict[str, Judgment]] = defaultdict(dict)
    for one in judgments:
        if one.by != "panel":
            sat[said(*one.judged)][one.adapter] = one  # a text sampled twice was judged once
    return Judged(
        address=f"{run}@{index}",
        digest=found.iteration.digest,
        prompts=prompts,
        verdicts=verdicts,
        sat={key: list(members.values()) for key, members in sat.items()},
        trained_on={said(pair.chosen, pair.rejected): pair.margin for pair in pairs if pair.chosen in responses},
        authors={said(name): response.adapter for name, response in responses.items()},
    )
