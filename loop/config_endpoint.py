"""How an endpoint is asked, and what it may cost. Operational: none of it decides what a judge says."""

from typing import Annotated

from pydantic import Field

from loop.config_section import Count, Positive, Section

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Endpoint(Section):
    requests_per_s: Positive = 10.0
    """Most requests that are begun in a second."""
    at_once: Count = 8
    """Most requests under way at the same time."""
    timeout_s: Positive = 60.0
    """Longest wait for a whole reply, in seconds."""
    attempts: Count = 5
    """Times that a request is sent before the endpoint counts as failed: again after an error 429 or 5xx, a timeout or
    a reply that is none, each time after a longer wait, or after the one that the endpoint asks for."""
    usd: Positive | None = None
    """Stop cleanly before this start of the run would have spent more, in US dollars by the two prices below."""
    usd_per_million_prompt_tokens: Dollars = 0.0
    """What a million tokens sent to the endpoint cost, in US dollars."""
    usd_per_million_reply_tokens: Dollars = 0.0
    """What a million tokens written by the endpoint cost, in US dollars."""

    @property
    def priced(self) -> bool:
        """Whether somebody said what it costs."""
        return self.usd_per_million_prompt_tokens + self.usd_per_million_reply_tokens > 0
