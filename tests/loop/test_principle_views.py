"""What each principle did, by SQL: the queries of the page, held against votes counted by hand; and a changed file."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from small import branch, chain, quiet, run_small

from constitutions.load import load_constitution
from judges.principle_votes import by_principle, votes_of
from loop import drive
from loop.cli import main
from loop.verbs_run import changed_config
from runs.errors import ConfigError
from runs.query import query
from runs.records import Judgment, PreferencePair
from runs.store import Store
from tests.loop.test_constitution_flips import SETTINGS, A, written

PAGE = Path(__file__).parent.parent.parent / "docs" / "constitutions.md"
SHARE, DISAGREE, UNDECIDED = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("views")
    store, outcome = run_small(folder / "home", constitution=str(written(folder, A)[0]), **SETTINGS)
    assert outcome.kind == "done"
    return store


def judged(store: Store) -> list[Judgment]:
    rows: list[Judgment] = store.all_rows("judgments", store.output(chain(store)[1].outputs["judge"]))
    return rows


def test_a_vote_is_what_the_judge_counted(store: Store) -> None:
    _, rows = query(store, "select judgment, principle, ab, ba, vote from votes where step = 'judge'")
    votes = {(judgment, principle): (ab, ba, vote) for judgment, principle, ab, ba, vote in rows}
    for judgment in judged(store):
        for principle, orders in votes_of(judgment).items():
            ab, ba, vote = votes.pop((judgment.digest, principle))
            assert (ab, ba) == (orders["ab"], orders["ba"]) and vote == pytest.approx((ab + ba) / 2)
    assert votes == {}


def test_the_share_of_each_principle_is_its_weighted_votes_on_the_pairs_that_are_trained_on(store: Store) -> None:
    pairs: list[PreferencePair] = store.all_rows("pairs", store.output(chain(store)[1].outputs["pair"]))
    weights = {"kind": 3, "brief": 1, "right": 1}
    pull: dict[str, list[float]] = defaultdict(list)
    by_answers = {frozenset(judgment.judged): judgment for judgment in judged(store)}
    for pair in pairs:
        judgment = by_answers[frozenset((pair.chosen, pair.rejected))]
        for principle, orders in votes_of(judgment).items():
            toward = sum(orders.values()) / 2 - 0.5
            pull[principle].append(weights[principle] * (toward if judgment.judged[0] == pair.chosen else -toward))
    whole = sum(abs(one) for each in pull.values() for one in each)
    _, rows = query(store, SHARE)
    assert {row[0] for row in rows} == set(weights)
    for principle, count, share, against in rows:
        own = [abs(one) for one in pull[principle]]
        assert count == len(pairs) and share == pytest.approx(sum(own) / whole)
        assert (against or 0) == pytest.approx(sum(-one for one in pull[principle] if one < 0) / sum(own))


def test_disagreement_and_prompts_that_nobody_decides_are_found(store: Store) -> None:
    _, rows = query(store, DISAGREE)
    assert {(a, b) for a, b, _, _ in rows} == {("brief", "kind"), ("brief", "right"), ("kind", "right")}
    assert all(0 < disagree < 1 and n == len(judged(store)) for _, _, n, disagree in rows)
    assert query(store, UNDECIDED)[1] == []
    flat = UNDECIDED.replace("bool_and(vote = 0.5)", "bool_and(vote > 2 or vote >= 0)")
    assert len(query(store, flat)[1]) == 10
    assert by_principle(judged(store))["kind"].decided == len(judged(store))


def test_the_words_and_weights_of_a_constitution_are_kept_under_its_digest(store: Store) -> None:
    _, rows = query(store, "select distinct constitution, principle, weight, text from principles order by place")
    assert [row[1:] for row in rows] == [
        ("kind", 3.0, "Be kind."),
        ("brief", 1.0, "Be brief."),
        ("right", 1.0, "Be right."),
    ]
    assert {row[0] for row in rows} == {judgment.constitution for judgment in judged(store)}


def test_a_constitution_that_changed_is_refused_and_the_branch_that_is_named_takes_the_run_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, _ = written(tmp_path, A)
    store, _ = run_small(tmp_path / "home", constitution=str(file), **SETTINGS)
    before = load_constitution(file).digest
    file.write_text(A.replace("Be right.", "Be right always."), encoding="utf-8")
    why = r"constitution is not what it was when r1 began.*selfsame branch r1@1 r1-2$"
    with pytest.raises(ConfigError, match=why):
        drive.carry_on(store, "r1", quiet)
    run = drive.existing(store, "r1")
    with pytest.raises(ConfigError, match=why):
        drive.change(store, "r1", drive.config_of(run).model_copy(update={"iterations": 2}))
    assert drive.existing(store, "r1") == run
    for words in ([], ["iterations=2"]):
        with pytest.raises(ConfigError, match=why):
            changed_config(store, "r1", words)
    file.unlink()
    with pytest.raises(ConfigError, match=r"no such file.*`selfsame export r1 --constitution FILE.yaml` writes"):
        changed_config(store, "r1", ())
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    assert main(["export", "r1", "--constitution", str(file)]) == 0
    assert load_constitution(file).digest == before
    assert drive.carry_on(store, "r1", quiet).kind == "done"
    assert main(["export", "r1", "--constitution", str(file)]) == 2
    file.write_text(f"# a comment\n{A}", encoding="utf-8")
    assert drive.carry_on(store, "r1", quiet).kind == "done"
    file.write_text(A.replace("Be right.", "Be right always."), encoding="utf-8")
    capsys.readouterr()
    assert main(["branch", "r1@1", "r1-2", "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "with the same settings, and with constitution as the file is now: not what r1 began with" in said
    assert "It ends where it begins; iterations=4 with `selfsame resume` takes it further" in said
    branch(store, "r1@1", "r1-2", "iterations=2")
    assert drive.carry_on(store, "r1-2", quiet).kind == "done"
    by = [
        {one.constitution for one in store.all_rows("judgments", store.output(iteration.outputs["judge"]))}
        for iteration in chain(store, "r1-2")[1:]
    ]
    assert by == [{before}, {load_constitution(file).digest}]
