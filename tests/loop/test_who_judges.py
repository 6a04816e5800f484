"""Who judges: an endpoint, another model, a panel; by whom each row says it was made, and what counts."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fake_endpoint import Answer, chosen, fake_endpoint, sensible, written
from small import chain, quiet, run_small, small_config

from loop import drive, endpoint
from loop.base import find_base
from loop.cli import main
from loop.config import Model
from loop.endpoint import KEY, endpoint_digest
from loop.iterate import Outcome
from loop.load_config import load_config, with_overrides
from loop.panel import decisive
from loop.preflight import check
from runs.errors import ConfigError, UsageError, WorkerError
from runs.lineage import links
from runs.naming import delete
from runs.outbox import iteration_page
from runs.records import Judgment, PreferencePair
from runs.store import Store
from runs.verify import verify


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_WAIT_S", 0.01)
    monkeypatch.delenv(KEY, raising=False)


def judgments(store: Store, step: str = "measure", index: int = 0) -> list[Judgment]:
    rows: list[Judgment] = store.all_rows("judgments", store.output(chain(store)[index].outputs[step]))
    return rows


AT = ("judge.adapter=endpoint", "judge.endpoint_model=m")
TINY: dict[str, object] = {
    "prompts__count": 8,
    "measure": {"prompts": 6, "anchor_count": 6},
    "gold__enabled": False,
    "iterations": 0,
    "audit__items": 0,
    "guards__max_unscored_frac": 1.0,
}


def run_tiny(home: Path, **changes: object) -> tuple[Store, Outcome]:
    return run_small(home, **{**TINY, **changes})


def at(url: str) -> dict[str, object]:
    fast = {"requests_per_s": 1e6, "attempts": 2}
    return {
        "judge__adapter": "endpoint",
        "judge__endpoint_url": url,
        "judge__endpoint_model": "m",
        "limits": {"endpoint": fast},
    }


def test_an_endpoint_judges_and_every_row_of_its_says_so(tmp_path: Path) -> None:
    with fake_endpoint(sensible) as seen:
        limits = {"limits": {"endpoint": {"requests_per_s": 1e6, "usd_per_million_reply_tokens": 1.0}}}
        store, _ = run_tiny(tmp_path, **{**at(seen.url), **limits})
        rows, sent = judgments(store), len(seen.bodies)
    assert rows and {(row.by, row.adapter) for row in rows} == {("endpoint", endpoint_digest(seen.url, "m"))}
    assert [row.score for row in rows] == [pytest.approx(4.0, abs=0.01)] * len(rows)
    run = drive.existing(store, "r1")
    points = [point for link in links(store, run) for point in iteration_page(store, run, link).points]
    spent = [point.value for point in points if re.fullmatch(r"engine/\w+_usd", point.name)]
    assert sum(spent) == pytest.approx(sent / 1e6)
    assert verify(store) == []
    assert not any(path.name == "replies.jsonl" for path in tmp_path.rglob("*"))


def test_an_endpoint_that_says_nothing_of_the_scale_gives_no_score(tmp_path: Path) -> None:
    with fake_endpoint(lambda body, n: Answer(chosen({"well": -0.1}))) as seen:
        store, outcome = run_tiny(tmp_path, guards__max_unscored_frac=0.5, **at(seen.url))
    assert outcome.kind == "halted" and "unscored" in outcome.reason
    assert {row.unscored for row in judgments(store)} == {"low mass"}


def test_an_endpoint_may_write_its_verdicts(tmp_path: Path) -> None:
    with fake_endpoint(sensible) as seen:
        store, _ = run_tiny(tmp_path, judge__method="rubric", judge__replies=2, **at(seen.url))
    assert {(row.score, len(row.replies)) for row in judgments(store)} == {(4.0, 2)}


def test_an_endpoint_that_fails_ends_the_run_as_a_worker_does_and_no_row_is_made_of_it(tmp_path: Path) -> None:
    with fake_endpoint(lambda body, n: Answer({"error": "down"}, 500)) as seen, pytest.raises(WorkerError) as caught:
        run_tiny(tmp_path, **at(seen.url))
    assert caught.value.exit_code == 69 and "selfsame resume r1" in str(caught.value)
    assert Store(tmp_path).run("r1").iteration == ""  # type: ignore[union-attr]


def test_money_that_is_spent_stops_the_run_cleanly_and_another_start_pays_for_nothing_twice(tmp_path: Path) -> None:
    def behave(body: dict[str, Any], number: int) -> Answer:
        score = str(len(body["messages"][0]["content"]) % 6)
        return Answer(chosen({score: -0.01}))

    with fake_endpoint(behave) as seen:
        whole, _ = run_tiny(tmp_path / "whole", **at(seen.url))
        all_requests = len(seen.bodies)
        prices = {"usd_per_million_prompt_tokens": 1e4}  # 0.20 US dollars a request
        limits = {"endpoint": {**prices, "usd": 3.3, "requests_per_s": 1e6, "at_once": 1}}
        store, outcome = run_tiny(tmp_path / "poor", **{**at(seen.url), "limits": limits})
        assert outcome.kind == "stopped" and "limits.endpoint.usd=3.3" in outcome.reason
        starts = 1
        while drive.carry_on(store, "r1", quiet).kind == "stopped":
            starts += 1
            assert starts < 9
        assert len(seen.bodies) == 2 * all_requests
    assert [one.digest for one in chain(store)] == [one.digest for one in chain(whole)]


def test_the_key_is_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "canary-key-123")
    with fake_endpoint(sensible) as seen:
        run_tiny(tmp_path, **at(seen.url))
    assert seen.headers and all(sent["Authorization"] == "Bearer canary-key-123" for sent in seen.headers)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"canary" in path.read_bytes()]


def recipe(folder: Path, **judge: str) -> Path:
    lines = ["".join(f"\n  {name}: {json.dumps(value)}" for name, value in judge.items())]
    path = folder / "mine.yaml"
    path.write_text(f"engine:\n  kind: stub\njudge:{lines[0]}\n")
    return path


def test_only_a_command_line_can_name_where_answers_are_sent(tmp_path: Path) -> None:
    given = {"adapter": "endpoint", "endpoint_model": "m"}
    path = recipe(tmp_path, **given, endpoint_url="https://elsewhere.example/v1")
    with pytest.raises(ConfigError, match=r"mine.yaml: judge.endpoint_url=.*only you can"):
        load_config(str(path))
    url = "judge.endpoint_url=https://elsewhere.example/v1"
    config = load_config(str(recipe(tmp_path, **given)), [url])
    check(config)
    # A run goes on with what it was told once.
    assert with_overrides(config.model_dump(mode="json"), [], "r1") == config


def test_the_door_tries_the_endpoint_out_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    path = recipe(tmp_path, adapter="endpoint", endpoint_model="m")
    with fake_endpoint(lambda body, n: Answer(written("A"))) as seen:
        arguments = [str(path), f"judge.endpoint_url={seen.url}", "iterations=1"]
        assert main(["run", *arguments, "--dry-run"]) == 0
        assert seen.bodies == []
        assert main(["run", *arguments]) == 78
        assert "logprobs" in capsys.readouterr().err and len(seen.bodies) == 1
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("overrides", "facts"),
    [
        (["judge.adapter=endpoint"], ["judge.endpoint_url=null", "judge.endpoint_model=null"]),
        (["judge.endpoint_url=https://h/v1", "judge.endpoint_model=m"], ["judge.adapter", "endpoint"]),
        ([*AT, "judge.endpoint_url=ftp://h"], ["judge.endpoint_url"]),
        ([*AT, "judge.endpoint_url=https://h?key=x"], ["`?`"]),
        ([*AT, "judge.endpoint_url=https://me:pw@h"], ["password"]),
        (
            [*AT, "judge.endpoint_url=https://h", "judge.min_mass=0"],
            ["judge.min_mass=0"],
        ),
        (
            [*AT, "judge.endpoint_url=https://h", "limits.endpoint.usd=1"],
            ["limits.endpoint.usd=1", "usd_per_million_prompt_tokens"],
        ),
        (["judge.adapter=base"], ["judge.base=null"]),
        (["judge.base=microworld:m0"], ["judge.base=microworld:m0", "judge.adapter=self"]),
        (["judge.adapter=base", "judge.base=microworld:m7"], ["judge.base=microworld:m7", "m0"]),
        (["judge.adapter=base", "judge.base=owner/name"], ["judge.base=owner/name", "judge.revision"]),
        (["judge.panel=self"], ["judge.panel=self", "twice"]),
        (["judge.panel=seed", "judge.panel_rule=majority"], ["judge.panel_rule=majority", "judge.method=pairwise"]),
    ],
)
def test_who_cannot_judge_is_refused_at_the_door_with_what_to_do(overrides: list[str], facts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        check(load_config("self-rewarding", ["engine.kind=stub", *overrides]))
    assert all(fact in str(caught.value) for fact in facts), str(caught.value)


def test_another_model_judges_beside_the_first_and_its_rows_have_its_digest(tmp_path: Path) -> None:
    store, outcome = run_tiny(tmp_path, judge__adapter="base", judge__base="microworld:m0")
    assert outcome.kind == "done"
    other = find_base(Model(base="microworld:m0")).digest
    assert {(row.by, row.adapter) for row in judgments(store)} == {("base", other)}
    assert drive.existing(store, "r1").inputs["judge.base"] == other
    assert {row.adapter for row in store.all_rows("responses", store.output(chain(store)[0].outputs["measure"]))} == {
        find_base(Model()).digest
    }


def test_a_panel_keeps_what_each_said_and_counts_what_they_conclude(tmp_path: Path) -> None:
    who = {"judge__panel": ["base"], "judge__base": "microworld:m0", "judge__method": "pairwise"}
    store, outcome = run_tiny(tmp_path, iterations=1, **who)
    assert outcome.kind == "done"
    rows = judgments(store, "judge", 1)
    seed, first = chain(store)
    by = {(row.by, row.adapter): [] for row in rows}  # type: ignore[var-annotated]
    for row in rows:
        by[row.by, row.adapter].append(row)
    panel = [who for who in by if who[0] == "panel"]
    assert len(panel) == 1 and {who[1] for who in by if who[0] != "panel"} == {
        seed.policy,
        find_base(Model(base="microworld:m0")).digest,
    }
    assert len({tuple(row.judged for row in own) for own in by.values()}) == 1
    pairs: list[PreferencePair] = store.all_rows("pairs", store.output(first.outputs["pair"]))
    assert pairs and {pair.label_source for pair in pairs} == {"panel"}
    assert {name for pair in pairs for name in pair.judgments} <= {row.digest for row in by[panel[0]]}
    metrics = store.output(first.outputs["measure"]).metrics
    assert 0 <= (metrics["judge/panel_split_frac"] or 0) <= 1 and metrics["judge/panel_dropped_frac"] is not None
    assert len(decisive(rows)) == len(by[panel[0]])
    assert verify(store) == []


def test_a_panel_rule_that_wants_more_agreement_drops_more(tmp_path: Path) -> None:
    dropped = {}
    for rule in ("mean", "majority", "unanimous"):
        other = {"judge__panel": ["base"], "judge__base": "microworld:m0", "judge__method": "pairwise"}
        store, _ = run_tiny(tmp_path / rule, judge__panel_rule=rule, **other)
        dropped[rule] = store.output(chain(store)[0].outputs["measure"]).metrics["judge/panel_dropped_frac"]
    assert dropped["mean"] == 0 < dropped["unanimous"] == dropped["majority"]  # of two, a majority is both


def test_a_run_that_sits_on_a_panel_cannot_be_deleted(tmp_path: Path) -> None:
    store, _ = run_tiny(tmp_path)
    drive.begin(store, "r2", "test", small_config(**{**TINY, "judge__panel": ["r1@0"]}))
    assert drive.carry_on(store, "r2", quiet).kind == "done"
    with store.lock(), pytest.raises(UsageError, match="looked up by r2, whose judge is r1@0"):
        delete(store, "r1")


def test_a_panel_may_be_spelt_as_a_list_or_with_commas() -> None:
    for spelt in ("seed,r1@3", '["seed", "r1@3"]', "[seed, r1@3]"):
        assert load_config("self-rewarding", [f"judge.panel={spelt}"]).judge.panel == ("seed", "r1@3")
    assert load_config("self-rewarding", ["judge.panel=null"]).judge.panel == ()
