"""What a sentence says by its words: whether it is to avoid something, the same as another, or the contrary."""

import re

WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")
NEGATIONS = frozenset(
    "not no never none nothing nobody neither nor without cannot isn't don't doesn't won't can't".split()
)
AVOIDING = NEGATIONS | frozenset(
    "avoid avoids avoiding refrain refrains refuse refuses prevent prevents exclude excludes less least fewer fewest"
    " minimise minimises minimize minimizes reject rejects stop stops".split()
)
OPPOSITES = (
    ("more", "less"), ("more", "fewer"), ("most", "least"), ("longer", "shorter"), ("long", "short"),
    ("public", "private"), ("encourage", "discourage"),
    ("encourages", "discourages"), ("allow", "forbid"), ("include", "exclude"), ("includes", "excludes"),
    ("harmful", "harmless"), ("honest", "dishonest"), ("follow", "break"), ("follows", "breaks"), ("help", "refuse"),
    ("helps", "refuses"), ("answer", "decline"), ("answers", "declines"), ("before", "after"), ("agree", "disagree"),
    ("agrees", "disagrees"), ("promote", "avoid"), ("promotes", "avoids"), ("formal", "informal"), ("first", "last"),
)  # fmt: skip
"""Words that turn a sentence round where one stands in the place of the other."""
EMPTY = frozenset(
    "a an the this that these which who am is are was were be been being do does did has have had please".split()
)
"""Words that mean nothing by themselves: two sentences that differ in such alone say the same."""


def words_of(text: str) -> list[str]:
    """The words of `text` in small letters, in order."""
    return WORD.findall(text.lower().replace("\u2019", "'"))


def content(text: str) -> tuple[str, ...]:
    """The words of `text` that mean something, in order; all of them where none does."""
    words = words_of(text)
    return tuple(word for word in words if word not in EMPTY) or tuple(words)


def avoids(text: str) -> bool:
    """Whether `text` says what is to be avoided, and not what is to be done: by its words alone."""
    return any(word in AVOIDING for word in words_of(text))


def contrary(a: str, b: str) -> bool:
    """Whether two texts that are much alike otherwise say the contrary: one is negated, or has a word's opposite."""
    words_a, words_b = set(words_of(a)), set(words_of(b))
    negated = sum(word in NEGATIONS for word in words_of(a)) + sum(word in NEGATIONS for word in words_of(b))
    only_a, only_b = words_a - words_b, words_b - words_a
    turned = sum((x in only_a and y in only_b) or (y in only_a and x in only_b) for x, y in OPPOSITES)
    # With a word's opposite in a negated sentence ("never shorter" and "longer") both say the same again.
    return (negated + turned) % 2 == 1
