"""What an endpoint sent back: read without believing it, and kept until the shard that it is for has its receipt."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from judges.dialogue import Chances, Choose, Text, Write
from loop.engine.protocol import Used

ABSENT = -700.0  # a label that is not among the likeliest tokens has no probability; e^-700 is still a number
MASS_TOLERANCE = 1e-3

WITHOUT_LIKELIHOODS = "judge.method=rubric or pairwise_reasoned read only what is written"
WAYS_OUT = {
    **dict.fromkeys((400, 422), f"; if it takes no `logprobs`: {WITHOUT_LIKELIHOODS}"),
    **dict.fromkeys((401, 403), "; set SELFSAME_ENDPOINT_KEY in the environment to a key that it takes"),
    404: "; set judge.endpoint_url (most end in /v1) and judge.endpoint_model as the server has them",
}
"""What to do about a status."""


class Failed(Exception):
    """A request without a reply. `again`: another try may help, after `wait_s` if the endpoint says so."""

    def __init__(self, text: str, used: Used, again: bool, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.used, self.again, self.wait_s = used, again, wait_s


class Kept:
    """Replies that were paid for, of a shard that is not finished: one a line, so that a crash costs none of them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "replies.jsonl"
        self._replies: dict[str, Text | Chances] = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    said = json.loads(line)
                except ValueError:
                    continue  # the last line of a writer that was killed
                logprobs = said.get("logprobs")
                reply = Text(said["text"], said["finished"]) if logprobs is None else Chances(tuple(logprobs))
                self._replies[said["asked"]] = reply

    def get(self, asked: str) -> Text | Chances | None:
        """The reply to that request; None if there is none yet."""
        return self._replies.get(asked)

    def add(self, asked: str, reply: Text | Chances) -> None:
        """Have the reply outlive this process."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" * bool(file.tell()) + json.dumps({"asked": asked, **asdict(reply)}))
        self._replies[asked] = reply


def read_reply(question: Write | Choose, document: dict[str, Any], used: Used) -> Text | Chances:
    """The reply. Raises Failed for what is none."""
    try:
        choice = document["choices"][0]
        if isinstance(question, Write):
            content = choice["message"]["content"]
            return Text("" if content is None else _text(content), choice["finish_reason"] == "stop")
        if not (choice.get("logprobs") or {}).get("content"):
            why = "it gives no likelihoods (`logprobs`), from which this method reads verdicts"
            raise Failed(f"{why}; {WITHOUT_LIKELIHOODS}", used, False)
        likeliest = choice["logprobs"]["content"][0]["top_logprobs"]
        said = [(_text(one["token"]).strip(), float(one["logprob"])) for one in likeliest]
        return Chances(tuple(_logprob(label, said) for label in _checked(question.labels, said)))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise Failed(f"a reply that is none ({type(error).__name__}: {error})", used, again=True) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text belongs")
    return value


def _checked(labels: Sequence[str], said: Sequence[tuple[str, float]]) -> Sequence[str]:
    """The labels. Raises ValueError where the likelihoods cannot be."""
    logprobs = [logprob for _, logprob in said]
    if any(math.isnan(value) or value > MASS_TOLERANCE for value in logprobs):
        raise ValueError(f"log-probabilities that cannot be: {logprobs}")
    if (mass := math.fsum(map(math.exp, logprobs))) > 1 + MASS_TOLERANCE:
        raise ValueError(f"the likeliest tokens' probabilities add up to {mass}")
    return labels


def _logprob(label: str, said: Sequence[tuple[str, float]]) -> float:
    """The label's log-probability, with a blank before or after it or without. Outside the list: none."""
    mass = math.fsum(math.exp(logprob) for token, logprob in said if token == label)
    return max(math.log(mass), ABSENT) if mass > 0 else ABSENT
