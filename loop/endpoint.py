"""A judge behind an OpenAI-compatible chat endpoint, asked within limits of rate and money.

The key comes from the environment and goes nowhere but into the request's header. What comes back is not believed: a
reply that cannot be read is a failure of the endpoint's, to be tried again, and never a label.
"""

import asyncio
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import urlsplit

from judges.dialogue import Chances, Choose, Text, Write
from loop.config_endpoint import Endpoint as Limits
from loop.endpoint_replies import WAYS_OUT, Failed, Kept, read_reply
from loop.engine.protocol import Used
from loop.limits import LimitReached, LimitWatch
from runs.canonical import digest
from runs.errors import ConfigError, WorkerError
from runs.records import Message, Sampling

if TYPE_CHECKING:
    import httpx  # takes 0.3 s and more to import, which only those wait for who ask an endpoint

KEY = "SELFSAME_ENDPOINT_KEY"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TOP = 20  # as many of the likeliest tokens as the interface gives
AGAIN = frozenset({408, 409, 425, 429})
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
MOST_BYTES = 8 * 2**20
TOKENS_A_MESSAGE = 16  # no chat template marks a turn with more

Question = Write | Choose
Asked = Sequence[tuple[Question, int]]


def endpoint_digest(url: str, model: str) -> str:
    """The name of an endpoint's model in every row that it makes."""
    return digest({"url": url.rstrip("/"), "model": model})


class Endpoint:
    """One model of one endpoint. `used` counts what all its requests cost, those without a reply at their most."""

    def __init__(self, url: str, model: str, limits: Limits, on_reply: Callable[[], None] = lambda: None) -> None:
        """`on_reply` is called for each reply that can be read.

        Raises ConfigError where the key may not be sent there.
        """
        self.digest = endpoint_digest(url, model)
        self.used = Used()
        self._url, self._model, self._limits = url.rstrip("/"), model, limits
        self._headers = _headers(url)
        self._on_reply = on_reply
        self._reserved_usd = 0.0
        self._next_turn_s = 0.0

    def answers(
        self, asked: Asked, sampling: Sampling, watch: LimitWatch, kept: Kept | None = None
    ) -> list[Text | Chances]:
        """The replies in the order of `asked`, several asked for at a time; those that were `kept` are not asked again.

        Raises WorkerError where a request goes on failing, and LimitReached before one that `watch` has no room for;
        requests that are under way then come to their end, and their replies are kept.
        """
        bodies = [self._body(question, seed, sampling) for question, seed in asked]
        names = [digest(body) for body in bodies]
        found = {name: reply for name in names if kept and (reply := kept.get(name))}
        problems: list[BaseException] = []

        async def all_of_them() -> None:
            import httpx

            gate = asyncio.Semaphore(self._limits.at_once)
            at_home = urlsplit(self._url).hostname in LOOPBACK

            async def one(name: str, question: Question, body: dict[str, Any]) -> None:
                async with gate:
                    if problems or name in found:
                        return
                    try:
                        found[name] = await self._reply(client, question, body, watch)
                    except Exception as problem:
                        problems.append(problem)
                        return
                    if kept:
                        kept.add(name, found[name])
                    self._on_reply()

            # A proxy of the environment's is for the world, not for this machine.
            async with httpx.AsyncClient(headers=self._headers, timeout=None, trust_env=not at_home) as client:
                questions = [question for question, _ in asked]
                await asyncio.gather(*map(one, names, questions, bodies))

        asyncio.run(all_of_them())
        if problems:
            raise problems[0]
        return [found[name] for name in names]

    def try_out(self, chooses: bool, watch: LimitWatch) -> None:
        """Returns if one short request is answered as the method needs it. Raises ConfigError with the reason."""
        messages = (Message("user", "Say A or B."),)
        question = Choose(messages, ("A", "B")) if chooses else Write(messages)
        try:
            self.answers([(question, 0)], Sampling(1.0, 1.0, 1), watch)
        except (WorkerError, LimitReached) as error:
            raise ConfigError(f"judge.endpoint_url: {error}") from error

    async def _reply(
        self, client: "httpx.AsyncClient", question: Question, body: dict[str, Any], watch: LimitWatch
    ) -> Text | Chances:
        most = self._charged(
            sum(len(message["content"].encode()) + TOKENS_A_MESSAGE for message in body["messages"]),
            body["max_tokens"],
        )
        for attempt in range(1, self._limits.attempts + 1):
            watch.check_request(self._reserved_usd + most.usd)
            self._reserved_usd += most.usd
            used = most  # whoever is interrupted does not know
            try:
                await self._turn()
                document = await self._post(client, body, most)
                used = self._cost(document, most)
                return read_reply(question, document, used)
            except Failed as failure:
                used = failure.used
                if not failure.again or attempt == self._limits.attempts:
                    raise WorkerError(f"{self._url} (model {self._model}), try {attempt}: {failure}") from failure
                backoff_s = min(FIRST_WAIT_S * 2 ** (attempt - 1), LONGEST_WAIT_S)
                wait_s = backoff_s if failure.wait_s is None else failure.wait_s
            finally:
                self._reserved_usd -= most.usd
                self.used += used
                watch.usd += used.usd
                watch.tokens += used.reply_tokens
            await asyncio.sleep(wait_s)
        raise AssertionError("the last try returns or raises")

    async def _turn(self) -> None:
        """Returns when the next request may begin."""
        now = asyncio.get_running_loop().time()
        begin = max(now, self._next_turn_s)
        self._next_turn_s = begin + 1 / self._limits.requests_per_s
        await asyncio.sleep(begin - now)

    async def _post(self, client: "httpx.AsyncClient", body: dict[str, Any], most: Used) -> dict[str, Any]:
        import httpx

        content = bytearray()
        try:
            async with (
                asyncio.timeout(self._limits.timeout_s),
                client.stream("POST", f"{self._url}/chat/completions", json=body) as reply,
            ):
                async for piece in reply.aiter_bytes():
                    content += piece
                    if len(content) > MOST_BYTES:
                        raise Failed(f"a reply of more than {MOST_BYTES} bytes", most, again=False)
        except TimeoutError as error:
            raise Failed(f"no reply within {self._limits.timeout_s:g} s", most, again=True) from error
        except httpx.ConnectError as error:
            way = (
                f"; start the server there, or set judge.endpoint_url; `curl {self._url}/models` asks whether it is up"
            )
            raise Failed(f"no connection ({error}){way}", Used(), again=True) from error
        except httpx.HTTPError as error:
            raise Failed(f"the connection broke ({type(error).__name__}: {error})", most, again=True) from error
        status = reply.status_code
        if status != 200:
            says = self._without_key(content.decode("utf-8", "replace")[:300])
            again = status in AGAIN or status >= 500
            raise Failed(
                f"status {status}: {says}{WAYS_OUT.get(status, '')}", Used(), again, _retry_after_s(reply.headers)
            )
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise Failed(f"a reply that is no JSON ({error})", most, again=True) from error
        if not isinstance(document, dict):
            raise Failed(f"a reply that is {type(document).__name__}, not an object", most, again=True)
        return document

    def _body(self, question: Question, seed: int, sampling: Sampling) -> dict[str, Any]:
        if question.opening:
            raise ConfigError(f"no endpoint can be made to begin its reply with {question.opening!r}; judge otherwise")
        said = {"model": self._model, "messages": [_sendable(message) for message in question.messages]}
        if isinstance(question, Choose):
            # Temperature 1 changes nothing, whether the endpoint counts likelihoods before or after it.
            return {**said, "max_tokens": 1, "temperature": 1, "logprobs": True, "top_logprobs": TOP}
        # Of the seed only what fits the integers that everybody takes.
        return {**said, **asdict(sampling), "seed": seed % 2**31}

    def _cost(self, document: dict[str, Any], most: Used) -> Used:
        """What the endpoint counted; the most that it can have been where it does not say."""
        usage = document.get("usage")
        if not isinstance(usage, dict):
            return most
        sent, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if not (_is_count(sent) and _is_count(written)):
            return most
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, dict) else 0
        return replace(self._charged(sent, written), cached_tokens=min(cached, sent) if _is_count(cached) else 0)

    def _charged(self, prompt_tokens: int, reply_tokens: int) -> Used:
        prices = (self._limits.usd_per_million_prompt_tokens, self._limits.usd_per_million_reply_tokens)
        usd = (prompt_tokens * prices[0] + reply_tokens * prices[1]) / 1e6
        return Used(prompt_tokens=prompt_tokens, reply_tokens=reply_tokens, usd=usd)

    def _without_key(self, text: str) -> str:
        key = self._headers.get("Authorization", "").removeprefix("Bearer ")
        return text.replace(key, "***") if key else text


def _sendable(message: Message) -> dict[str, str]:
    """The message as JSON; half a character, which a file of prompts can hold and UTF-8 cannot, is sent as `?`."""
    return {"role": message.role, "content": message.content.encode("utf-8", "replace").decode("utf-8")}


def _is_count(value: Any) -> TypeGuard[int]:
    return type(value) is int and value >= 0


def _headers(url: str) -> dict[str, str]:
    key = os.environ.get(KEY, "").strip()
    if not key:
        return {}
    place = urlsplit(url)
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"{KEY} holds characters that no key has; set it again")
    if place.scheme != "https" and place.hostname not in LOOPBACK:
        raise ConfigError(
            f"{KEY} would go to {place.hostname} unencrypted; use https in judge.endpoint_url, or unset it"
        )
    return {"Authorization": f"Bearer {key}"}


def _retry_after_s(headers: "httpx.Headers") -> float | None:
    """How long the endpoint asks us to wait, where it says so in seconds, up to the longest that we would."""
    try:
        wait_s = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(max(wait_s, 0.0), LONGEST_WAIT_S) if math.isfinite(wait_s) else None
