"""Statements that people voted on: what all groups of opinion hold, as in Collective Constitutional AI (2406.07814).

Groups are found as Polis finds them (Small et al. 2021, "Polis: Scaling Deliberation by Mapping High Dimensional
Opinion Spaces"): each voter's votes, projected on two principal components, in the k of k-means, 2 to 5, whose
silhouette is the largest, each with people enough to be one. Which statement becomes a principle is decided by the
votes of every group alone, so that no group is outvoted by a larger one.

scikit-learn and numpy are imported where they are used.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from constitutions.importing.draft import Draft, LeftOut, drafted, id_of
from constitutions.principle import Votes
from runs.counted import counted as number
from runs.errors import ConfigError

Vote = Literal[-1, 0, 1]
SAID: dict[str, Vote] = {"-1": -1, "0": 0, "1": 1, "disagree": -1, "pass": 0, "agree": 1}
COLUMNS = {
    "text": ("comment-body", "statement", "text"),
    "id": ("comment-id", "statement-id", "id"),
    "voter": ("voter-id", "voter", "participant"),
    "vote": ("vote",),
}
"""What a column holds, and what it may be called: by Polis' exports first."""
REJECTED = "-1"  # by Polis' moderators, in the column `moderated`
MOST_GROUPS = 5
LEAST_VOTES = 7
"""So many votes place a voter in a group, as Polis has it; or on half of the statements, where there are few."""
LEAST_OF_A_GROUP, LEAST_SHARE = 3, 0.1
"""So many voters, and such a share of all, are a group; fewer are odd people, who would have a veto."""
SEED = 0


@dataclass(frozen=True)
class Statement:
    """What was voted on, where it stands in the file, and each voter's last vote on it."""

    id: str
    place: str
    text: str
    votes: Mapping[str, Vote]


@dataclass(frozen=True)
class Counted:
    """A statement with the votes of each group, and its consensus: the product of the groups' shares (0..1)."""

    statement: Statement
    by_group: Mapping[str, Votes]

    @property
    def shares(self) -> list[float]:
        """How probably somebody of each group agrees, by its votes and one more of each kind: (agree + 1) / (all + 2).

        A group of which nobody voted is undecided: 0.5.
        """
        groups = self.by_group.values()
        return [(one.agree + 1) / (one.agree + one.disagree + one.passed + 2) for one in groups]

    @property
    def consensus(self) -> float:
        """Polis' group-aware consensus."""
        return math.prod(self.shares)


def read_votes(file: str, text: str, votes_file: str, votes: str | None, min_agreement: float) -> Draft:
    """Of the statements those that every group holds, the most agreed first.

    A group holds a statement with which somebody of it agrees with a probability of at least `min_agreement` (0..1).
    `text` is the CSV of the statements. Votes stand in it too, one a row, or in `votes`, another CSV, by statements'
    ids. Raises ConfigError for files that are not of that form, and for votes of too few people.
    """
    statements = read_statements(file, text, votes_file, votes)
    groups = opinion_groups(statements, file if votes is None else votes_file)
    sizes = Counter(sorted(groups.values()))
    people = ", ".join(f"{n} people in {one}" for one, n in sizes.items())
    counted = count_by_group(statements, groups)
    held = [one for one in counted if min(one.shares) >= min_agreement]
    if not held:
        most = max(counted, key=lambda one: min(one.shares))
        least = math.floor(100 * min(most.shares)) / 100
        hint = (
            f"; most so the one of {most.statement.place}, which takes --min-agreement {least:g}"
            if least >= 0.5
            else ""
        )
        raise ConfigError(
            f"{file}: --min-agreement {min_agreement:g}: {number(len(sizes), 'group')} of opinion, and no statement "
            f"that each of them holds so surely{hint}"
        )
    held.sort(key=lambda one: -one.consensus)
    return Draft(
        tuple(
            drafted(
                file,
                one.statement.place,
                id_of(one.statement.text),
                one.statement.text,
                provenance={"votes": dict(one.by_group)},
            )
            for one in held
        ),
        left_out=tuple(
            LeftOut(file, one.statement.place, one.statement.text, "not every group of opinion holds it", one.by_group)
            for one in counted
            if one not in held
        ),
        remarks=(f"{number(len(sizes), 'group')} of opinion: {people}",),
        groups=sizes,
    )


def count_by_group(statements: Sequence[Statement], groups: Mapping[str, str]) -> list[Counted]:
    """The statements with the votes of each group of opinion; of whoever is in none, none."""
    counted = []
    for statement in statements:
        tallies = {group: Counter[Vote]() for group in sorted(set(groups.values()))}
        for voter, vote in statement.votes.items():
            if voter in groups:
                tallies[groups[voter]][vote] += 1
        by_group = {group: Votes(agree=own[1], disagree=own[-1], passed=own[0]) for group, own in tallies.items()}
        counted.append(Counted(statement, by_group))
    return counted


def opinion_groups(statements: Sequence[Statement], file: str) -> dict[str, str]:
    """The group of each voter who voted enough: `group-1` is the largest. Raises ConfigError for too few of them.

    `file` is where the votes stand.
    """
    cast = Counter(voter for statement in statements for voter in statement.votes)
    enough = min(LEAST_VOTES, math.ceil(len(statements) / 2))
    voters = sorted(voter for voter, count in cast.items() if count >= enough)
    if len(voters) < 2 * LEAST_OF_A_GROUP:
        raise ConfigError(
            f"{file}: {len(voters)} people voted on {enough} statements or more: too few to find groups of opinion; "
            f"{2 * LEAST_OF_A_GROUP} are the least"
        )
    labels = _clustered(statements, voters)
    order = [label for label, _ in Counter(labels).most_common()]
    return {voter: f"group-{order.index(label) + 1}" for voter, label in zip(voters, labels, strict=True)}


def _clustered(statements: Sequence[Statement], voters: Sequence[str]) -> list[int]:
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import silhouette_score

    # Shape letters: V voters, S statements. A vote that was not cast is what people said of the statement on average.
    votes_V_S = np.array([[one.votes.get(voter, math.nan) for one in statements] for voter in voters], dtype=float)
    cast_V_S = ~np.isnan(votes_V_S)
    means_S = np.nansum(votes_V_S, axis=0) / np.maximum(1, cast_V_S.sum(axis=0))
    filled_V_S = np.where(cast_V_S, votes_V_S, means_S)
    places_V_2: np.ndarray = PCA(min(2, len(statements)), random_state=SEED).fit_transform(filled_V_S)
    # Who voted little lies near the middle for that alone: Polis moves everybody out by what is missing.
    places_V_2 *= np.sqrt(len(statements) / cast_V_S.sum(axis=1))[:, None]
    different = len(np.unique(places_V_2.round(9), axis=0))
    best: list[int] = [0] * len(voters)
    best_score = -math.inf
    for k in range(2, min(MOST_GROUPS, different, len(voters) - 1) + 1):
        labels = KMeans(k, n_init=10, random_state=SEED).fit_predict(places_V_2)
        smallest = np.bincount(labels).min()
        score = float(silhouette_score(places_V_2, labels))
        if score > best_score and smallest >= max(LEAST_OF_A_GROUP, LEAST_SHARE * len(voters)):
            best, best_score = [int(label) for label in labels], score
    return best


def read_statements(file: str, text: str, votes_file: str, votes: str | None) -> list[Statement]:
    """The statements with their votes, in the order of the file; those that moderators rejected are left out."""
    rows = _rows(file, text)
    texts: dict[str, tuple[str, str]] = {}
    for line, row in rows:
        said = _column(file, row, "text")
        if row.get("moderated") != REJECTED and said.strip():
            texts.setdefault(_id(row, said), (f"line {line}", said.strip()))
    cast: dict[str, dict[str, Vote]] = {id: {} for id in texts}
    where, voted = (votes_file, _rows(votes_file, votes)) if votes is not None else (file, rows)
    for line, row in voted:
        id = _column(where, row, "id") if votes is not None else _id(row, _column(where, row, "text"))
        said = _column(where, row, "vote").strip().lower()
        if said not in SAID:
            raise ConfigError(f"{where}: line {line}: vote = {said!r}: must be one of {', '.join(SAID)}")
        if id in cast:
            cast[id][_column(where, row, "voter")] = SAID[said]
    return [Statement(id, place, said, cast[id]) for id, (place, said) in texts.items()]


def _rows(file: str, text: str) -> list[tuple[int, dict[str, str]]]:
    """Each row by its column's names in small letters, with the line on which it ends."""
    reader = csv.DictReader(io.StringIO(text), restval="")
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    try:
        return [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise ConfigError(f"{file}: line {reader.line_num}: {error}") from error


def _id(row: Mapping[str, str], text: str) -> str:
    return next((row[name] for name in COLUMNS["id"] if row.get(name)), text.strip())


def _column(file: str, row: Mapping[str, str], what: str) -> str:
    for name in COLUMNS[what]:
        if name in row:
            return row[name]
    raise ConfigError(
        f"{file}: no column {' or '.join(COLUMNS[what])}; there are {', '.join(map(str, row))}. Of Polis' export give "
        "comments.csv, and votes.csv with --votes"
    )
