"""Every exception that Sennit raises, in one tree.

::

    SennitError
    ├── ProtocolError
    │   ├── LocalProtocolError     we were asked to break the protocol
    │   └── RemoteProtocolError    the peer broke it; carries the close code to answer with
    ├── HandshakeError             an opening handshake was refused; carries the HTTP status
    ├── ConnectionClosed           the connection is over
    │   ├── ConnectionClosedOK     closed with 1000 or 1001
    │   └── ConnectionClosedError  closed with any other code, or lost
    ├── ReplyError                 the answer to one request: a code, a message, temporary or not
    ├── Disconnect                 end this client's connection with a code and a reason
    ├── NotRunning                 the app has no running server
    └── ConfigurationError         a declaration or a setting that cannot be honoured
"""

from __future__ import annotations

import json
from collections.abc import Sequence

__all__ = [
    "ConfigurationError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "Disconnect",
    "HandshakeError",
    "LocalProtocolError",
    "NotRunning",
    "ProtocolError",
    "RemoteProtocolError",
    "ReplyError",
    "SennitError",
]


class SennitError(Exception):
    """The root of every exception of ours."""


class ProtocolError(SennitError):
    """The WebSocket protocol was broken, by us or by the peer."""


class LocalProtocolError(ProtocolError):
    """The caller asked for something the protocol forbids in this state; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol.

    Args:
        close_code: the code the connection must be failed with (RFC 6455, 7.1.7 and 7.4.1).
        reason: a sentence a person can act on; at most 123 bytes of UTF-8.
    """

    def __init__(self, close_code: int, reason: str) -> None:
        super().__init__(close_code, reason)
        self.close_code = close_code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason} ({self.close_code})"


class HandshakeError(SennitError):
    """An opening handshake that was refused.

    Raised by us to refuse a client, and given to a client of ours whose handshake was refused.

    Args:
        status: the HTTP status code, 400 to 599 when refusing; 0 if there was no answer.
        reason: a sentence a person can act on; sent as the body.
        headers: further response headers, as name and value pairs.

    Attributes:
        body: of a server that refused a client of ours, what its answer said, cut short if it was
            long; else empty.
    """

    def __init__(self, status: int, reason: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = tuple(headers)
        self.body = b""

    def __str__(self) -> str:
        return f"{self.reason} (HTTP {self.status})" if self.status else self.reason


class ConnectionClosed(SennitError):
    """The connection is over.

    Args:
        code: the close code received, or 1005 (none given) or 1006 (no close frame seen);
            RFC 6455, 7.1.5.
        reason: the reason received, or for 1006 what was seen instead.
        sent_code: the code we sent, or ``None`` if we sent no close frame.
        sent_reason: the reason we sent.
    """

    def __init__(
        self, code: int, reason: str, sent_code: int | None = None, sent_reason: str = ""
    ) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.sent_code = sent_code
        self.sent_reason = sent_reason

    def __str__(self) -> str:
        return f"connection closed: {self.code} {self.reason}".rstrip()


class ConnectionClosedOK(ConnectionClosed):
    """The connection ended as planned: the peer's code is 1000 or 1001."""


class ConnectionClosedError(ConnectionClosed):
    """The connection ended with an error code, or without a close frame."""


class ReplyError(SennitError):
    """The answer to one request is this error; the connection goes on.

    Args:
        code: 100 to 199 as in :class:`sennit.ErrorCode`, or 400 to 1999 for an application's own.
        message: plain words for the client.
        temporary: whether the client may try the same request again.
    """

    def __init__(self, code: int, message: str, temporary: bool = False) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.temporary = temporary

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


class Disconnect(SennitError):
    """End the client's connection.

    Clients reconnect on 3000-3499 and 4000-4499, and stay away on 3500-3999 and 4500-4999.

    Args:
        code: 3000 to 4999; an application's own are 4000 to 4999.
        reason: plain words, neither empty nor valid JSON, at most 123 bytes of UTF-8: client
            SDKs read an empty reason as "reconnect" and a JSON one as advice.

    Raises:
        ValueError: the code or the reason is outside those bounds.
    """

    def __init__(self, code: int, reason: str) -> None:
        if not 3000 <= code <= 4999:
            raise ValueError(f"a disconnect code is 3000 to 4999, not {code}")
        if not reason or len(reason.encode()) > 123:
            raise ValueError("a disconnect reason has 1 to 123 bytes of UTF-8")
        if _is_json(reason):
            raise ValueError(f"a disconnect reason is plain words, not JSON: {reason}")
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason} ({self.code})"


class NotRunning(SennitError):
    """The app has no running server: it is not served yet, or no longer."""


class ConfigurationError(SennitError):
    """A declaration or a setting that cannot be honoured; the message says which and why."""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
