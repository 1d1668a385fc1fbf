"""An application's payload: JSON as bytes on the wire, Python values for those who ask."""

from __future__ import annotations

from typing import Any, TypeVar, overload

import msgspec

from sennit.model.code import ErrorCode, reply_error

__all__ = ["decode_payload", "encode_payload"]

T = TypeVar("T")


def encode_payload(value: Any) -> bytes:
    """Return a value as JSON.

    ``bytes`` are taken to be JSON already and are passed on as they are.

    Raises:
        TypeError: the value has no JSON form.
    """
    if isinstance(value, bytes):
        return value
    return msgspec.json.encode(value)


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
