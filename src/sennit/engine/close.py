"""Close codes and the payload of close frames (RFC 6455, 5.5.1 and 7.4)."""

from __future__ import annotations

from sennit.errors import LocalProtocolError, RemoteProtocolError

__all__ = [
    "ABNORMAL",
    "GOING_AWAY",
    "INTERNAL_ERROR",
    "INVALID_DATA",
    "MESSAGE_TOO_BIG",
    "NORMAL",
    "NO_STATUS",
    "POLICY_VIOLATION",
    "PROTOCOL_ERROR",
    "UNSUPPORTED_DATA",
    "decode_close",
    "encode_close",
    "is_sendable",
]

NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
NO_STATUS = 1005
"""Never on the wire: a close frame came without a code."""
ABNORMAL = 1006
"""Never on the wire: the connection ended without a close frame."""
INVALID_DATA = 1007
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
INTERNAL_ERROR = 1011

_REASON_LIMIT = 123


def is_sendable(code: int) -> bool:
    """Return whether a code may be in a close frame (RFC 6455, 7.4.2 and the IANA registry)."""
    return 3000 <= code <= 4999 or (1000 <= code <= 1014 and code not in (1004, 1005, 1006))


def decode_close(payload: bytes) -> tuple[int, str]:
    """Return the code and the reason of a close frame; 1005 where there is none.

    Raises:
        RemoteProtocolError: 1002, half a code or one that must not be sent; 1007, the reason
            is not UTF-8.
    """
    if not payload:
        return NO_STATUS, ""
    if len(payload) == 1:
        raise RemoteProtocolError(PROTOCOL_ERROR, "a close frame's code has two bytes")
    code = payload[0] << 8 | payload[1]
    if not is_sendable(code):
        raise RemoteProtocolError(PROTOCOL_ERROR, f"{code} is not a close code for the wire")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(INVALID_DATA, "the close reason is not UTF-8") from error


def encode_close(code: int | None, reason: str) -> bytes:
    """Return the payload of a close frame; empty for the code ``None``.

    Raises:
        LocalProtocolError: the code must not be sent, there is a reason without a code, or the
            reason has over 123 bytes of UTF-8.
    """
    if code is None:
        if reason:
            raise LocalProtocolError("a close reason needs a code")
        return b""
    if not is_sendable(code):
        raise LocalProtocolError(f"{code} is not a close code for the wire")
    text = reason.encode()
    if len(text) > _REASON_LIMIT:
        raise LocalProtocolError(f"a close reason has at most {_REASON_LIMIT} bytes of UTF-8")
    return code.to_bytes(2, "big") + text
