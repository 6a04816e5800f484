"""What may ask over the socket, what it may ask, and what is answered. The loop does not turn here."""

import http.client
import json
import os
import random
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from loop.daemon import client
from loop.daemon.api import ENDPOINTS, MOST_BYTES, application, openapi
from loop.daemon.client import HOST, INSTANCE, ask, find_daemon, whereabouts_path
from loop.daemon.listening import bind, listening, socket_path
from loop.daemon.work import Daemon
from runs.canonical import digest_folder
from runs.durable import read_checked, write_checked
from runs.errors import BusyError, UsageError
from tests.loop.daemon.living import NOON, Person, living, owned, put, tiny_config

GETS = [one.path for one in ENDPOINTS if one.method == "GET"]
POSTS = [one.path.replace("{name}", "r1") for one in ENDPOINTS if one.method == "POST"]
NOBODY = 65534
STRANGE_HOSTS = (
    *("evil.example", "selfsame.evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:8265", "[::1]", "[::1]:80"),
    *("selfsame:80", "localhost:8080", "LOCALHOST.", "selfsame.", "0.0.0.0", "selfsame, evil.example", "selfsame@x"),
    *("127.0.0.1.nip.io", "2130706433", "[::ffff:7f00:1]", "localhost\t.x", "selfsame/..", "%73elfsame", "::1", "*"),
    *("selfsame:", "selfsame#", "selfsame?", "localhost.localdomain", "127.1", "0x7f000001", "xn--slfsame-wxa", None),
)
OF_WEB_PAGES: tuple[tuple[dict[str, str | None], int], ...] = (
    ({"Content_Type": "text/plain"}, 415),
    ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
    ({"Content_Type": None}, 415),
    ({"Origin": "null"}, 403),
    ({"Origin": "https://evil.example"}, 403),
    ({"Sec_Fetch_Site": "cross-site"}, 403),
    ({"Sec_Fetch_Site": "same-origin"}, 403),
    ({INSTANCE: None}, 403),
    ({INSTANCE: "0" * 32}, 421),
)


@pytest.fixture
def api(daemon: Daemon) -> Iterator["Api"]:
    """The daemon's socket, served; one run waits in the queue."""
    put(daemon, "r1", tiny_config())
    with listening(daemon.store.home, daemon.instance, lambda: application(daemon)):
        yield Api(daemon)


class Api:
    """Asks as no client of ours would."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.path = socket_path(daemon.store.home)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str | None) -> tuple[int, dict[str, str], Any]:
        """Status, headers and document. Headers as of our own client, but for those given (`None`: left out)."""
        own = {"Host": HOST, INSTANCE: self.daemon.instance, "Content-Type": "application/json"}
        sent = own | {name.replace("_", "-"): value for name, value in headers.items()}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.path))
            lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items() if value)]
            if method == "POST" and "Content-Length" not in sent:
                lines.append(f"Content-Length: {len(body)}")
            connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
            reply = http.client.HTTPResponse(connection, method=method)
            reply.begin()
            data = reply.read()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, _document(data)

    def unchanged(self) -> tuple[bytes, str]:
        """What no refused request may change."""
        return (self.daemon.store.home / "control" / "queue.json").read_bytes(), self.daemon.stopping


def _document(data: bytes) -> Any:
    """The JSON that came; None where there is none, as from the server before our door."""
    try:
        return json.loads(data)
    except ValueError:
        return None


def test_only_its_owner_may_open_the_socket_and_nothing_listens_on_a_network(api: Api) -> None:
    assert stat.S_IMODE(api.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(api.path.parent.stat().st_mode) == 0o700
    sockets = {os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()}
    listening = [
        line.split()[9]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    assert not {f"socket:[{inode}]" for inode in listening} & sockets


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("opened", [False, True], ids=["by the permissions", "by the kernel's word for who it is"])
def test_another_user_is_not_let_in(api: Api, opened: bool) -> None:
    if opened:
        api.path.chmod(0o777)
        for folder in (api.path.parent, *api.path.parent.parents):
            if folder.stat().st_uid == 0 and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o055)
    program = (
        f"import os, socket; os.setgid({NOBODY}); os.setuid({NOBODY}); s = socket.socket(socket.AF_UNIX);"
        f"s.settimeout(10); s.connect({str(api.path)!r});"
        f"s.sendall(b'GET /v1/daemon HTTP/1.1\\r\\nHost: {HOST}\\r\\n\\r\\n'); print(len(s.recv(100)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)
    refused = "ConnectionResetError" in done.stderr or "BrokenPipeError" in done.stderr
    assert (refused or done.stdout == "0\n") if opened else "PermissionError" in done.stderr, done
    assert api.ask("GET", "/v1/daemon")[0] == 200


def test_a_name_that_is_not_on_the_list_is_not_answered(api: Api) -> None:
    before = api.unchanged()
    for host in STRANGE_HOSTS:
        for method, path in (("GET", "/v1/daemon"), ("POST", "/v1/stop")):
            status, _, answer = api.ask(method, path, b"{}", Host=host)
            assert status in (400, 421) and "daemon" not in (answer or {}), host
    assert api.unchanged() == before


def test_what_a_web_page_could_send_changes_nothing(api: Api) -> None:
    before = api.unchanged()
    for path in POSTS:
        for headers, refused in OF_WEB_PAGES:
            assert api.ask("POST", path, b"{}", **headers)[0] == refused, (path, headers)
    assert api.unchanged() == before


def test_a_body_that_is_too_large_is_refused_before_it_is_there(api: Api) -> None:
    before = api.unchanged()
    body = b"{" + b" " * MOST_BYTES
    assert api.ask("POST", "/v1/stop", body, Content_Length=str(100 * 2**20))[0] == 413
    assert api.ask("POST", "/v1/stop", b" " * (MOST_BYTES - 2) + b"{}")[0] == 200
    assert api.unchanged() == (before[0], "selfsame daemon stop")


def test_no_body_at_all_brings_it_down_or_changes_anything(api: Api) -> None:
    rng = random.Random(4)
    pieces = [b"{", b"}", b"[", b"]", b'"ticket"', b":", b",", b"NaN", b"1e999", b"null", b'"\xff"', b"\x00", b"true"]
    bodies = [b"".join(rng.choices(pieces, k=rng.randint(0, 12))) for _ in range(150)]
    bodies += [b"[" * 30_000, b'{"a":' * 8_000, b'{"ticket": "../../etc/passwd"}', b'{"ticket": "' + b"0" * 32 + b'"}']
    bodies += [b'{"unknown": 1}', b'{"ticket": "%s", "config": {}}' % (b"0" * 32)]
    before = api.unchanged()
    for body in bodies:
        for path in ("/v1/queue", "/v1/tags"):
            status, _, answer = api.ask("POST", path, body)
            assert status == 400 and set(answer) == {"error", "exit_code"}, (body[:80], status, answer)
    assert api.ask("POST", "/v1/stop", b'{"now": true}')[0] == 400
    assert api.unchanged() == before


def test_reading_changes_nothing_and_no_other_site_may_read(api: Api) -> None:
    store = api.daemon.store
    before = digest_folder(store.home / "control"), digest_folder(store.home / "objects")
    for _ in range(50):
        for path in GETS:
            status, headers, _ = api.ask("GET", path)
            assert status == 200
            assert not [name for name in headers if name.startswith("access-control")]
    assert (digest_folder(store.home / "control"), digest_folder(store.home / "objects")) == before


def test_every_answer_says_which_daemon_gave_it(api: Api) -> None:
    for method, path, status in (("GET", "/v1/daemon", 200), ("GET", "/", 404), ("PUT", "/v1/stop", 404)):
        got, headers, _ = api.ask(method, path)
        assert (got, headers[INSTANCE.lower()]) == (status, api.daemon.instance)


def test_the_openapi_document_has_every_route_and_no_other_and_what_each_takes(api: Api) -> None:
    served = api.ask("GET", "/v1/openapi.json")[2]
    assert served == openapi()
    routes = {(route.path, method.lower()) for route in application(api.daemon).routes for method in route.methods}
    described = {(path, method) for path, operations in served["paths"].items() for method in operations}
    assert described == {(path, method) for path, method in routes if method != "head"}
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(served)))
    assert references == {f"#/components/schemas/{name}" for name in served["components"]["schemas"]}
    body = served["components"]["schemas"]["Submit"]
    assert body["additionalProperties"] is False and body["required"] == ["ticket"]


def test_nothing_that_can_be_asked_for_names_a_file_or_an_address(api: Api) -> None:
    schemas = openapi()["components"]["schemas"]
    texts = [(name, field, about) for name, one in schemas.items() for field, about in one["properties"].items()]
    for name, field, about in texts:
        assert not re.search("path|file|folder|url|uri|host|address", field), (name, field)
        assert "uri" not in json.dumps(about.get("format", "")), (name, field)
    # A text that is not bounded by a pattern, a length or a choice could be anything.
    free = [
        field
        for name, field, about in texts
        for one in about.get("anyOf", [about])
        if one.get("type") == "string" and not {"pattern", "maxLength", "format", "enum"} & set(one) and name != "Error"
    ]
    assert free == ["cron"]


def test_a_person_asks_through_the_client_and_gets_the_errors_of_the_command_line(api: Api) -> None:
    store = api.daemon.store
    answer = ask(store, "POST", "/v1/queue/r1/pause", {})
    assert answer is not None and answer["state"] == "paused"
    with pytest.raises(UsageError, match="r9 is not in the queue"):
        ask(store, "POST", "/v1/queue/r9/pause", {})


@pytest.mark.parametrize("left", ["another instance", "another pid", "damaged", "nothing"])
def test_an_address_that_was_left_behind_is_not_believed(api: Api, left: str) -> None:
    store = api.daemon.store
    whereabouts = store.home / "control" / "daemon.json"
    value = read_checked(whereabouts)
    assert value is not None and find_daemon(store) is not None
    match left:
        case "another instance":  # the lock's owner is right, and what answers is somebody else
            write_checked(whereabouts, value | {"instance": "0" * 32})
        case "another pid":
            write_checked(whereabouts, value | {"pid": 1})
        case "damaged":
            whereabouts.write_bytes(whereabouts.read_bytes()[:-5])
        case _:
            whereabouts.unlink()
    assert ask(store, "GET", "/v1/daemon") is None


def test_a_home_whose_path_is_too_long_has_its_socket_elsewhere(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with TemporaryDirectory() as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        path = socket_path(deep)
        assert path.parent.parent == Path(short) and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert socket_path(deep) == path != socket_path(deep / "f")
        bind(path, os.getuid()).close()
        path.parent.chmod(0o755)
        with pytest.raises(PermissionError, match=str(path.parent)):
            socket_path(deep)


def test_a_daemon_whose_homes_path_is_too_long_is_found_and_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TemporaryDirectory() as short, owned(tmp_path / ("d" * 60) / ("e" * 60)) as store:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        daemon = Daemon(store, lambda: NOON)
        with listening(store.home, daemon.instance, lambda: application(daemon)):
            answer = ask(store, "GET", "/v1/daemon")
        assert answer is not None and answer["daemon"]["home"] == str(store.home)


@pytest.mark.parametrize("fault", ["cannot be bound", "raises", "exits"])
def test_a_socket_that_fails_is_one_warning_and_the_loop_goes_on(
    daemon: Daemon, person: Person, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    def make_app() -> Any:
        raise {"raises": ValueError("no app"), "exits": SystemExit(3)}[fault]

    if fault == "cannot be bound":
        (daemon.store.home / "control" / "daemon.sock").mkdir(parents=True)
    put(daemon, "r1", tiny_config())
    with listening(daemon.store.home, daemon.instance, make_app):
        assert daemon.turn()
        for thread in threading.enumerate():
            if thread.name == "api":
                thread.join(60)
        assert not whereabouts_path(daemon.store.home).exists()
        assert ask(daemon.store, "GET", "/v1/daemon") is None
        code, answer = person.types("daemon", "stop")
        assert code == 75 and f"kill {os.getpid()}" in answer["error"]
    assert [entry.ended.how for entry in daemon.queue.read().entries if entry.ended] == ["done"]
    assert [record.levelname for record in caplog.records if "api" in record.message] == ["WARNING"]


def test_who_asks_while_the_socket_fails_is_told_that_there_is_none(daemon: Daemon) -> None:
    """His connection is taken by the kernel before anything serves it."""
    asked = threading.Event()

    def make_app() -> Any:
        asked.wait(60)
        raise ValueError("no app")

    answers: list[Any] = ["none yet"]
    person = threading.Thread(target=lambda: answers.append(ask(daemon.store, "GET", "/v1/daemon")))
    with listening(daemon.store.home, daemon.instance, make_app):
        person.start()
        path = str(socket_path(daemon.store.home))
        while person.is_alive() and Path("/proc/net/unix").read_text().count(path) < 2:  # ours, and his
            time.sleep(0.01)
        asked.set()
        person.join()
    assert answers[1:] == [None]


def test_who_has_waited_long_enough_is_told_that_it_may_still_be_done(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = api.daemon.store
    monkeypatch.setattr(client, "PATIENCE_S", 0.5)
    with api.daemon.queue.turn, pytest.raises(BusyError, match="may still be done"):
        ask(store, "POST", "/v1/queue/r1/pause", {})
    while not api.daemon.queue.read().entries[0].paused:
        time.sleep(0.01)


def test_the_queue_is_shown_though_the_daemon_does_not_answer(
    daemon: Daemon, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE_S", 0.1)
    put(daemon, "r1", tiny_config())
    path = socket_path(daemon.store.home)
    where = client.Whereabouts(os.getpid(), daemon.instance, str(path))
    write_checked(whereabouts_path(daemon.store.home), asdict(where))
    silent = bind(path, os.getuid())
    for verb, words in (("daemon", ("daemon", "status")), ("status", ("status",))):
        code, answer = person.types(*words)
        seen = answer if verb == "daemon" else answer["daemon"]
        assert code == 0 and [entry["run"] for entry in seen["queue"]] == ["r1"]
        assert seen["daemon"]["pid"] == os.getpid()
        assert (
            "does not answer" in seen["daemon"]["unanswered"]
            and f"kill -9 {os.getpid()}" in seen["daemon"]["unanswered"]
        )
    silent.close()
    for left in ("nobody listens", "no socket"):
        code, answer = person.types("daemon", "stop")
        assert code == 75 and f"process {os.getpid()}" in answer["error"] and str(path) in answer["error"], left
        assert "Error" not in answer["error"] and "daemon stop" not in answer["error"]
        path.unlink(missing_ok=True)


def test_a_daemon_that_is_stopped_by_a_signal_is_named_at_once_with_what_wakes_it(person: Person) -> None:
    person.submits("r1", "--at", "2036-01-01")
    with living(person.home) as daemon:
        daemon.process.send_signal(signal.SIGSTOP)
        seen, pid = person.sees(), daemon.process.pid
        assert seen["daemon"]["pid"] == pid and f"`kill -CONT {pid}`" in seen["daemon"]["unanswered"]
        assert [entry["run"] for entry in seen["queue"]] == ["r1"]
        assert person.types("daemon", "pause", "r1")[0] == 75
        daemon.process.send_signal(signal.SIGCONT)
        assert person.types("daemon", "pause", "r1")[0] == 0


def test_a_route_that_raises_is_one_answer_and_one_warning(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api.daemon, "clock", None)
    status, _, answer = api.ask("GET", "/v1/daemon")
    assert (status, answer["exit_code"]) == (500, 1)
    assert [record.levelname for record in caplog.records if "api" in record.message] == ["WARNING"]
    assert api.ask("GET", "/v1/openapi.json")[0] == 200
