"""Harm, help and evasion measured apart, on prompts that provoke harm and on all others, greedy and at temperature 1.

What Constitutional AI tells apart (Bai et al., 2212.08073): answers that do harm, and how much (0 to 4, section 4.5);
answers that evade, which do none and help nobody (4.4); refusals where nothing was wrong; and set phrases (4.3). Of
harm, evasion and errors a judge says how probable they are; refusals, hedges and phrases are counted by patterns of
English (`judges.text_signs`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from constitutions.load import Constitution
from judges.pairwise import EVASIVE
from judges.safety import safety
from judges.statistics import Estimate
from judges.text_repetition import boilerplate_fracs
from judges.text_signs import signs
from loop import drive
from loop.evaluating import Table, beware, iterations_of, seated, taught_by
from loop.evaluating import table as at_table
from loop.harm_numbers import NUMBERS, Seen, numbers
from loop.head_to_head import scores, verdicts_of
from loop.progress import Say
from loop.sources import Source, prompt_source
from loop.steps.measure import held_out_answers
from loop.terminal import table
from runs.canonical import seed_of
from runs.errors import UsageError
from runs.harm import ASKED, BENIGN, gold_of, provokes_harm
from runs.lineage import Found
from runs.records import Judgment, Prompt, Response
from runs.store import Store

CORRECT = "correct"
"""The proposition that says whether an answer is right, where the constitution has it."""
WAYS = {"greedy": 0.0, "sampled": 1.0}
DOUBLINGS = 12


@dataclass(frozen=True)
class Apart:
    """What one policy does: way to answer -> kind of prompt -> number -> its mean with the interval of 95 %.

    `gold` has means of the same by the microworld's truth, as far as the iteration has it, and of how many `prompts`,
    which are not those that the judge was asked about.
    """

    address: str
    numbers: dict[str, dict[str, dict[str, Estimate]]]
    gold: dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Measured:
    """Harm, help and evasion of several policies, on `prompts` of each kind, by `judge`."""

    judge: str
    taught: tuple[str, ...]
    prompts: dict[str, int]
    policies: tuple[Apart, ...]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        told = [
            {
                "policy": one.address,
                "judged": {
                    way: {kind: {name: found._asdict() for name, found in of.items()} for kind, of in kinds.items()}
                    for way, kinds in one.numbers.items()
                },
                "gold": one.gold,
            }
            for one in self.policies
        ]
        return {
            "judge": self.judge,
            "trained_on_its_verdicts": list(self.taught),
            "prompts": self.prompts,
            "policies": told,
        }

    def text(self) -> str:
        """A table for each kind of prompt, a line a number, a column a policy and way to answer."""
        parts = [*(self._kind(kind) for kind in NUMBERS), self._gold()]
        return "\n\n".join([*filter(None, parts), f"Judged by {self.judge}.{beware(self.judge, self.taught)}"])

    def _kind(self, kind: str) -> str:
        columns = [(one, way) for one in self.policies for way in WAYS]
        heads = [f"{kind}: {self.prompts[kind]} prompts", *(f"{one.address} {way}" for one, way in columns)]
        rows = [[name, *(_shown(one.numbers[way][kind][name]) for one, way in columns)] for name in NUMBERS[kind]]
        return table(heads, rows)

    def _gold(self) -> str:
        columns = [(one, way) for one in self.policies for way in WAYS if way in one.gold]
        names = dict.fromkeys((kind, name) for one, way in columns for kind, of in one.gold[way].items() for name in of)
        rows = [
            [f"{kind}: {name}", *(one.gold[way].get(kind, {}).get(name) for one, way in columns)]
            for kind, name in names
        ]
        heads = [
            "by gold, for the eye; on prompts of its own, no intervals",
            *(f"{one.address} {way}" for one, way in columns),
        ]
        return table(heads, rows) if rows else ""


def _shown(found: Estimate) -> str:
    if found.value is None or found.low is None or found.high is None:
        return "-"
    return f"{found.value:.3g} ({found.low:.3g} to {found.high:.3g})"


def harm_and_help(
    store: Store, addresses: Sequence[str], overrides: Sequence[str], judge: str, count: int, say: Say
) -> Measured:
    """What the policies of these iterations do on `count` prompts of each kind, of the first one's run.

    Raises UsageError where its prompts have no tag `harm`, and ConfigError where the constitution disallows nothing.
    """
    found = iterations_of(store, addresses)
    own = drive.config_of(found[0].run).at(found[0].iteration.index)
    config = seated(store, own, judge, "propositions", overrides)
    prompts = of_either_kind(prompt_source(config.prompts.source), count, seed_of(config.seed, "harm and help"))
    if not all(prompts.values()):
        raise UsageError(
            f"prompts.source={config.prompts.source} has no held-out prompts of both kinds: tag those that provoke "
            "harm `harm: yes` and some others `harm: none`"
        )
    with at_table(store, found[0], config, say) as asking:
        policies = [_apart(asking, address, one, prompts) for address, one in zip(addresses, found, strict=True)]
        taught = taught_by(store, found, asking.who)
    return Measured(judge, taught, {kind: len(of) for kind, of in prompts.items()}, tuple(policies))


def _apart(asking: Table, address: str, found: Found, prompts: Mapping[str, Sequence[Prompt]]) -> Apart:
    policy, scale = found.iteration.policy, asking.desk.constitution.scale
    judged = {
        way: {
            kind: numbers(_seen(asking, f"{address}/harm", policy, of, temperature), kind, scale)
            for kind, of in prompts.items()
        }
        for way, temperature in WAYS.items()
    }
    return Apart(address, judged, gold_of(asking.desk.store, found.link))


def of_either_kind(source: Source, count: int, seed: int) -> dict[str, list[Prompt]]:
    """At most `count` held-out prompts that provoke harm and as many that do not, by kind."""
    among, before = 2 * count, -1
    for _ in range(DOUBLINGS):
        drawn = source.held_out(among, seed)
        kinds: dict[str, list[Prompt]] = {kind: [] for kind in NUMBERS}
        for prompt in drawn:
            kinds[ASKED if provokes_harm(prompt.tags) else BENIGN].append(prompt)
        if all(len(of) >= count for of in kinds.values()) or len(drawn) == before:
            break
        among, before = 2 * among, len(drawn)
    return {kind: of[:count] for kind, of in kinds.items()}


def _seen(asking: Table, address: str, policy: str, prompts: Sequence[Prompt], temperature: float) -> list[Seen]:
    """The policy's answers to the prompts, judged and read."""
    desk = asking.desk
    shards = held_out_answers(desk, address, policy, prompts, "harm and help", temperature)
    answers: list[Response] = desk.store.rows_of("responses", shards)
    constitution, least = desk.constitution, desk.config.judge.min_mass
    beside = [id for id in (EVASIVE, CORRECT) if id in constitution.propositions]
    guard = safety(constitution, least, beside)
    way = {"of": "safety", "beside": beside, "min_mass": least}
    safe = verdicts_of(asking, address, prompts, answers, guard, way)
    score = scores(asking, address, prompts, answers)
    boilerplate = boilerplate_fracs([one.text for one in answers])
    return [
        _read(constitution, one.text, safe[one.digest], score.get(one.digest), share)
        for one, share in zip(answers, boilerplate, strict=True)
    ]


def _read(constitution: Constitution, text: str, safe: Judgment, score: float | None, boilerplate: float) -> Seen:
    scale = constitution.scale
    replied = {reply.principle: reply.score for reply in safe.replies}
    return Seen(
        harmful=None if safe.score is None else (scale.high - safe.score) / (scale.high - scale.low),
        evasive=replied.get(EVASIVE),
        correct=replied.get(CORRECT),
        score=score,
        signs=signs(text),
        boilerplate=boilerplate,
    )
