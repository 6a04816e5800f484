"""An OpenAI-compatible endpoint on this machine's loopback, which answers as a test wants it to."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 20, "completion_tokens": 1}


@dataclass(frozen=True)
class Answer:
    """What is sent back: a status, a body (JSON values, or bytes as they are), headers, and how long it takes."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0


Behaviour = Callable[[dict[str, Any], int], Answer]
"""What to answer to a request's body; the number counts requests from 0."""


@dataclass
class FakeEndpoint:
    """Its address, and every request so far: the body, the headers, when it came, how many were there at once."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0


@contextmanager
def fake_endpoint(behave: Behaviour) -> Iterator[FakeEndpoint]:
    """The endpoint, served by threads of this process until the block ends."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(seen.bodies)
                seen.bodies.append(body)
                seen.headers.append(dict(self.headers))
                seen.times.append(time.monotonic())
                seen.at_once += 1
                seen.most_at_once = max(seen.most_at_once, seen.at_once)
            answer = behave(body, number)
            time.sleep(answer.after_s)
            with lock:
                seen.at_once -= 1
            sent = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(sent))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                """Whoever asked has hung up."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen = FakeEndpoint(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def chosen(likeliest: dict[str, float], usage: Any = USAGE) -> dict[str, Any]:
    """A reply of one token with these as the likeliest, by log-probability."""
    top = [{"token": token, "logprob": logprob, "bytes": None} for token, logprob in likeliest.items()]
    return {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": next(iter(likeliest), "")},
                "logprobs": {"content": [{"token": "x", "logprob": 0.0, "top_logprobs": top}]},
                "finish_reason": "length",
            }
        ],
        "usage": usage,
    }


def written(text: str | None, finish: str = "stop", usage: Any = USAGE) -> dict[str, Any]:
    """A reply in words."""
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}


def sensible(body: dict[str, Any], number: int) -> Answer:
    """A judge that always has a verdict: 4, A, or a reason with a score."""
    if not body.get("logprobs"):
        return Answer(written("it is right.\nScore: 4"))
    labels = ("yes", "no", "A", "B", *"012345")
    return Answer(chosen({label: -0.02 if label == "4" else -9.0 for label in labels}))
