"""What a client shows of itself: a user with a password, and cookies."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping

__all__ = ["basic_authorization", "cookie_header", "without_credentials"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e](?:[\x20-\x3a\x3c-\x7e]*[\x21-\x3a\x3c-\x7e])?|")
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization")


def basic_authorization(user: str, password: str) -> str:
    """Return the header's value for Basic authentication, in UTF-8 (RFC 7617, 2).

    Raises:
        ValueError: the scheme cannot say that user or password. Neither is in the sentence.
    """
    if ":" in user:
        raise ValueError("a user of Basic authentication has no colon in the name")
    if _CONTROL.search(user) or _CONTROL.search(password):
        raise ValueError("Basic authentication knows no control characters")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def cookie_header(cookies: Mapping[str, str]) -> str:
    """Return the value of the header ``Cookie`` (RFC 6265, 4.2).

    Values are sent as they are, in ASCII; encode others as the server expects it.

    Raises:
        ValueError: a name is not a token, or a value has a semicolon, control characters, spaces
            at its ends, or letters beyond ASCII.
    """
    for name, value in cookies.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a cookie")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"the cookie {name} has a value that has to be encoded first")
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def without_credentials(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return headers without those that are for one server and no other."""
    return tuple(field for field in fields if field[0].lower() not in _CREDENTIALS)
