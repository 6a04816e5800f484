"""The family of iterations as lines of text, newest first, drawn as git draws its log: a fork is where lines meet."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from runs.lineage import decision_of, iterations, made_by
from runs.records import Iteration
from runs.store import Store


@dataclass(frozen=True)
class Node:
    """An iteration in the family: the address under which it was made, its decision, and the names that point at it."""

    address: str
    digest: str
    parent: str
    verdict: str
    refs: tuple[str, ...]


def family(store: Store) -> list[Node]:
    """Every iteration that a run or a tag reaches, children before parents, one line of descent after the other."""
    nodes: dict[str, Iteration] = {}
    addresses: dict[str, str] = {}
    refs: defaultdict[str, list[str]] = defaultdict(list)
    for run in store.refs():
        for iteration in iterations(store, run):
            nodes[iteration.digest] = iteration
            addresses.setdefault(iteration.digest, f"{made_by(run, iteration.index)}@{iteration.index}")
        refs[run.iteration].append(f"tag {run.name}" if run.tag else run.name)
    return [
        Node(
            addresses[name],
            name,
            nodes[name].parent,
            str(decision_of(store, nodes[name])["verdict"]),
            tuple(refs[name]),
        )
        for name in _in_order({name: iteration.parent for name, iteration in nodes.items()})
    ]


def kin(family: list[Node], digest: str) -> list[Node]:
    """Those of the family that descend from the same iteration 0 as `digest`."""
    root: dict[str, str] = {}
    for node in reversed(family):
        root[node.digest] = root.get(node.parent, node.digest)
    return [node for node in family if root[node.digest] == root.get(digest)]


def draw(family: list[Node]) -> Iterator[tuple[str, Node | None]]:
    """The lines: what stands left of each iteration, and it; None where a line only joins two columns.

    An empty line stands between families: one under the other they would look like parent and child.
    """
    columns: list[str] = []  # the iteration that each column waits for
    for nth, node in enumerate(family):
        if nth and not columns:
            yield "", None
        places = [place for place, awaited in enumerate(columns) if awaited == node.digest]
        for place in reversed(places[1:]):
            yield "| " * (place - 1) + "|/", None
            del columns[place]
        if not places:
            columns.append(node.digest)
        at = places[0] if places else len(columns) - 1
        yield " ".join("*" if place == at else "|" for place in range(len(columns))), node
        if node.parent:
            columns[at] = node.parent
        else:
            del columns[at]


def _in_order(parents: dict[str, str]) -> list[str]:
    """Children before parents, and each line of descent whole, so that columns that meet stand side by side."""
    children: defaultdict[str, list[str]] = defaultdict(list)
    for name, parent in parents.items():
        children[parent].append(name)
    order: list[str] = []
    todo = list(children[""])
    while todo:  # parents first; a chain of thousands is too deep to recurse into
        name = todo.pop()
        order.append(name)
        todo += children[name]
    return order[::-1]
