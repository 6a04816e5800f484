"""A user or a password in an address, as in `http://me:SECRET@host`: never accepted, and never shown."""

import re

USERINFO = re.compile(r"(?<=://)[^/\s]\S*@")
"""From the slashes to the last @ of the word, so that a password may hold whatever it likes."""


def holds_userinfo(text: str) -> bool:
    """Whether a setting's value is an address with a user or a password in it."""
    return USERINFO.search("".join(text.split())) is not None


def without_userinfo(text: str) -> str:
    """`text` with stars for whatever stands between the slashes of an address and its host."""
    return USERINFO.sub("***@", text)
