"""SQL over what happened: DuckDB in memory, looking at the immutable shards of every run.

Nothing is written and nobody waits: the rows that a query speaks of are handed to DuckDB as Arrow tables, and from
then on it may touch no file.
"""

from typing import TYPE_CHECKING, Any

from runs.errors import UsageError
from runs.principle_views import MADE_OF, add_principle_views
from runs.store import Store
from runs.views import VIEWS, ancestry, empty_view, view

if TYPE_CHECKING:
    import duckdb

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "memory_limit": "2GB",
    "temp_directory": "",
    "autoinstall_known_extensions": False,
}


def query(store: Store, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names of the columns and the rows that `sql` gives. Raises UsageError for SQL that DuckDB refuses.

    Views are those of `runs.views.VIEWS` and, by principle, of `runs.principle_views.MADE_OF`; the table function
    `lineage('NAME')` has each iteration behind a run, with the run that made it.
    """
    import duckdb

    connection = connect(store, sql)
    try:
        connection.execute(sql)
        return [column[0] for column in connection.description or ()], connection.fetchall()
    except duckdb.Error as error:
        raise UsageError(
            f"{error}\nThe views are {', '.join((*VIEWS, *MADE_OF))}; `describe NAME` lists columns"
        ) from error
    finally:
        connection.close()


def connect(store: Store, sql: str) -> "duckdb.DuckDBPyConnection":
    """A database in memory with all the views: those that `sql` speaks of have their rows, the others only columns.

    To use a view is to spell its name, so looking for names in the text finds every view that is needed, and at worst
    one too many. `query` and `query_table` make names out of text: with them, all views have their rows.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config=SETTINGS)
    spoken = sql.lower()
    wanted = {name for name in (*VIEWS, *MADE_OF) if name in spoken or "query" in spoken}
    wanted |= {name for made in wanted & MADE_OF.keys() for name in MADE_OF[made]}
    for name in VIEWS:
        connection.register(name, view(store, name) if name in wanted else empty_view(name))
    add_principle_views(connection, store)
    connection.register("ancestry", ancestry(store))
    connection.execute(
        "create macro lineage(name) as table select run, iteration, digest from ancestry where of_run = name"
    )
    # Last, and for good: a query may come from anybody who may see the results, and shall see nothing else.
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection
