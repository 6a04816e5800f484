"""How principles voted: what counts as a preference, and what is a verdict that turns with the order."""

from judges.letters import ORDERS
from judges.principle_votes import Voted, agreements, by_principle, preferences, undecided
from runs.records import Judgment, Reply, Unscored


def judgment(score: float | None, **read: tuple[float | None, ...]) -> Judgment:
    """By principle, how probable the first answer was found in the order AB, and in BA where that was asked too."""
    replies = tuple(
        Reply(principle, order, "", value)
        for principle, values in read.items()
        for order, value in zip(ORDERS, values, strict=False)
    )
    unscored = None if score is not None else Unscored.TIE
    ids = tuple(read)
    return Judgment(
        "pair", ("s1:a", "s1:b"), "s1:policy", "adapter", "pairwise", "s1:constitution", ids, replies, score, unscored,
        None, 0,
    )  # fmt: skip


def test_a_principle_prefers_nothing_where_one_of_the_orders_could_not_be_read() -> None:
    one = judgment(0.8, kind=(0.9, 0.7), half=(0.9, None), none=(None, None), even=(0.9, 0.1), single=(0.2,))
    assert preferences(one) == {"kind": 1, "half": 0, "none": 0, "even": 0, "single": -1}
    found = by_principle([one])
    assert found["half"] == Voted(asked=1) and found["even"] == Voted(asked=1, both=1, flipped=1)
    assert found["kind"] == Voted(1, 1, 1, 0, 1, 1) and found["single"] == Voted(1, 1, 0, 0, 1, 0)
    assert agreements([one, judgment(None, kind=(0.1, 0.2), single=(0.3,))]) == {("kind", "single"): (1, 2)}


def test_undecided_is_a_comparison_in_which_somebody_was_asked_and_nobody_prefers_an_answer() -> None:
    decided, open_, silent = judgment(0.8, kind=(0.9, 0.7)), judgment(None, kind=(0.9, None)), judgment(None)
    assert undecided([decided, open_, silent]) == [open_]
