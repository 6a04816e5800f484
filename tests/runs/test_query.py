"""SQL over every run."""

from pathlib import Path

import pytest

from runs.errors import UsageError
from runs.query import query
from runs.store import Store
from runs.views import VIEWS


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_says_run_iteration_and_digest_in_every_row(history: Store, view: str) -> None:
    columns, rows = query(history, f"select run, iteration, digest from {view}")
    assert columns == ["run", "iteration", "digest"]
    assert rows and all(value is not None for row in rows for value in row)


@pytest.mark.parametrize("view", VIEWS)
def test_an_empty_home_has_the_same_views_without_rows(history: Store, tmp_path: Path, view: str) -> None:
    empty = Store(tmp_path / "home")
    assert query(empty, f"select * from {view}") == (query(history, f"select * from {view}")[0], [])
    assert query(empty, f"describe {view}") == query(history, f"describe {view}")


@pytest.mark.parametrize("view", ["responses", "judgments"])
def test_every_row_carries_the_adapter_that_made_it(history: Store, view: str) -> None:
    assert query(history, f"select count(*) from {view} where adapter is null or adapter = ''")[1] == [(0,)]


def test_rows_appear_once_under_the_run_that_made_them(history: Store) -> None:
    rows = query(history, "select run, iteration, count(*) from responses group by all order by all")[1]
    assert rows == [("r1", 1, 4), ("r1", 2, 4), ("r2", 2, 4)]
    assert query(history, "select count(*) = count(distinct digest) from responses")[1] == [(True,)]


def test_a_shard_that_two_runs_made_appears_under_both(history: Store) -> None:
    rows = query(history, "select run, iteration, count(*) from prompts group by all order by all")[1]
    assert rows == [("r1", 1, 2), ("r1", 2, 2), ("r1", 3, 1), ("r2", 2, 2)]


def test_the_lineage_of_a_branch_has_its_ancestors_iterations_under_their_names(history: Store) -> None:
    assert query(history, "select run, iteration from lineage('r2')")[1] == [("r1", 0), ("r1", 1), ("r2", 2)]
    joined = "select distinct run, iteration from judgments join lineage('r2') using (run, iteration) order by all"
    assert query(history, joined)[1] == [("r1", 1), ("r2", 2)]
    assert query(history, "from lineage('nobody')")[1] == []


def test_finished_steps_of_an_iteration_under_way_are_seen(history: Store) -> None:
    assert query(history, "select step from steps where run = 'r1' and iteration = 3")[1] == [("prompts",)]
    assert query(history, "select count(*) from iterations where run = 'r1'")[1] == [(3,)]


def test_judgments_join_the_responses_and_pairs_that_they_are_about(history: Store) -> None:
    sql = """select count(*), count(distinct r.digest) from pairs p
             join responses r on r.digest in (p.chosen, p.rejected) and r.run = p.run and r.iteration = p.iteration
             join judgments j on j.judged[1] = r.digest and j.run = r.run"""
    assert query(history, sql)[1] == [(6, 6)]


def test_measurements_are_one_row_a_number_and_a_number_that_could_not_be_had_is_null(history: Store) -> None:
    sql = """select iteration, value from measurements where run = 'r1' and metric = 'policy/kl_to_seed_nats'
             and step = 'measure' order by iteration"""
    assert query(history, sql)[1] == [(0, None), (1, 0.25), (2, 0.5)]


def test_audits_are_one_row_a_statistic_and_name_the_faults_that_were_found(history: Store) -> None:
    sql = "select iteration, name, estimate, low, high, n, finding, p_value from audits where run = 'r1' order by all"
    of_one = [
        ("label/accuracy", 0.7, 0.5, 0.9, 12, None, None),
        ("length/coefficient", 0.5, 0.25, 0.75, 20, "length bias: longer", 0.001),
        ("self/coefficient", None, None, None, 0, None, None),
    ]
    assert query(history, sql)[1] == [(index, *row) for index in (0, 2) for row in of_one]


def test_steps_know_how_long_they_took_and_their_metrics(history: Store) -> None:
    sql = "select seconds, metrics['signal/loss_last'], asked->>'$.step' from steps where step = 'train' and run = 'r2'"
    assert query(history, sql)[1] == [(2.5, 0.5, "train")]


def test_a_configuration_can_be_asked_for_by_key(history: Store) -> None:
    rows = query(history, "select run, config->>'$.train.beta' from runs order by run")[1]
    assert rows == [("r1", "0.1"), ("r2", "0.1")]


def test_a_name_made_out_of_text_finds_its_rows(history: Store) -> None:
    assert query(history, "select count(*) > 0 from query('from respon' || 'ses')")[1] == [(True,)]


@pytest.mark.parametrize(
    "sql",
    [
        "copy (select 1) to '{file}'",
        "copy runs to '{file}' (format parquet)",
        "export database '{file}'",
        "attach '{file}' as other",
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "reset lock_configuration",
        "set temp_directory = '{file}'",
        "create persistent secret s (type http)",
        "select * from store",
    ],
)
def test_sql_can_reach_no_file_and_no_setting(history: Store, tmp_path: Path, sql: str) -> None:
    file = tmp_path / "out"
    with pytest.raises(UsageError):
        query(history, sql.format(file=file))
    assert not file.exists()


def test_wrong_sql_is_a_usage_error_that_names_the_views(history: Store) -> None:
    with pytest.raises(UsageError, match="judgments"):
        query(history, "select * from judgements")


@pytest.mark.parametrize("nothing", ["", " ", "-- a comment"])
def test_no_sql_gives_no_rows(history: Store, nothing: str) -> None:
    with pytest.raises(UsageError):
        query(history, nothing)
