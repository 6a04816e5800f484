"""What the daemon answers over its socket: a table of routes, the door in front of them, and their OpenAPI document.

The socket belongs to one uid; the door is for what could still make that uid's programs ask: a browser led astray, an
address left behind, a body without end. No route takes a path or an address of anything, and none shows what a model
wrote.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from loop.daemon import wishes
from loop.daemon.client import HOST, INSTANCE
from loop.daemon.queue import Entry
from loop.daemon.schedule import Frozen
from loop.daemon.standing import shown, standing
from runs.errors import SelfsameError

if TYPE_CHECKING:
    from loop.daemon.work import Daemon

HOSTS = (HOST, "localhost")
MOST_BYTES = 64 * 1024
STATUS_OF = {2: 400, 74: 507, 75: 409, 78: 422}
"""The HTTP status for an error's exit code; 500 for any other."""

log = logging.getLogger(__name__)


class Nothing(Frozen):
    """The body of a request that needs none: `{}`."""


@dataclass(frozen=True)
class Endpoint:
    """One route: `do` is called with the daemon, the name in the path ("" if it has none) and the body, if any."""

    method: str
    path: str
    about: str
    body: type[BaseModel] | None
    do: "Callable[[Daemon, str, Any], dict[str, Any]]"


class Refused(Exception):
    """A request that is not let in, with its HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def application(daemon: "Daemon") -> Starlette:
    """The routes, in front of `daemon`."""
    routes = [
        Route(one.path, partial(_answer, daemon, one), methods=[one.method], include_in_schema=False)
        for one in ENDPOINTS
    ]
    return Starlette(
        routes=routes, exception_handlers={404: partial(_no_route, daemon), 405: partial(_no_route, daemon)}
    )


async def _answer(daemon: "Daemon", endpoint: Endpoint, request: Request) -> JSONResponse:
    """Whatever happens, an answer in JSON: an error has `error` and the `exit_code` of the command line."""
    try:
        body = await _let_in(daemon, endpoint, request)
        name = request.path_params.get("name", "")
        answer, status = await run_in_threadpool(endpoint.do, daemon, name, body), 200
    except Refused as error:
        answer, status = {"error": str(error), "exit_code": 2}, error.status
    except SelfsameError as error:
        answer, status = {"error": str(error), "exit_code": error.exit_code}, STATUS_OF.get(error.exit_code, 500)
    except Exception as error:
        log.warning("api: %s %s failed, the loop goes on: %r", endpoint.method, endpoint.path, error)
        answer, status = {"error": f"a bug: {type(error).__name__}", "exit_code": 1}, 500
    return _reply(daemon, answer, status)


async def _let_in(daemon: "Daemon", endpoint: Endpoint, request: Request) -> BaseModel | None:
    """The body of a request that may be answered; None for one that has none. Raises Refused."""
    headers = request.headers
    if headers.getlist("host") not in [[host] for host in HOSTS]:
        raise Refused(421, f"the Host is to be {HOST}")
    if "origin" in headers or "sec-fetch-site" in headers:
        raise Refused(403, "no web page may ask here")
    instance = headers.get(INSTANCE)
    if instance not in (None, daemon.instance):
        raise Refused(421, "this is another daemon than the one that was meant")
    if endpoint.body is None:
        return None
    if instance is None:
        raise Refused(403, f"whoever changes something says of which daemon: {INSTANCE}, from control/daemon.json")
    if headers.get("content-type") != "application/json":
        raise Refused(415, "the Content-Type is to be application/json")
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            raise Refused(413, f"a body has at most {MOST_BYTES} bytes")
    try:
        return endpoint.body.model_validate_json(data)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors())
        raise Refused(400, wrong) from error


async def _no_route(daemon: "Daemon", request: Request, error: Exception) -> JSONResponse:
    return _reply(daemon, {"error": "there is no such route; see /v1/openapi.json", "exit_code": 2}, 404)


def _reply(daemon: "Daemon", answer: dict[str, Any], status: int) -> JSONResponse:
    return JSONResponse(answer, status, {INSTANCE: daemon.instance, "Cache-Control": "no-store"})


def _status(daemon: "Daemon", name: str, body: None) -> dict[str, Any]:
    return standing(daemon)


def _submit(daemon: "Daemon", name: str, body: wishes.Submit) -> dict[str, Any]:
    return _rung(daemon, wishes.submit(daemon.store, daemon.queue, body, daemon.clock()))


def _pause(daemon: "Daemon", name: str, body: Nothing) -> dict[str, Any]:
    return _rung(daemon, wishes.pause(daemon.queue, name))


def _unpause(daemon: "Daemon", name: str, body: Nothing) -> dict[str, Any]:
    return _rung(daemon, wishes.unpause(daemon.queue, name))


def _cancel(daemon: "Daemon", name: str, body: Nothing) -> dict[str, Any]:
    return _rung(daemon, wishes.cancel(daemon.queue, name, daemon.clock()))


def _answer_run(daemon: "Daemon", name: str, body: wishes.Said) -> dict[str, Any]:
    said = wishes.answer(daemon.store, daemon.queue, name, body)
    daemon.bell.ring()
    return said


def _branch(daemon: "Daemon", name: str, body: wishes.Branch) -> dict[str, Any]:
    return wishes.branch(daemon.store, daemon.queue, body)


def _tag(daemon: "Daemon", name: str, body: wishes.Tag) -> dict[str, Any]:
    return wishes.tag(daemon.store, daemon.queue, body)


def _delete(daemon: "Daemon", name: str, body: Nothing) -> dict[str, Any]:
    at_work = daemon.at_work
    return wishes.delete(daemon.store, daemon.queue, name, at_work.name if at_work else None)


def _stop(daemon: "Daemon", name: str, body: Nothing) -> dict[str, Any]:
    daemon.stop("selfsame daemon stop")
    return standing(daemon)


def _openapi(daemon: "Daemon", name: str, body: None) -> dict[str, Any]:
    return openapi()


def _rung(daemon: "Daemon", entry: Entry) -> dict[str, Any]:
    """The entry, after the loop was told to look."""
    daemon.bell.ring()
    at_work = daemon.at_work
    return shown(entry, daemon.clock(), at_work is not None and at_work.number == entry.number)


ENDPOINTS = (
    Endpoint(
        "GET", "/v1/daemon", "What the daemon does, what waits in its queue, and what MLflow is owed", None, _status
    ),
    Endpoint("GET", "/v1/openapi.json", "This document", None, _openapi),
    Endpoint("POST", "/v1/queue", "Submit a run, new or known", wishes.Submit, _submit),
    Endpoint("POST", "/v1/queue/{name}/pause", "Stop a run before its next shard and keep its place", Nothing, _pause),
    Endpoint("POST", "/v1/queue/{name}/unpause", "Let a paused run go on when its turn comes", Nothing, _unpause),
    Endpoint("POST", "/v1/queue/{name}/cancel", "Take a run out of the queue; what it did is kept", Nothing, _cancel),
    Endpoint(
        "POST",
        "/v1/runs/{name}/answer",
        "Say whether a decision may stand, or go past a halt",
        wishes.Said,
        _answer_run,
    ),
    Endpoint("POST", "/v1/branches", "Give an old iteration to a run of its own", wishes.Branch, _branch),
    Endpoint("POST", "/v1/tags", "Give an iteration a lasting name", wishes.Tag, _tag),
    Endpoint("POST", "/v1/runs/{name}/delete", "Take the name of a run or a tag away", Nothing, _delete),
    Endpoint("POST", "/v1/stop", "End the daemon after the shard in flight", Nothing, _stop),
)


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the routes."""
    from pydantic.json_schema import models_json_schema

    bodies = [one.body for one in ENDPOINTS if one.body is not None]
    named, defined = models_json_schema(
        [(body, "validation") for body in dict.fromkeys(bodies)], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in ENDPOINTS:
        operation: dict[str, Any] = {
            "summary": one.about,
            "responses": {
                "200": {"description": "Done", "content": _json({"type": "object"})},
                "default": {"description": "Refused", "content": _json({"$ref": "#/components/schemas/Error"})},
            },
        }
        if one.body is not None:
            operation["requestBody"] = {"required": True, "content": _json(named[(one.body, "validation")])}
            operation["parameters"] = [_parameter(INSTANCE, "header")]
        operation.setdefault("parameters", []).extend(
            _parameter(name, "path") for name in re.findall(r"{(\w+)}", one.path)
        )
        paths.setdefault(one.path, {})[one.method.lower()] = operation
    error = {
        "type": "object",
        "properties": {"error": {"type": "string"}, "exit_code": {"type": "integer"}},
        "required": ["error", "exit_code"],
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "selfsame daemon", "version": "1"},
        "paths": paths,
        "components": {"schemas": {**defined["$defs"], "Error": error}},
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": True, "schema": {"type": "string"}}
