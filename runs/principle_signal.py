"""What each principle gave to the training signal of some iterations, from the votes that are kept with the pairs.

Only comparisons by principle hold votes; of a judge of single answers there is nothing to say here.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from runs.lineage import Link
from runs.principle_views import add_principle_views
from runs.store import Store
from runs.views import Made, sharded_view

if TYPE_CHECKING:
    import duckdb

TOWARD = """
select principle, coalesce(weight, 1.0), toward, chosen, rejected, iteration from signal where toward is not null
"""
DISAGREEING = """
select a.principle, b.principle, count(*), avg(((a.vote > 0.5) <> (b.vote > 0.5))::int) as apart
from votes a join votes b on a.judgment = b.judgment and a.iteration = b.iteration and a.principle < b.principle
where a.vote <> 0.5 and b.vote <> 0.5 group by all order by apart desc, a.principle, b.principle
"""
UNDECIDED = """
select any_value(prompts.messages), count(*)
from votes join responses on responses.digest = votes.first and responses.iteration = votes.iteration
join prompts on prompts.digest = responses.prompt and prompts.iteration = votes.iteration
group by prompts.digest having coalesce(bool_and(vote = 0.5), true) order by prompts.digest
"""
Features = Mapping[str, Mapping[str, float]]
"""Something that answers have more or less of -> the digest of an answer -> how much."""
TOKENS = "tokens"


class Vote(NamedTuple):
    """How far a vote lies on the side of the chosen answer of a pair, by the weight of its principle."""

    toward: float
    chosen: str
    rejected: str
    iteration: int


@dataclass(frozen=True)
class Pull:
    """What one principle said of the pairs that were made: `pairs` are those on which it has a vote that can be read.

    Of all votes, one of each member of a panel, each counted by its weight and by how far it is from one half, `share`
    were its own, and of these `against` preferred the rejected answer. `prefers` has for each feature how much more of
    it the answers have that it prefers, by the same count. The principle "" stands for several that were shown in one
    question.
    """

    principle: str
    pairs: int
    share: float
    against: float
    prefers: dict[str, float]


@dataclass(frozen=True)
class Signal:
    """By principle, the largest share first; of each two how often they disagree where both decide; and the prompts
    on which no principle prefers any answer, as texts."""

    pulls: tuple[Pull, ...] = ()
    disagreements: tuple[tuple[str, str, int, float], ...] = ()
    undecided: tuple[str, ...] = ()


def signal(store: Store, links: Sequence[Link], features: Features | None = None) -> Signal:
    """What the principles gave to the training of these iterations; nothing where no votes are kept.

    Beside `features` the answers' lengths in tokens are one.
    """
    with _votes(store, links) as connection:
        rows = connection.execute(TOWARD).fetchall()
        lengths = dict(connection.execute("select digest, len(token_ids) from responses").fetchall())
        return Signal(
            _pulls(rows, {TOKENS: lengths, **(features or {})}),
            tuple(connection.execute(DISAGREEING).fetchall()),
            tuple(_text(messages) for messages, _ in connection.execute(UNDECIDED).fetchall()),
        )


def _votes(store: Store, links: Sequence[Link]) -> "duckdb.DuckDBPyConnection":
    """The views by principle over the step `judge` of these iterations and what it is about."""
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": 1})
    made = [Made("", link.iteration.index, step, output) for link in links for step, output in link.outputs.items()]
    wanted = {
        "judgments": ("judge",),
        "pairs": ("pair",),
        "responses": ("generate", "pair"),
        "prompts": ("prompts",),
    }
    for view, steps in wanted.items():
        connection.register(view, sharded_view(store, view, [one for one in made if one.step in steps]))
    add_principle_views(connection, store)
    return connection


def _pulls(rows: Sequence[tuple[str, float, float, str, str, int]], features: Features) -> tuple[Pull, ...]:
    by_principle: dict[str, list[Vote]] = defaultdict(list)
    for principle, weight, toward, chosen, rejected, iteration in rows:
        by_principle[principle].append(Vote(weight * toward, chosen, rejected, iteration))
    whole = math.fsum(abs(vote.toward) for votes in by_principle.values() for vote in votes)
    found = [_pull(principle, votes, whole, features) for principle, votes in by_principle.items()]
    return tuple(sorted(found, key=lambda one: (-one.share, one.principle)))


def _pull(principle: str, votes: Sequence[Vote], whole: float, features: Features) -> Pull:
    own = math.fsum(abs(vote.toward) for vote in votes)
    prefers = {}
    for name, of in features.items():
        known = [(v.toward, of[v.chosen] - of[v.rejected]) for v in votes if v.chosen in of and v.rejected in of]
        if weight := math.fsum(abs(toward) for toward, _ in known):
            prefers[name] = math.fsum(toward * more for toward, more in known) / weight
    against = math.fsum(-vote.toward for vote in votes if vote.toward < 0)
    pairs = {(vote.iteration, vote.chosen, vote.rejected) for vote in votes}
    return Pull(principle, len(pairs), own / whole if whole else 0.0, against / own if own else 0.0, prefers)


def _text(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(str(message["content"]) for message in messages)
