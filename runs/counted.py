"""A number of things in words."""


def counted(count: int, noun: str) -> str:
    """`1 pair`, `1,200 pairs`: the number and what is counted, whose plural ends in s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
