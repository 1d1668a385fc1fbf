"""An application's payload: JSON as bytes on the wire, Python values for those who ask."""

from __future__ import annotations

from typing import Any, TypeVar, overload

import msgspec

from sennit.model.code import ErrorCode, reply_error

__all__ = ["decode_payload", "encode_payload"]

T = TypeVar("T")

_checker = msgspec.json.Decoder(msgspec.Raw)


def encode_payload(value: Any) -> bytes:
    """Return a value as JSON.

    ``bytes`` are JSON already: they are looked over, and passed on as they are.

    Raises:
        TypeError: the value has no JSON form, or the bytes are not JSON.
    """
    if not isinstance(value, bytes):
        return msgspec.json.encode(value)
    try:
        value.decode()  # which the checker leaves to whoever decodes the strings
        _checker.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Spliced into a frame as they are, they would break it for its reader.
        raise TypeError(f"bytes are a payload only if they are JSON: {error}") from error
    return value


@overload
def decode_payload(data: bytes, form: type[T]) -> T: ...
@overload
def decode_payload(data: bytes, form: Any = ...) -> Any: ...
def decode_payload(data: bytes, form: Any = Any) -> Any:
    """Return the value that a client sent, checked against a type.

    Args:
        data: JSON; empty stands for ``null``.
        form: any type msgspec can decode to; ``bytes`` returns the JSON itself.

    Raises:
        ReplyError: 107, the payload is not JSON or not of that type; the message says where.
    """
    if form is bytes:
        return data
    try:
        return msgspec.json.decode(data or b"null", type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise reply_error(ErrorCode.BAD_REQUEST, f"bad request: {error}") from error
