"""A run's transparency page, and what it shares with the drift report: principles' signal, help against harm."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from small import branch, chain, quiet, run_small

from loop import drive
from loop.cli import main
from loop.transparency import page_of
from runs.card import failures
from runs.errors import UsageError
from runs.figures import new_figure
from runs.frontier_figure import draw, frontier
from runs.harm import Standing, standings
from runs.lineage import links, resolve
from runs.principle_tables import principle_tables
from runs.query import query
from runs.report import seen
from runs.store import Store
from tests.runs.history import small_history

SIGNED = """\
extends: microworld
name: signed <b>&</b>
provenance: {licence: CC0-1.0, author: A. Clerk, approver: B. Chair}
principles: [{id: kind, text: Be kind., provenance: {source: town meeting}}]
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("card")
    (folder / "signed.yaml").write_text(SIGNED, encoding="utf-8")
    store, outcome = run_small(
        folder / "home", iterations="1", constitution=str(folder / "signed.yaml"), judge__method="pairwise",
        judge__principles=None, judge__principle_ids="kind,polite", gold__prompts="26", train__held_out_frac="0.25",
    )  # fmt: skip
    assert outcome.kind == "done", outcome.reason
    return store


def test_the_page_says_what_was_told_who_judged_what_was_learnt_and_what_failed(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    file = tmp_path / "card.html"
    assert main(["export", "r1@1", "--card", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"card": {"file": str(file)}}
    page = file.read_text(encoding="utf-8")
    for fact in ("Be kind.", "source: town meeting", "licence: CC0-1.0, author: A. Clerk, approver: B. Chair"):
        assert fact in page
    assert "as the whole" in page and "nobody is named" not in page  # of the principles that were extended
    assert re.search(r">principles</td><td[^>]*>all that apply<", page)
    assert "signed &lt;b&gt;&amp;&lt;/b&gt;" in page and "<b>&" not in page
    assert not re.findall(r'(?:src|href)="(?!data:image/png)', page) and "default-src 'none'" in page
    pairs = query(store, "select count(*) from pairs where run = 'r1'")[1][0][0]
    assert f'<td class="text">@1</td><td class="text">self</td><td class="number">{pairs}</td>' in page
    trained = store.output(chain(store)[1].outputs["train"]).metrics
    used, held_out = (trained[f"signal/{name}"] for name in ("pairs_used", "held_out_rows"))
    assert 0 < used < pairs == used + held_out
    counts = f'<td class="number">{used}</td><td class="number">0</td><td class="number">{held_out}</td>'
    assert f'<td class="text">@1</td><td class="text">pairs</td>{counts}' in page
    assert "no prompts with a known answer" in page and "no labelled pairs" not in page
    assert main(["export", "r1@1", "--card", str(file)]) == 2  # nothing is written over


def test_a_branch_shows_each_constitution_that_judged_it_and_which_iterations(store: Store, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("extends: microworld\nname: other\nprinciples: [{id: kind, text: Be brief.}]\n", encoding="utf-8")
    branch(store, "r1@1", "r2", f"constitution={other}", "iterations=2", "measure.anchors=null")
    page = page_of(store, resolve(store, "r2"))
    assert "It judged iterations 0 to 1." in page and "Be brief." not in page  # up to there nothing else has judged
    assert drive.carry_on(store, "r2", quiet).kind == "done"
    page = page_of(store, resolve(store, "r2"))
    for fact in (
        "Be kind.",
        "source: town meeting",
        "Be brief.",
        "It judged iterations 0 to 1.",
        "It judged iteration 2.",
    ):
        assert page.count(fact) == 1, fact
    facts = re.findall(r"labelled pairs</td>(.*?)</td>", page)
    assert facts == ['<td class="text">none']
    assert "None" not in re.sub("<img.*?>", "", page)


def test_failures_are_what_was_not_promoted_what_audits_found_and_what_nobody_looked_for(tmp_path: Path) -> None:
    history = small_history(tmp_path)
    run = drive.existing(history, "r1")
    chain = [seen(history, run, link) for link in links(history, run)]
    told = failures(history, [replace(chain[0], verdict="halt", reason="too few pairs"), *chain[1:]])
    assert told[0] == ["halt", "iteration 0", "too few pairs"]
    assert any(what == "the judge" and said.startswith("length bias: longer: ") for what, _, said in told)
    assert ["not measured", "all iterations", "no drift was measured"] in told
    with pytest.raises(UsageError, match="whole iteration"):
        page_of(history, resolve(history, "r1@1/pair"))


def test_a_run_whose_constitution_is_not_kept_has_a_page_up_to_any_iteration(tmp_path: Path) -> None:
    history = small_history(tmp_path)
    page = page_of(history, resolve(history, "r1@0"))
    assert "Its constitution is not kept." in page and "up to iteration 0" in page and ">@1<" not in page


def test_the_pages_say_what_each_principle_gave(store: Store) -> None:
    run = drive.existing(store, "r1")
    tables = principle_tables(store, [seen(store, run, link) for link in links(store, run)])
    shares = """select principle, sum(weight * abs(toward)) / sum(sum(weight * abs(toward))) over () as share
                from signal where run = 'r1' group by principle"""
    for principle, share in query(store, shares)[1]:
        assert {row[0]: row[2] for row in tables[0][2]}[principle] == pytest.approx(share)
    (row,) = tables[1][2]
    assert row[:2] == ["kind", "polite"] and 0 < row[3] < 1
    assert len(tables) == 2  # no prompt on which neither decides


def test_help_and_harm_are_means_over_either_kind_of_prompt(store: Store) -> None:
    (_, link) = links(store, drive.existing(store, "r1"))
    sql = """select p.tags['harm'] <> 'none' as harm, r.sampling.temperature, avg(j.score) from judgments j
             join responses r on r.digest = j.judged[1] and r.step = j.step and r.iteration = j.iteration
             join prompts p on p.digest = r.prompt and p.step = j.step and p.iteration = j.iteration
             where j.step = 'gold' and j.iteration = 1 group by all"""
    means = {(harm, temperature): score for harm, temperature, score in query(store, sql)[1]}
    found = standings(store, link)
    for who, temperature in (("gold, sampled", 1.0), ("gold, greedy", 0.0)):
        wanted = (means[True, temperature], means[False, temperature])
        assert (found[who].harmless, found[who].helpful) == pytest.approx(wanted)
        assert found[who].harmless_prompts + found[who].helpful_prompts == 26 and found[who].scale == (0, 5)
        assert 0 < (found[who].helpful_half or 0) < 5


def test_noise_is_drawn_as_noise_on_axes_that_say_their_scale() -> None:
    axes = new_figure(4, 4).add_subplot()
    draw(axes, {i: Standing(0.5, 0.5257 + i * 0.0001, None, 0.2, 1, 40, (0, 5)) for i in (0, 1)})
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert right - left >= 0.5 and bottom < 0.33 and top > 0.72
    assert "from 0 to 5" in axes.get_xlabel() and "40 prompts" in axes.get_ylabel()


def test_the_frontier_is_a_picture_with_a_panel_for_each_who_judges() -> None:
    path = {0: Standing(1, 2), 1: Standing(2, 1.5)}
    one, two = (frontier("r1", dict.fromkeys(who, path)) for who in (("gold",), ("gold", "seed")))
    assert one and two and one[:4] == two[:4] == b"\x89PNG" and one != two
    assert frontier("r1", {}) is None and frontier("r1", {"gold": {}}) is None
