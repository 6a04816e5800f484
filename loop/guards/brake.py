"""What braking means: the next iteration learns more slowly, believes its labels less, and keeps an old answer in view.

Half the learning rate, again for each iteration that braked, down to an eighth: a policy that is far from the
seed brakes for as long as it is there, and is to go on learning; labels with the probability that the judge's
verdict deserves in place of certainty (1 / (1 + exp(-margin)), or its own over both orders where it compares); and one
answer of the seed policy's beside the new ones, that may be rejected and is never chosen, so that chosen and rejected
do not come too near. Evidence of a gain releases the brake, and the run's own settings count again.
"""

from typing import Any

from loop.config import Config

RATE, HARDEST = 0.5, 3


def braked(config: Config, level: int) -> dict[str, Any]:
    """The settings that differ from `config`'s in the next iteration, by dotted name; `level` 0 brakes not at all."""
    if not level:
        return {}
    changes: dict[str, Any] = {"train.learning_rate": config.train.learning_rate * RATE ** min(level, HARDEST)}
    if config.train.method == "dpo" and config.pair.source == "judge":
        if config.pair.labels == "hard":
            changes["pair.labels"] = "soft" if config.judge.compares else "margin"
        if config.generate.seed_samples == 0:
            changes["generate.seed_samples"] = 1
    return changes
