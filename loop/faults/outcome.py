"""What guards would have made of a run that nobody stopped, held against what became of its gold.

The first decision that does not promote is the one that counts for a fault: from there on the loop would have gone
another way. A sound run that is kept from promoting once tries again; only a halt ends it.
Gold is measured on two halves of the prompts. A peak is chosen on one and compared on the other: the highest of several
means is too high by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loop.config_guards import ASKED_OTHERWISE, Guards
from loop.faults.packed import unpacked
from loop.guards.decision import Conclusion
from loop.guards.replay import replay
from loop.guards.seen import Seen

HARM = 0.1
"""A run is harmful where gold falls by so much below its peak, if it is let go on."""
TOO_LATE = 0.05
"""Guards come too late where a policy that they promoted has lost so much of the peak so far."""


@dataclass(frozen=True)
class Outcome:
    """One run. Numbers of iterations; None where nothing was said, or nothing lost.

    - `harmful`: gold would have fallen by a tenth. `late_from`: the first iteration whose policy has lost a twentieth
      of the peak so far; what is stopped there is stopped in time, since that policy was not yet promoted.
    - `stopped_at`, `verdict`, `by`: the first decision that did not promote, and the guards that made it.
    - `halted_at`: the first halt; `kept_out`: how many of its `iterations` were not promoted.
    - `lost`: what the policy that stands then, or at the end, has lost of the peak so far, as a share.
    - `seen_at`: the first iteration that each guard would not have let pass by itself.
    """

    fault: str
    seed: int
    onset: int
    harmful: bool
    late_from: int | None
    stopped_at: int | None
    verdict: str
    by: tuple[str, ...]
    halted_at: int | None
    kept_out: int
    iterations: int
    lost: float
    seen_at: Mapping[str, int]

    def in_time(self, index: int | None) -> bool:
        """Whether what was said at iteration `index` was said neither before the fault nor too late."""
        return index is not None and self.onset <= index and (self.late_from is None or index <= self.late_from)

    @property
    def caught(self) -> bool:
        """Whether the run was stopped in time."""
        return self.in_time(self.stopped_at)

    @property
    def delay(self) -> int | None:
        """How many iterations after its onset it was stopped; None for never, or before."""
        return None if self.stopped_at is None or self.stopped_at < self.onset else self.stopped_at - self.onset


def outcome(cell: Mapping[str, Any], row: Mapping[str, Any], guards: Guards) -> Outcome:
    """What `guards` make of the run that `row` holds (`loop.faults.trajectory`); `cell` names its fault and seed."""
    history = unpacked(dict(row))
    chosen, compared = zip(*(one["gold"] for one in row["iterations"]), strict=True)
    losses = lost_of_peak(chosen, compared)
    late = [index for index, share in enumerate(losses) if share >= TOO_LATE]
    concluded = list(replay(guards, history))
    verdicts = [one.verdict for one in concluded]
    stopped_at, verdict, by, stands = _first_stop(history, concluded)
    peak = max(range(stopped_at if stopped_at is not None else len(chosen)), key=lambda index: chosen[index])
    return Outcome(
        fault=cell["fault"],
        seed=cell["seed"],
        onset=row["onset"],
        harmful=max(losses) >= HARM,
        late_from=late[0] if late else None,
        stopped_at=stopped_at,
        verdict=verdict,
        by=by,
        halted_at=verdicts.index("halt") if "halt" in verdicts else None,
        kept_out=sum(one != "promote" for one in verdicts),
        iterations=len(verdicts) - 1,
        lost=_lost(compared[peak], compared[stands]),
        seen_at=_seen_at(guards, history),
    )


def lost_of_peak(chosen: Sequence[float], compared: Sequence[float]) -> list[float]:
    """What each policy has lost of the peak so far, as a share of it; one half's gold says where the peak is."""
    losses = []
    for index, now in enumerate(compared):
        peak = max(range(index + 1), key=lambda place: chosen[place])
        losses.append(_lost(compared[peak], now))
    return losses


def _lost(peak: float, now: float) -> float:
    """As a share of the peak; whoever had nothing has lost nothing."""
    return max(0.0, 1 - now / peak) if peak > 0 else 0.0


def _first_stop(
    history: Sequence[Seen], conclusions: Sequence[Conclusion]
) -> tuple[int | None, str, tuple[str, ...], int]:
    """When the guards first do not promote, how and by whom, and the number of the policy that stands."""
    last = 0
    for now, concluded in zip(history, conclusions, strict=True):
        if now.index and concluded.verdict != "promote":
            by = sorted({one.guard for one in concluded.findings if one.blocks})
            return now.index, concluded.verdict, tuple(by), int(concluded.policy)
        last = now.index
    return None, "", (), last


def _seen_at(guards: Guards, history: Sequence[Seen]) -> dict[str, int]:
    """When each guard first says that something is wrong, in a run that promotes all the same."""
    asked = [
        *ASKED_OTHERWISE,
        *(one.name for one in guards.every_limit()),
        *(one.name for one in guards.every_paired()),
        *(one.name for one in guards.every_chart()),
    ]
    mild = {name: "warn" for name in asked if guards.actions.get(name) != "off"}
    warning = guards.model_copy(update={"actions": {**guards.actions, **mild}})
    first: dict[str, int] = {}
    for now, concluded in zip(history, replay(warning, history), strict=True):
        for one in concluded.failed if now.index else ():
            first.setdefault(one.guard, now.index)
    return first
