"""Which pairs are put to people, whatever it is that makes them worth it."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from loop.people.choosing import REASONS, Offer, Why, choose


def offer(number: int, **worth: float) -> Offer:
    kinds: dict[Why, float] = {name.replace("_", "-"): value for name, value in worth.items()}  # type: ignore[misc]
    return Offer(f"prompt {number}", (f"a {number}", f"b {number}"), kinds)


EVERYTHING = [offer(n, disputed=n % 7, uncertain=n % 11, outlying=n % 13, high_stakes=n % 17) for n in range(60)]


def test_the_most_worthwhile_come_first() -> None:
    chosen = choose([offer(n, disputed=n) for n in range(10)], 3, "disputed", 0)
    assert [one.offer.prompt for one in chosen] == ["prompt 9", "prompt 8", "prompt 7"]


def test_mixed_is_equal_shares() -> None:
    assert Counter(one.why for one in choose(EVERYTHING, 20, "mixed", 0)) == dict.fromkeys(REASONS, 5)


def test_a_reason_that_has_no_more_leaves_its_share_to_the_others() -> None:
    offers = [offer(0, disputed=1.0), *(offer(n, uncertain=1.0, outlying=1.0) for n in range(1, 20))]
    shares = Counter(one.why for one in choose(offers, 11, "mixed", 0))
    assert shares == {"disputed": 1, "uncertain": 5, "outlying": 5}


def test_of_a_prompt_one_pair_is_taken_at_most() -> None:
    offers = [Offer("one prompt", (str(n), "x"), {"disputed": 1.0, "uncertain": 1.0}) for n in range(10)]
    assert len(choose(offers, 5, "mixed", 0)) == 1


def test_what_no_reason_speaks_for_is_not_taken() -> None:
    assert choose([offer(0, uncertain=1.0)], 5, "disputed", 0) == []


def test_equals_are_decided_by_lot() -> None:
    equal = [offer(n, disputed=1.0) for n in range(50)]
    first = {choose(equal, 1, "disputed", seed)[0].offer.prompt for seed in range(40)}
    assert len(first) > 20


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 60))
def test_the_order_of_the_offers_does_not_matter(seed: int, n: int) -> None:
    turned = list(EVERYTHING)
    random.Random(seed).shuffle(turned)
    assert choose(turned, n, "mixed", 3) == choose(EVERYTHING, n, "mixed", 3)
