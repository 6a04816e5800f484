"""What was asked once is not asked again: within a step, in the next iteration, in a branch, in another run."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from small import branch, chain, quiet, run_small, small_config

from constitutions.files import shipped_files
from constitutions.load import find_constitution
from loop import drive
from loop.configured_judge import configured_judge
from loop.cost import LABELS_A_DAY, PERSON_USD, estimate
from loop.engine.protocol import Choose, Score, Write
from loop.engine.stub import StubEngine
from loop.judging import case, judged_shards
from loop.load_config import load_config
from runs.records import Judgment, Message
from runs.store import Store


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Every request that the stub engine is given."""
    requests: list[Any] = []
    run = StubEngine.run

    def counting(self: StubEngine, given: Sequence[Any]) -> list[Any]:
        requests.extend(given)
        return run(self, given)

    monkeypatch.setattr(StubEngine, "run", counting)
    yield requests


def test_ten_thousand_identical_requests_cost_one(tmp_path: Path, asked: list[Any]) -> None:
    store, config = Store(tmp_path), small_config()
    drive.begin(store, "r1", "test", config)
    messages = (Message("user", "add 1 and 2."),)
    cases = [case(0, "response", messages, ("3.",), {}, (f"answer {n}",)) for n in range(10_000)]
    with store.lock(), drive.desk_of(store, "r1", config) as desk:
        judge = configured_judge(config.judge, desk.constitution)
        shards = judged_shards(desk, "r1@1/judge", judge, desk.base.digest, cases)
        assert len(asked) == 1
        assert judged_shards(desk, "r1@2/judge", judge, desk.base.digest, cases) == shards
        assert len(asked) == 1
        rows: list[Judgment] = store.rows_of("judgments", shards)
    assert sorted(row.judged[0] for row in rows) == sorted(f"answer {n}" for n in range(10_000))
    assert len({(row.score, row.seed) for row in rows}) == 1


def of_anchors(store: Store, asked: list[Any]) -> list[Any]:
    """Those of the requests that are about pairs that people labelled."""
    from loop.anchors import anchor_pairs

    texts = {text for pair in anchor_pairs("microworld", 20) for text in (pair.a, pair.b)}
    return [one for one in asked if isinstance(one, Choose) and any(t in one.messages[0].content for t in texts)]


def test_a_frozen_judge_sees_the_labelled_pairs_once_in_a_home(tmp_path: Path, asked: list[Any]) -> None:
    tiny: dict[str, object] = {"judge__adapter": "seed", "prompts__count": 8, "gold__enabled": False, "audit__items": 0}
    store, _ = run_small(tmp_path, iterations=0, **tiny)
    assert len(asked) > 0
    shared = set(of_anchors(store, asked))
    before = len(asked)
    drive.change(store, "r1", small_config(iterations=2, **tiny))
    assert drive.carry_on(store, "r1", quiet).kind == "done"
    again = [one for one in asked[before:] if one in shared]
    # What else is judged may by chance say the same as a labelled answer; the labelled pairs themselves are 40.
    assert len(shared) > 30 and len(again) < 5

    before = len(asked)
    branch(store, "r1@1", "r2", "train.beta=0.7")
    drive.begin(store, "r3", "test", small_config(iterations=0, measure__prompts=13, **tiny))
    assert {drive.carry_on(store, name, quiet).kind for name in ("r2", "r3")} == {"done"}
    assert len([one for one in asked[before:] if one in shared]) < 5


def test_a_judge_that_changes_is_asked_again(tmp_path: Path, asked: list[Any]) -> None:
    store, _ = run_small(tmp_path, iterations=1, prompts__count=8, gold__enabled=False, audit__items=0)
    _, first = chain(store)
    mine = [one for one in of_anchors(store, asked) if one.policy == first.policy]
    assert len(mine) > 30


@pytest.mark.parametrize(
    "change", [{"judge__min_mass": 0.4}, {"engine__max_num_seqs": 7}, {"model__dtype": "bfloat16"}, {"seed": 1}]
)
def test_nothing_is_recalled_of_what_was_asked_otherwise(
    tmp_path: Path, asked: list[Any], change: dict[str, object]
) -> None:
    tiny = {"iterations": 0, "gold__enabled": False, "audit__items": 0}
    store, _ = run_small(tmp_path, **tiny)
    before = len(of_anchors(store, asked))
    drive.begin(store, "r2", "test", small_config(**{**tiny, **change}))
    drive.carry_on(store, "r2", quiet)
    assert len(of_anchors(store, asked)) == 2 * before


def test_answers_of_the_seed_policy_to_be_compared_with_are_written_once(tmp_path: Path, asked: list[Any]) -> None:
    changes = {"gold__enabled": False, "guards__max_unscored_frac": 1.0, "audit__items": 0, "iterations": 1}
    store, _ = run_small(tmp_path, judge__method="pairwise", **changes)
    written = [one for one in asked if isinstance(one, Write)]
    seed, *later = chain(store)
    # 12 measured and 12 rivals of the seed policy, then the candidates' 12 each and 24 prompts of 3 answers each.
    assert len(written) == 24 + len(later) * (12 + 24 * 3)
    rivals = {store.output(one.outputs["measure"]).tables["responses"][-1] for one in (seed, *later)}
    assert len(rivals) == 1


@pytest.mark.parametrize("name", sorted(shipped_files()))
def test_a_shipped_rubric_stands_before_what_it_is_applied_to(name: str) -> None:
    questions = find_constitution(name).questions
    for question in (questions[method] for method in ("rubric", "expected") if method in questions):
        parts = re.split(r"\{\w+\}", question)
        assert len(parts[0]) > sum(map(len, parts[1:]))


def test_a_dry_run_counts_no_less_than_what_is_then_asked(tmp_path: Path, asked: list[Any]) -> None:
    for method in ("rubric", "pairwise"):
        changes: dict[str, object] = {
            **{"judge__method": method, "prompts__count": 8, "measure": {"prompts": 6, "anchor_count": 6}},
            **{"guards__max_unscored_frac": 1.0, "gold__enabled": False, "iterations": 1, "audit__items": 4},
        }
        store, config = Store(tmp_path / method), small_config(**changes)
        cost = estimate(store, config, [])
        asked.clear()
        run_small(tmp_path / method, **changes)
        answers, _, verdicts = cost.shares
        said = [one.messages[0].content for one in asked if isinstance(one, Choose | Write)]
        judging = len([text for text in said if "judge this answer" in text or "which is better" in text])
        assert answers.requests == len(said) - judging, method
        assert verdicts.requests >= judging > verdicts.requests / 2
        assert cost.seconds is None
        later = estimate(store, config, drive.planned(store, "r1", config))
        assert (later.seconds, later.timed_by, later.shares, later.recalled) == (0, "r1", (), True)
        assert later.text().endswith("steps are known and would be recalled: no request, no time and no money.")


def test_a_dry_run_counts_new_prompts_gold_and_what_is_only_read(tmp_path: Path, asked: list[Any]) -> None:
    changes: dict[str, object] = {
        **{"prompts__count": 8, "prompts__self_made_frac": 0.25, "prompts__red_team_frac": 0.25},
        **{"prompts__attempts": 2, "measure": {"prompts": 6, "anchor_count": 6}, "audit__items": 4},
        **{"guards__max_unscored_frac": 1.0, "gold": {"enabled": True, "prompts": 5}, "iterations": 1},
        "drift": {"items": 4, "samples": 3},
    }
    cost = estimate(Store(tmp_path), small_config(**changes), [])
    by_work = {share.work.removeprefix("the policy: "): share for share in cost.shares}
    run_small(tmp_path, **changes)
    prompts = [one for one in asked if isinstance(one, Write) and "new request" in one.messages[0].content]
    written = len([one for one in asked if isinstance(one, Write)]) - len(prompts)
    read = [one for one in asked if isinstance(one, Score)]
    assert by_work["answers for gold"].requests == 2 * 2 * 5
    assert by_work["answers"].requests + 2 * 2 * 5 >= written > 2 * 2 * 5
    assert by_work["new prompts"].requests == 2 * (2 + 2) >= len(prompts) > 0
    assert by_work["answers read"].requests >= len(read) > 0
    assert by_work["answers read"].reply_tokens == 0
    assert by_work["self: verdicts"].requests >= len([one for one in asked if isinstance(one, Choose)]) > 0


def test_a_dry_run_says_what_an_endpoint_and_what_people_would_cost(tmp_path: Path) -> None:
    overrides = [
        "judge.adapter=seed",
        "judge.panel=endpoint",
        "audit.items=0",
        "judge.endpoint_url=https://elsewhere.example/v1",
        "judge.endpoint_model=m",
        "limits.endpoint.usd_per_million_prompt_tokens=2",
        "limits.endpoint.usd_per_million_reply_tokens=8",
    ]
    cost = estimate(Store(tmp_path), load_config("self-rewarding", overrides), [])
    seed, endpoint = cost.shares[-2:]
    assert (seed.usd, seed.requests) == (None, endpoint.requests)
    assert endpoint.usd == pytest.approx((2 * endpoint.prompt_tokens + 8 * endpoint.reply_tokens) / 1e6)
    # 384 prompts of 6 answers in 3 iterations, 128 held-out answers in 4, and 200 labelled pairs once.
    assert endpoint.requests == 3 * 384 * 6 + 4 * 128 + 400
    assert cost.labels == 3 * 384 * 6 + 4 * 128
    free = estimate(Store(tmp_path), load_config("self-rewarding", overrides[:-2]), [])
    assert (free.usd, free.shares[-1].usd, free.shares[-1].requests) == (None, None, endpoint.requests)
    assert "no price of the endpoint was given (limits.endpoint.usd_per_million_prompt_tokens" in free.text()
    assert "0.00" not in free.text()
    people = cost.document()["people"]
    assert people["usd"] == pytest.approx(cost.labels * PERSON_USD)
    assert people["person_days"] == pytest.approx(cost.labels / LABELS_A_DAY)
    assert f"{cost.labels:,} labels" in cost.text()
