"""What systemd is told: that the daemon is there, that it moves, and that it needs time to end."""

import configparser
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import loop.daemon
from loop.daemon.notify import Notifier
from loop.daemon.serve import WATCH_S, Watch
from loop.daemon.work import Daemon
from loop.progress import Event

UNIT = Path(loop.daemon.__file__).with_name("selfsame.service")


class Systemd:
    """Listens as systemd does."""

    def __init__(self, name: str, **more: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind("\0" + name)
        self.environment = {"NOTIFY_SOCKET": "@" + name} | more

    def heard(self) -> dict[str, str]:
        """All that was told since the last time."""
        told: dict[str, str] = {}
        while True:
            try:
                told |= dict(line.split("=", 1) for line in self._socket.recv(4096).decode().splitlines())
            except BlockingIOError:
                return told

    def close(self) -> None:
        """Be gone."""
        self._socket.close()


@pytest.fixture
def systemd(request: pytest.FixtureRequest) -> Iterator[Systemd]:
    """One that waits for a sign of life every 20 s."""
    systemd = Systemd(f"selfsame-test-{os.getpid()}", WATCHDOG_USEC="20000000")
    yield systemd
    systemd.close()


def aged(daemon: Daemon, seconds: float) -> None:
    """As if nothing had got done for so long."""
    daemon.progress._last -= seconds


def test_a_loop_that_moves_gives_a_sign_of_life_and_one_that_only_lives_does_not(
    daemon: Daemon, systemd: Systemd, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(daemon, Notifier(systemd.environment))
    assert watch.every_s == min(WATCH_S, 10)
    watch.look()
    assert systemd.heard() == {"STATUS": "waiting for work", "WATCHDOG": "1"}
    aged(daemon, 21)
    watch.look()
    watch.look()
    assert "WATCHDOG" not in systemd.heard()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    daemon._hear(Event("shard", "r1@1/judge", 3, 12))
    watch.look()
    assert "WATCHDOG" in systemd.heard()


def test_a_training_that_beats_counts_as_moving_and_one_that_does_not_is_silent(
    daemon: Daemon, systemd: Systemd
) -> None:
    watch = Watch(daemon, Notifier(systemd.environment))
    beat = daemon.store.scratch / ("0" * 64) / "out" / "beat"
    beat.parent.mkdir(parents=True)
    for step in range(3):
        beat.write_text(str(step))
        os.utime(beat, ns=(0, step))
        aged(daemon, 21)
        watch.look()
        assert "WATCHDOG" in systemd.heard()
    aged(daemon, 21)
    watch.look()
    assert "WATCHDOG" not in systemd.heard()


def test_time_is_asked_for_while_the_last_shard_moves(daemon: Daemon, systemd: Systemd) -> None:
    watch = Watch(daemon, Notifier(systemd.environment))
    daemon.stop("SIGTERM")
    watch.look()
    told = systemd.heard()
    assert int(told["EXTEND_TIMEOUT_USEC"]) > 2e6 * watch.every_s and "SIGTERM" in told["STATUS"]
    aged(daemon, 21)
    watch.look()
    assert "EXTEND_TIMEOUT_USEC" not in systemd.heard()


def test_a_name_in_the_status_is_no_message_of_its_own(systemd: Systemd) -> None:
    Notifier(systemd.environment).tell(STATUS="one\nWATCHDOG=1")
    assert systemd.heard() == {"STATUS": "one WATCHDOG=1"}


def test_what_the_daemon_starts_cannot_speak_for_it(systemd: Systemd) -> None:
    environment = dict(systemd.environment)
    assert Notifier(environment).watchdog_s == 20
    assert environment == {}


def test_nobody_listening_or_a_listener_that_is_gone_is_no_error(systemd: Systemd) -> None:
    Notifier({}).tell(READY="1")
    gone = Notifier(dict(systemd.environment))
    systemd.close()
    gone.tell(READY="1")


def test_the_unit_that_is_shipped_says_what_the_daemon_needs() -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(UNIT.read_text(encoding="utf-8"))
    service = dict(unit["Service"])
    assert service["ExecStart"].endswith("selfsame daemon run")
    wanted = {
        "Type": "notify",
        "KillMode": "mixed",
        "OOMPolicy": "continue",
        "Restart": "on-failure",
        "RestartPreventExitStatus": "2 3 78 130",
    }
    assert {name: service[name] for name in wanted} == wanted
    assert service["WatchdogSec"] and unit["Unit"]["StartLimitBurst"] == "5"
