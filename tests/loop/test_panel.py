"""What several judges conclude together of one case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.config_judge import Rule
from loop.panel import Bench, panel_metrics, together
from runs.records import Judgment, Target, Unscored

PAIR, ANSWER = ("a", "b"), ("a",)


def says(score: float | Unscored, who: str, judged: tuple[str, ...] = PAIR) -> Judgment:
    target: Target = "pair" if len(judged) == 2 else "response"
    number, reason = (None, score) if isinstance(score, Unscored) else (score, None)
    return Judgment(target, judged, who, "adapter", "m", "c", (), (), number, reason, number, 7)


def concluded(rule: Rule, *scores: float | Unscored, judged: tuple[str, ...] = PAIR) -> float | Unscored | None:
    members = [says(score, str(n), judged) for n, score in enumerate(scores)]
    verdict = together(members, Bench(tuple(own.adapter for own in members), rule))
    assert verdict.by == "panel" and verdict.adapter not in {own.adapter for own in members}
    return verdict.score if verdict.unscored is None else verdict.unscored


@pytest.mark.parametrize(
    ("rule", "scores", "verdict"),
    [
        ("mean", (0.9, 0.6), 0.75),
        ("mean", (0.9, 0.2), 0.55),
        ("mean", (0.7, 0.3), Unscored.TIE),
        ("mean", (0.9, Unscored.LOW_MASS), Unscored.LOW_MASS),
        ("unanimous", (0.9, 0.6), 0.75),
        ("unanimous", (0.9, 0.4), Unscored.ABSTAINED),
        ("unanimous", (0.9, 0.5), Unscored.ABSTAINED),
        ("unanimous", (0.9, 0.8, Unscored.TIE), Unscored.TIE),
        ("majority", (0.9, 0.7, 0.1), 0.8),
        ("majority", (0.1, 0.3, 0.9), 0.2),
        ("majority", (0.9, 0.1), Unscored.ABSTAINED),
        ("majority", (0.9, 0.8, Unscored.TRUNCATED), 0.85),
        ("majority", (0.9, 0.1, Unscored.TRUNCATED), Unscored.ABSTAINED),
        ("majority", (0.9, 0.8, Unscored.TRUNCATED, Unscored.TRUNCATED), Unscored.ABSTAINED),
    ],
)
def test_a_panel_concludes_by_its_rule(
    rule: Rule, scores: tuple[float | Unscored, ...], verdict: float | Unscored
) -> None:
    found = concluded(rule, *scores)
    assert found == (verdict if isinstance(verdict, Unscored) else pytest.approx(verdict))


def test_a_score_of_one_half_is_a_score_like_any_other() -> None:
    assert concluded("mean", 0.0, 1.0, judged=ANSWER) == 0.5


@given(st.lists(st.floats(0, 1) | st.sampled_from(list(Unscored)), min_size=1, max_size=7), st.randoms())
def test_the_order_of_the_members_does_not_matter(scores: list[float | Unscored], rng: "object") -> None:
    for rule in ("mean", "majority", "unanimous"):
        first, second = concluded(rule, *scores), concluded(rule, *reversed(scores))
        assert first == second or first == pytest.approx(second)  # type: ignore[arg-type]
    assert Bench(("x", "y"), "mean").digest == Bench(("y", "x"), "mean").digest != Bench(("x", "y"), "majority").digest


def test_members_that_judged_different_things_are_a_bug() -> None:
    with pytest.raises(ValueError, match="different things"):
        together([says(0.5, "x"), says(0.5, "y", ANSWER)], Bench(("x", "y"), "mean"))


def test_disagreement_and_what_it_drops_are_counted() -> None:
    who = Bench(("x", "y"), "unanimous")
    cases = [((0.9, 0.8), ("1", "2")), ((0.9, 0.1), ("3", "4")), ((0.9, Unscored.TIE), ("5", "6"))]
    rows = []
    for scores, judged in cases:
        members = [says(score, name, judged) for score, name in zip(scores, "xy", strict=True)]
        rows += [*members, together(members, who)]
    assert panel_metrics(rows, "judge/") == {
        "judge/panel_dropped_frac": pytest.approx(2 / 3),
        "judge/panel_split_frac": 0.5,
    }
    assert panel_metrics([row for row in rows if row.by != "panel"], "judge/") == {}
    scored = [says(2.0, "x", ANSWER), says(5.0, "y", ANSWER)]
    found = panel_metrics([*scored, together(scored, Bench(("x", "y"), "mean"))], "judge/")
    assert found == {"judge/panel_dropped_frac": 0.0, "judge/panel_spread_mean": 3.0}
