"""Elo of policies from blind head-to-head judgments: any iterations of any runs of one base model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from judges.statistics import Estimate, mean_difference
from judges.tournament import Compared, strengths
from loop import drive
from loop.evaluating import beware, iterations_of, seated, taught_by
from loop.evaluating import table as at_table
from loop.head_to_head import preferences
from loop.progress import Say
from loop.steps.measure import held_out_answers
from loop.steps.prompts import measured_prompts
from loop.terminal import table
from runs.canonical import seed_of
from runs.errors import UsageError
from runs.records import Response
from runs.store import Store

ELO_A_NAT = 400 / math.log(10)
"""400 points are odds of 10 to 1."""


@dataclass(frozen=True)
class Duel:
    """How probably the first one's answer is better, the mean over prompts with its interval of 95 %."""

    first: str
    second: str
    wins: Estimate
    prompts: int


@dataclass(frozen=True)
class Ratings:
    """`elo` are points above the mean of those compared, by address, with their intervals of 95 %.

    `taught` are those that were trained on verdicts of this judge.
    """

    judge: str
    taught: tuple[str, ...]
    temperature: float
    elo: dict[str, Estimate]
    duels: tuple[Duel, ...]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "judge": self.judge,
            "trained_on_its_verdicts": list(self.taught),
            "temperature": self.temperature,
            "elo": {address: one._asdict() for address, one in self.elo.items()},
            "duels": [
                {"first": one.first, "second": one.second, "wins": one.wins._asdict(), "prompts": one.prompts}
                for one in self.duels
            ],
        }

    def text(self) -> str:
        """As tables for people, the best first."""
        best = sorted(self.elo, key=lambda address: -(self.elo[address].value or 0.0))
        elo = [(address, self.elo[address].value, interval(self.elo[address], "+.0f")) for address in best]
        duels = [(one.first, one.second, one.wins.value, interval(one.wins, ".3f"), one.prompts) for one in self.duels]
        return (
            f"{table(['policy', 'Elo', '95 % interval'], elo)}\n\n"
            f"{table(['policy', 'against', 'share won', '95 % interval', 'prompts'], duels)}\n\n"
            f"Elo is above the mean of these, by {self.judge}, blind and in both orders, of answers at temperature "
            f"{self.temperature:g}. There is one answer of each policy to a prompt. What is won of a prompt is "
            "how probably the first answer is better, a tie being half of it. Intervals of Elo take a verdict for a "
            "win or a loss, so that they are wide where verdicts are near a half: of two policies the share won says "
            f"more.{beware(self.judge, self.taught)}"
        )


def interval(estimate: Estimate, digits: str) -> str:
    """The ends of an interval for people."""
    low, high = estimate.low, estimate.high
    return "-" if low is None or high is None else f"{low:{digits}} to {high:{digits}}"


def ratings(
    store: Store, addresses: Sequence[str], overrides: Sequence[str], judge: str, greedy: bool, say: Say
) -> Ratings:
    """The ratings of the policies of these iterations, on the held-out prompts of the first one's run.

    Raises UsageError for fewer than two different ones.
    """
    if len(set(addresses)) < max(2, len(addresses)):
        raise UsageError("name two iterations or more, each once: selfsame eval elo r1@0 r1@3 r2@3")
    found, temperature = iterations_of(store, addresses), 0.0 if greedy else 1.0
    own = drive.config_of(found[0].run).at(found[0].iteration.index)
    config = seated(store, own, judge, "pairwise", overrides)
    prompts = measured_prompts(config)
    duels = []
    verdicts: list[Compared] = []
    with at_table(store, found[0], config, say) as asking:
        answers: dict[str, list[Response]] = {}
        for address, one in zip(addresses, found, strict=True):
            shards = held_out_answers(
                asking.desk, f"{address}/elo", one.iteration.policy, prompts, "measure", temperature
            )
            answers[address] = store.rows_of("responses", shards)
        for first, second in combinations(addresses, 2):
            by_prompt = preferences(asking, f"{first}/elo", prompts, answers[first], answers[second])
            verdicts += [Compared(first, second, chance, about=prompt) for prompt, chance in by_prompt.items()]
            chances = list(by_prompt.values())
            wins = mean_difference([0.0] * len(chances), chances, seed_of(config.seed, "elo"))
            duels.append(Duel(first, second, wins, len(chances)))
        taught = taught_by(store, found, asking.who)
    return Ratings(judge, taught, temperature, in_elo(addresses, verdicts), tuple(duels))


def in_elo(addresses: Sequence[str], verdicts: Sequence[Compared]) -> dict[str, Estimate]:
    """The points of all of these, by address; of one on whom there is no verdict nobody can say any."""
    found = strengths(verdicts)
    nats = {address: found.get(address, Estimate(None, None, None)) for address in addresses}
    return {
        address: Estimate(*(None if end is None else end * ELO_A_NAT for end in one)) for address, one in nats.items()
    }
