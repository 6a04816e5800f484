"""What becomes of verdicts after a judge gave them. No setting reaches it: only `loop.faults` breaks judges."""

from collections.abc import Callable
from dataclasses import dataclass

from constitutions.load import Scale
from judges.dialogue import Item, Verdict


@dataclass(frozen=True)
class Warp:
    """A broken judge: what it says of an item instead of the verdict. The policy `spared` judges as it always did.

    `name` tells it from every other one, and stands in the keys of what it judges.
    """

    name: str
    spared: str
    verdict: Callable[[Item, Verdict, Scale], Verdict]

    def touches(self, policy: str) -> bool:
        """Whether the verdicts of `policy` are other ones."""
        return policy != self.spared
