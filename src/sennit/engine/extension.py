"""The header ``Sec-WebSocket-Extensions`` (RFC 6455, 9.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Extension", "format_extension", "parse_extensions"]

Extension = tuple[str, tuple[tuple[str, str | None], ...]]
"""A name and its parameters, in order; ``None`` is the value of one without a value."""

_PART = re.compile(
    r"""[ \t]*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*
    (?:=[ \t]*(?:(?P<token>[!#$%&'*+.^_`|~0-9A-Za-z-]+)|"(?P<quoted>(?:[^"\\]|\\.)*)")[ \t]*)?
    (?P<end>[;,]|\Z)""",
    re.VERBOSE,
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ESCAPE = re.compile(r"\\(.)")


def parse_extensions(header: str) -> tuple[Extension, ...]:
    """Return the extensions that a header lists; none for an empty one.

    Raises:
        ValueError: it is malformed.
    """
    found: list[Extension] = []
    parameters: list[tuple[str, str | None]] = []
    name = ""
    index = 0
    while True:
        if not name:
            # A list may have empty elements (RFC 9110, 5.6.1.2).
            while header[index : index + 1] in (" ", "\t", ","):
                index += 1
            if index == len(header):
                return tuple(found)
        match = _PART.match(header, index)
        if match is None:
            raise ValueError("the header Sec-WebSocket-Extensions is malformed")
        index = match.end()
        value = _value(match["token"], match["quoted"])
        if name:
            parameters.append((match["name"], value))
        elif value is None:
            name = match["name"]
        else:
            raise ValueError("an extension has parameters, not a value")
        if match["end"] != ";":
            found.append((name, tuple(parameters)))
            name, parameters = "", []


def format_extension(name: str, parameters: Iterable[tuple[str, str | None]]) -> str:
    """Return an extension as the header has it."""
    parts = [key if value is None else f"{key}={value}" for key, value in parameters]
    return "; ".join([name, *parts])


def _value(token: str | None, quoted: str | None) -> str | None:
    if quoted is None:
        return token
    plain = _ESCAPE.sub(r"\1", quoted)
    # What is in the quotes must be a token all the same.
    if not _TOKEN.fullmatch(plain):
        raise ValueError("a quoted parameter of an extension is not a token")
    return plain
