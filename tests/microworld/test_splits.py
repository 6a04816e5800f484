from collections import Counter

import pytest

from microworld import splits
from microworld.phrasings import FAMILIES
from microworld.splits import BOUNDS, prompts, split_of
from runs.canonical import digest
from runs.records import Split

# A changed grammar or split moves every figure that was ever measured: these pins make it a decision.
PINS = {
    "train": "s1:a294f607b0158cd6690bae297649d76de388bfabaf18a75a57d10cb715740847",
    "held-out": "s1:973fd72f288039436556d0cd8d92f1a150bdefdaf527ffd4fec7fe5abfa89726",
    "anchor": "s1:a3b380e53e24274a303527d4360d611affe10148c458d99c4ff9369002256bd2",
    "never": "s1:3eabdb3584aa0a670948f2873a96df89eec2589b2d8d018d08ffa9ca5b3da0ec",
}


@pytest.mark.parametrize("split", PINS)
def test_the_prompts_of_a_split_are_pinned(split: Split) -> None:
    assert digest([prompt.digest for prompt in prompts(split, 500, seed=0)]) == PINS[split]


def test_no_prompt_is_in_two_splits() -> None:
    drawn = [{p.digest for seed in (0, 1) for p in prompts(split, 200, seed)} for split, _ in BOUNDS]
    assert sum(map(len, drawn)) == len(set().union(*drawn))


def test_a_prompt_says_the_split_that_its_digest_decides() -> None:
    for split, _ in BOUNDS:
        assert all(p.split == split == split_of(p.digest) for p in prompts(split, 60, seed=3))


def test_families_and_difficulties_are_balanced_and_no_prompt_comes_twice() -> None:
    drawn = prompts("held-out", 2 * 3 * len(FAMILIES), seed=5)
    assert set(Counter((p.tags["family"], p.tags["difficulty"]) for p in drawn).values()) == {2}
    assert len({p.digest for p in drawn}) == len(drawn)


def test_a_longer_list_begins_with_the_shorter_one() -> None:
    assert prompts("train", 50, seed=1) == prompts("train", 80, seed=1)[:50]


def test_another_seed_gives_other_prompts() -> None:
    assert prompts("train", 39, seed=1) != prompts("train", 39, seed=2)


def test_the_families_can_be_chosen() -> None:
    assert {p.tags["family"] for p in prompts("train", 9, seed=0, families=["private", "sort"])} == {"private", "sort"}


def test_asking_for_more_prompts_than_a_split_has_says_which_family_is_used_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(splits, "PATIENCE", 50)  # else the last few prompts are searched for seconds
    with pytest.raises(ValueError, match=r"family unknown at difficulty \d .* fewer"):
        prompts("anchor", 1000, seed=0, families=["unknown"])
