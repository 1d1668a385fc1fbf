"""An application's payload: JSON as bytes on the wire, Python values for those who ask."""

from __future__ import annotations

from typing import Any, TypeVar, overload

import msgspec

from sennit.hub.namespace import DataFormat
from sennit.model.code import ErrorCode, reply_error

__all__ = ["Binary", "check_format", "check_json", "decode_payload", "encode_payload"]

T = TypeVar("T")

_checker = msgspec.json.Decoder(msgspec.Raw)


class Binary(bytes):
    """A payload of bytes that need not be JSON, for clients who speak Protobuf.

    One who speaks JSON cannot be given it, and is disconnected with 3506.
    """

    __slots__ = ()


def encode_payload(value: Any, *, binary: bool = True) -> bytes:
    """Return a value as JSON.

    ``bytes`` are JSON already: they are looked over, and passed on as they are. :class:`Binary` is
    passed on without a look.

    Args:
        value: what is to be sent.
        binary: whether what need not be JSON has a place there.

    Raises:
        TypeError: the value has no JSON form, or the bytes are not JSON.
    """
    if isinstance(value, Binary):
        if binary:
            return value
        raise TypeError("bytes that need not be JSON have no place here")
    if not isinstance(value, bytes):
        return msgspec.json.encode(value)
    try:
        check_json(value)
    except ValueError as error:
        # Spliced into a frame as they are, they would break it for its reader.
        raise TypeError(f"bytes are a payload only if they are JSON: {error}") from error
    return value


def check_format(data: bytes, form: DataFormat | None) -> None:
    """Check a payload to be published against what the namespace says it must be.

    Raises:
        ReplyError: 107, it is empty, or not of that format.
    """
    if form == "binary":
        return
    if not data:
        raise reply_error(ErrorCode.BAD_REQUEST, "a publication needs a payload")
    if form is None:
        return
    try:
        check_json(data)
    except ValueError as error:
        raise reply_error(ErrorCode.BAD_REQUEST, f"the payload is not JSON: {error}") from error
    if form == "json_object" and not data.lstrip(b" \t\r\n").startswith(b"{"):
        raise reply_error(ErrorCode.BAD_REQUEST, "the payload is not a JSON object")


def check_json(data: bytes | msgspec.Raw) -> None:
    """Check that a payload is JSON.

    Raises:
        ValueError: it is not.
    """
    try:
        bytes(data).decode()  # which the checker leaves to whoever decodes the strings
        _checker.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise reply_error(ErrorCode.BAD_REQUEST, f"bad request: {error}") from error
