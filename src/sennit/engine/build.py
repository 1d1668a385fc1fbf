"""The engine in the build that is used: compiled where that is there, else as it is written.

Whoever is not of the engine has these names from here, so that one process has one build.
``SENNIT_NO_EXTENSIONS=1`` in the environment makes it the one that is written;
``SENNIT_NO_EXTENSIONS=group`` turns off only what the network has of native code.
"""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from sennit.engine.connection import CLIENT, CLOSED, CLOSING, OPEN, SERVER, Connection
from sennit.engine.event import Chunk, Close, Event, Failure, Message, Ping, Pong
from sennit.engine.frame import encode_frame
from sennit.engine.handshake import Request
from sennit.engine.mask import apply_mask
from sennit.engine.reader import Reader
from sennit.engine.utf8 import Utf8Checker, is_utf8

__all__ = [
    "CLIENT",
    "CLOSED",
    "CLOSING",
    "COMPILED",
    "EXTENSIONS",
    "OPEN",
    "SERVER",
    "Chunk",
    "Close",
    "Connection",
    "Event",
    "Failure",
    "Message",
    "Ping",
    "Pong",
    "Reader",
    "Utf8Checker",
    "apply_mask",
    "encode_frame",
    "is_utf8",
    "plain_request",
]

_ALLOWED = {"": "all", "0": "all", "group": "engine", "1": "none"}

_switch = os.environ.get("SENNIT_NO_EXTENSIONS", "")
if _switch not in _ALLOWED:
    warnings.warn(
        f"SENNIT_NO_EXTENSIONS is {_switch!r}: it can be 1 (no native code), group (no poll group)"
        " or 0 (all there is); taken for 1",
        RuntimeWarning,
        stacklevel=2,
    )

EXTENSIONS = _ALLOWED.get(_switch, "none")
"""What may be native: ``all``, the ``engine`` alone, or ``none``."""

COMPILED = False
"""Whether it is the compiled one."""


def plain_request(head: bytes) -> Request | None:  # noqa: ARG001 - as the compiled one
    """Read a complete head of a usual handshake quickly.

    Returns:
        The request; ``None`` if it is for :func:`sennit.engine.handshake.parse_request`, as
        everything is where nothing is compiled.
    """
    return None


if not TYPE_CHECKING and EXTENSIONS != "none":
    with suppress(ImportError):
        # All of it or nothing: the connection is the last to be there.
        from sennit.engine._connection import Connection
        from sennit.engine._event import Chunk, Close, Event, Failure, Message, Ping, Pong
        from sennit.engine._frame import encode_frame
        from sennit.engine._mask import apply_mask
        from sennit.engine._plain import plain_request
        from sennit.engine._reader import Reader
        from sennit.engine._utf8 import Utf8Checker, is_utf8

        COMPILED = True
