"""A run's drift report: one page that holds all it shows."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from loop import drive
from loop.cli import main
from runs.held_limits import SIDES
from runs.lineage import decision_of, links
from runs.outbox import iteration_page
from runs.report import MOST, answer_columns, report_and_figures, thinned
from runs.store import Store
from tests.loop.small import run_small
from tests.runs.history import small_history

HOSTILE = "<img src=//elsewhere.example/x onerror=alert(1)> \u202egnihton"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("report")
    rows = [{"prompt": f"{HOSTILE} {n}", "split": "held-out" if n % 2 else "train"} for n in range(60)]
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found, outcome = run_small(
        folder / "home", iterations="1", prompts__source=str(folder / "prompts.jsonl"), drift={"items": 4},
        measure={"prompts": 6, "anchors": None}, gold__enabled=False, judge__min_mass=0,
    )  # fmt: skip
    assert outcome.kind == "done"
    return found


@pytest.fixture(scope="module")
def page(store: Store) -> str:
    return report_and_figures(store, drive.existing(store, "r1"))[0]


def test_the_page_says_what_happened_what_drifted_and_what_it_cost(store: Store, page: str) -> None:
    metrics = store.output(store.iteration(drive.existing(store, "r1").iteration).outputs["drift"]).metrics
    for name in metrics:
        if not name.endswith(("_low", "_high")):
            assert f">{name}<" in page
    assert f'<td class="number">{metrics["policy/vendi_frac"]:.4g}</td>' in page
    assert "every guard passed" in page and "drift: policy" in page and "drift, by all else but gold" in page
    assert page.count('src="data:image/png;base64,') == 2
    assert "chosen score" in page.replace("_", " ") and "the seed judge&#39;s @1" in page


@pytest.mark.parametrize(
    ("judge", "scored"),
    [
        ({"method": "expected", "adapter": "self"}, "own score"),
        ({"method": "expected", "adapter": "seed"}, "the judge's score"),
        ({"method": "preference", "adapter": "self"}, "the judge's score"),
        ({"method": "verifier", "adapter": "self"}, "right by the verifier"),
    ],
)
def test_only_a_policys_own_score_is_called_that(store: Store, judge: dict[str, str], scored: str) -> None:
    iteration = links(store, drive.existing(store, "r1"))[0].iteration
    assert answer_columns(replace(iteration, config={**iteration.config, "judge": judge}))[1] == scored


def test_the_page_loads_and_runs_nothing_and_what_a_model_wrote_is_text(page: str) -> None:
    assert "<img src=//" not in page and "<script" not in page and "\u202e" not in page
    assert "&lt;img src=//elsewhere.example/x onerror=alert(1)&gt; \\u202egnihton" in page
    assert not re.findall(r'(?:src|href)="(?!data:image/png)', page)
    assert "default-src 'none'" in page


def test_the_verb_writes_the_page_where_it_is_told(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    assert main(["report", "r1", "--out", str(tmp_path / "r1.html"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"run": "r1", "report": str(tmp_path / "r1.html")}
    assert (tmp_path / "r1.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_run_that_has_closed_nothing_is_told_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    assert main(["report", "r1"]) == 2
    assert "r1" in capsys.readouterr().err


def test_a_run_without_drift_has_a_report_too(tmp_path: Path) -> None:
    history = small_history(tmp_path)
    page, _ = report_and_figures(history, drive.existing(history, "r2"))
    assert "policy/kl_to_seed_nats" in page and "branched from <code>r1@1</code>" in page


def test_the_page_says_what_the_first_and_the_last_audit_found_and_what_to_do(tmp_path: Path) -> None:
    history = small_history(tmp_path)
    page, _ = report_and_figures(history, drive.existing(history, "r1"))
    assert "<h3>The judge of r1@0</h3>" in page and "<h3>The judge of r1@2</h3>" in page
    assert page.count(">length bias: longer<") == 2
    assert "length/coefficient 0.500, 0.250 to 0.750, n 20, p 0.001" in page and "pair.length_control" in page
    assert "selfsame audit r1@N" in page


def test_of_a_long_run_the_first_and_the_last_iteration_are_among_those_that_are_shown() -> None:
    chain = list(range(1000))
    shown = thinned(chain)  # type: ignore[arg-type, type-var]
    assert len(shown) == MOST and (shown[0], shown[-1]) == (0, 999)
    assert thinned(chain[:MOST]) == chain[:MOST]  # type: ignore[arg-type]


def test_a_limit_stands_beside_the_metric_that_a_guard_held_against_it(store: Store) -> None:
    run = drive.existing(store, "r1")
    link = links(store, run)[1]
    shown = {point.name: point.value for point in iteration_page(store, run, link).points}
    held = [one for one in decision_of(store, link.iteration)["evidence"] if one["metric"] == "policy/kl_to_seed_nats"]
    assert [one["limit"] for one in held] == [shown["policy/kl_to_seed_nats_at_most"]]
    # What the iteration has no such number of has no limit in a chart either.
    of_metrics = {name.rpartition("_at_")[0] for name in shown if name.endswith(SIDES)}
    assert len(of_metrics) > 1 and of_metrics <= shown.keys()
