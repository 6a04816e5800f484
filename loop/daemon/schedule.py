"""When a submitted run may go on: from some time, at an interval, or by a cron line. Pure: times in, times out."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from runs.errors import UsageError

DURATION = re.compile(r"([1-9][0-9]{0,6})([smhd])")
NOW = "now"
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Frozen(BaseModel):
    """A record of the daemon's: what is on the disk, and what goes over the socket."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Schedule(Frozen):
    """Exactly one of three. A run waits for `at` once; each bell of the other two allows it one iteration more."""

    at: AwareDatetime | None = None
    """The run may begin at this time."""
    every_s: Annotated[int, Field(ge=1)] | None = None
    """One iteration at once, and one more each time that so many seconds have passed."""
    cron: str | None = None
    """One iteration at each of the times that this line of crontab means, in UTC: minute hour day month weekday."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in (self.at, self.every_s, self.cron)) != 1:
            raise ValueError("a schedule is one of at, every_s and cron")
        return self

    @field_validator("cron")
    @classmethod
    def _means_something(cls, cron: str | None) -> str | None:
        if cron is not None and _next_of_cron(cron, datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise ValueError(f"the cron line {cron!r} never comes")
        return cron

    @property
    def repeats(self) -> bool:
        """Whether it rings more than once."""
        return self.at is None

    def next_bell(self, submitted: datetime, rung: datetime | None) -> datetime | None:
        """The first bell after `rung`, the last one that was answered; None if there is none any more."""
        if self.at is not None:
            return self.at if rung is None else None
        if self.cron is not None:
            return _next_of_cron(self.cron, rung or submitted)
        assert self.every_s is not None
        if rung is None:
            return submitted
        step = timedelta(seconds=self.every_s)
        return submitted + ((rung - submitted) // step + 1) * step


def schedule_of(at: str | None, every: str | None, cron: str | None, now: datetime) -> Schedule | None:
    """The schedule that the command line spells at `now`; None if it spells none. Raises UsageError."""
    try:
        if at is None and every is None and cron is None:
            return None
        schedule = Schedule(
            at=None if at is None else now if at == NOW else datetime.fromisoformat(at).astimezone(UTC),
            every_s=None if every is None else seconds_of(every),
            cron=cron,
        )
    except ValueError as error:
        said = " and ".join(
            f"--{name} {value!r}" for name, value in (("at", at), ("every", every), ("cron", cron)) if value is not None
        )
        raise UsageError(
            f"{said} is no schedule; give one of --at 2026-11-27T18:00 (local time), --every 90s|30m|1h|1d, "
            "--cron '0 20 * * 1-5' (UTC)"
        ) from error
    if schedule.at is not None and schedule.at < now:
        raise UsageError(
            f"--at {at} is {schedule.at:%Y-%m-%d %H:%M:%S} UTC, which is past: it is {now:%Y-%m-%d %H:%M:%S} UTC now. "
            f"Name a time to come, or --at {NOW}"
        )
    return schedule


def seconds_of(text: str) -> int:
    """The seconds of `90s`, `30m`, `1h` or `2d`. Raises ValueError."""
    found = DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no duration")
    return int(found[1]) * UNIT_S[found[2]]


def _next_of_cron(line: str, after: datetime) -> datetime | None:
    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger.from_crontab(line, timezone=UTC)
    found: datetime | None = trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
    return found
