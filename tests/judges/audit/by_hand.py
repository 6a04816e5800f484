"""What the audit's tests are made of: a judged pair, and statistics by their names."""

from judges.audit.records import (
    JudgedPair,
)
from judges.audit.statistic import Statistic
from judges.statistics import Label
from runs.records import Unscored

FAILED = Unscored.NO_VERDICT


def pair(ab: float | Unscored, ba: float | Unscored | None, label: Label | None = "a", **more: object) -> JudgedPair:
    return JudgedPair(label, ab, ba, **{"length_a": 10, "length_b": 10} | more)  # type: ignore[arg-type]


def named(statistics: tuple[Statistic, ...]) -> dict[str, Statistic]:
    return {one.name.split("/")[1]: one for one in statistics}
