"""Step `capability`: how many held-out prompts with a known answer the candidate gets right, with no judge asked.

Nothing is trained on it. Each answer has a row by the verifier, the same prompts in each iteration, so that policies
are held against each other item by item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import microworld
from judges.dialogue import Item
from judges.statistics import proportion
from judges.verifier import REFERENCE, Verifier
from loop.config_capability import Capability
from loop.desk import Desk
from loop.drift.pass_at_k import pass_at_k
from loop.sources import read_prompts
from loop.steps.by_tag import by_tag, probes_digest
from loop.steps.generate import answer_shards
from loop.steps.turn import Turn
from runs.canonical import digest, digest_file, seed_of
from runs.errors import ConfigError
from runs.output import Output
from runs.records import DriftItem, Judgment, Measurement, Prompt, Response, Sampling

WAYS = {"greedy": 0.0, "sampled": 1.0}
"""The two ways to answer, and their temperatures."""


@dataclass(frozen=True)
class Tried:
    """A prompt, and which answers to it are right: the greedy one, and each of the sampled ones."""

    prompt: Prompt
    greedy: bool
    sampled: tuple[bool, ...]


def known_prompts(settings: Capability) -> list[Prompt]:
    """The first `capability.count` prompts of the file. Raises ConfigError for one without a usable reference."""
    if settings.prompts is None:
        return []
    path, verifier = prompts_path(settings.prompts), Verifier(settings.match)
    prompts = read_prompts(path)[: settings.count]
    for nth, prompt in enumerate(prompts, start=1):
        if not verifier.can_judge(prompt.tags):
            raise ConfigError(
                f"{path}: prompt {nth} has the tag {REFERENCE}={prompt.tags.get(REFERENCE)!r}, and no answer can be "
                f"right by that with capability.match={settings.match}; give each prompt a reference"
            )
    return prompts


def prompts_path(name: str) -> Path:
    """Where the prompts lie that `capability.prompts` names."""
    return Path(microworld.__file__).with_name("capability.jsonl") if name == "microworld" else Path(name)


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, the candidate, the prompts, and the verifier."""
    name = desk.config.capability.prompts
    return {
        "model": turn.model,
        "candidate": turn.candidate,
        "prompts": "" if name is None else digest_file(prompts_path(name)),
        "verifier": str(Verifier.version),
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """Greedy and sampled answers, which of them are right, and the shares: over all prompts, and over each tag's."""
    settings, address = desk.config.capability, f"{desk.run}@{turn.index}/capability"
    prompts = known_prompts(settings)

    def answers(way: str, samples: int) -> tuple[str, ...]:
        wanted = [
            (prompt, seed_of(desk.config.seed, turn.draw("capability"), way, prompt.digest, k))
            for prompt in prompts
            for k in range(samples)
        ]
        return answer_shards(desk, address, turn.candidate, wanted, Sampling(WAYS[way], 1.0, settings.max_tokens))

    shards = {"greedy": answers("greedy", 1), "sampled": answers("sampled", settings.samples)}
    responses: dict[str, list[Response]] = {way: desk.store.rows_of("responses", made) for way, made in shards.items()}
    verifier, each = Verifier(settings.match), {"greedy": 1, "sampled": settings.samples}
    verdicts = {
        way: [_judgment(verifier, prompts[nth // each[way]], answer) for nth, answer in enumerate(answered)]
        for way, answered in responses.items()
    }
    right = {way: [bool(one.score) for one in judged] for way, judged in verdicts.items()}
    tried = [
        Tried(prompt, greedy, tuple(right["sampled"][nth * settings.samples : (nth + 1) * settings.samples]))
        for nth, (prompt, greedy) in enumerate(zip(prompts, right["greedy"], strict=True))
    ]
    numbers = {
        tag: capability_metrics(group)
        for tag, group in by_tag(tried, lambda one: _without_reference(one.prompt.tags)).items()
    }
    measurements = [
        Measurement(turn.candidate, turn.seed_policy, probes_digest(prompts), found, tag)
        for tag, found in numbers.items()
    ]
    tables = {
        "prompts": (desk.store.put_rows("prompts", prompts),),
        "responses": shards["greedy"] + shards["sampled"],
        "judgments": (desk.store.put_rows("judgments", verdicts["greedy"] + verdicts["sampled"]),),
        "measurements": (desk.store.put_rows("measurements", measurements),),
        "drift_items": (desk.store.put_rows("drift_items", [_item(turn.candidate, one) for one in tried]),),
    }
    return Output("capability", tables, {"metrics": numbers[""]})


def capability_metrics(tried: Sequence[Tried]) -> dict[str, float | None]:
    """The shares of right answers, greedy (with Wilson's interval, over prompts) and sampled, and pass@k for k above 1.

    k doubles up to the number of answers sampled to each prompt.
    """
    greedy, samples = proportion(sum(one.greedy for one in tried), len(tried)), len(tried[0].sampled)
    right = [one.sampled for one in tried]
    return {
        "policy/capability_greedy_frac": greedy.value,
        "policy/capability_greedy_frac_low": greedy.low,
        "policy/capability_greedy_frac_high": greedy.high,
        "policy/capability_sampled_frac": pass_at_k(right, 1),
        **{f"policy/pass_at_{2**n}_frac": pass_at_k(right, 2**n) for n in range(1, samples.bit_length())},
    }


def _item(policy: str, tried: Tried) -> DriftItem:
    """What is held against the same of another policy: 1 for a right answer, a share of several, and the mean of both
    ways, which is surer of a change than either."""
    greedy, sampled = float(tried.greedy), fmean(tried.sampled)
    right: dict[str, float | None] = {"greedy": greedy, "sampled": sampled, "answers": (greedy + sampled) / 2}
    return DriftItem(policy, "capability", tried.prompt.digest, right)


def _judgment(verifier: Verifier, prompt: Prompt, response: Response) -> Judgment:
    verdict = verifier.read(Item(prompt.messages, (response.text,), prompt.tags), ())
    return Judgment(
        target="response",
        judged=(response.digest,),
        adapter=digest([verifier.method, verifier.version, verifier.match]),
        by="verifier",
        method=verifier.method,
        constitution="",
        principles=(),
        replies=(),
        score=verdict.score if isinstance(verdict.score, float) else None,
        unscored=None,
        probability=None,
        seed=0,
    )


def _without_reference(tags: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name != REFERENCE}
