"""Views by principle for `selfsame query`: what each says, how it voted, and which way it pulled preference pairs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runs.store import Store

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MADE_OF = {"principles": (), "votes": ("judgments",), "signal": ("judgments", "pairs", "principles")}
"""By view, the views that it is made of, which need their rows where it is spoken of."""

VOTES = """
create view votes as
select run, iteration, step, digest as judgment, constitution, adapter, first, second, principle,
    avg(read) filter ("order" = 'ab') as ab, avg(read) filter ("order" = 'ba') as ba,
    case when count(read) = count(*) then avg(read) end as vote
from (
    select run, iteration, step, digest, constitution, adapter, judged[1] as first, judged[2] as second,
        reply.principle as principle, reply."order" as "order", avg(reply.score) as read
    from (select *, unnest(replies) as reply from judgments where target = 'pair' and "by" <> 'panel')
    where reply."order" <> ''
    group by all
)
group by all
"""
"""A row for each principle in each comparison: how probable it found the first answer in each order, and its vote, the
mean of both; null where an order could not be read. Comparisons that are trained on are those of the step `judge`."""

SIGNAL = """
create view signal as
select pairs.run, pairs.iteration, pairs.prompt, pairs.chosen, pairs.rejected, votes.principle,
    principles.weight,
    case when votes.first = pairs.chosen then votes.vote - 0.5 else 0.5 - votes.vote end as toward
from pairs
join votes on votes.run = pairs.run and votes.iteration = pairs.iteration and votes.step = 'judge'
    and (votes.first, votes.second) in ((pairs.chosen, pairs.rejected), (pairs.rejected, pairs.chosen))
left join principles on principles.constitution = votes.constitution and principles.principle = votes.principle
"""
"""A row for each preference pair and each principle that voted on its two answers: `toward` is how far the vote lies on
the side of the chosen one, -0.5 to 0.5. `weight` is null where the constitution is not kept any more."""


def add_principle_views(connection: "duckdb.DuckDBPyConnection", store: Store) -> None:
    """Make the views by principle on a connection that has those which they are made of."""
    connection.register("principles", principles(store))
    connection.execute(VOTES)
    connection.execute(SIGNAL)


def principles(store: Store) -> "pa.Table":
    """Every principle of every constitution that a run or tag was begun with, in the order of precedence."""
    import pyarrow as pa

    text, whole, real = pa.string(), pa.int64(), pa.float64()
    columns = [("constitution", text), ("name", text), ("place", whole), ("principle", text), ("text", text)]
    schema = pa.schema([*columns, ("weight", real), ("scope", pa.list_(text)), ("use", pa.list_(text))])
    return pa.Table.from_pylist(list(_rows(store)), schema=schema)


def _rows(store: Store) -> Iterator[dict[str, Any]]:
    for constitution in sorted({ref.inputs.get("constitution", "") for ref in store.refs()} - {""}):
        if not store.has(constitution):  # of a run that nobody has taken on since constitutions are kept
            continue
        said = store.get_json(constitution)
        for place, one in enumerate(said.get("principles", ()), 1):
            yield {
                "constitution": constitution,
                "name": said["name"],
                "place": place,
                "principle": one["id"],
                "text": one["text"],
                "weight": one.get("weight", 1.0),
                "scope": one.get("scope", []),
                "use": one.get("use", ["comparison", "critique"]),
            }
