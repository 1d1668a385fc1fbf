"""The protocol in Protobuf (section 2): messages behind their lengths, payloads as they are."""

from __future__ import annotations

from io import BytesIO
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed
from msgspec import Raw, Struct

from sennit.interfaces import UplinkFrame
from sennit.protocols.centrifuge.codec import unreadable
from sennit.protocols.centrifuge.command import Command, UplinkCommand
from sennit.protocols.centrifuge.push import PushCodec
from sennit.protocols.centrifuge.reply import Reply
from sennit.protocols.centrifuge.schema import FIELDS, MESSAGES, Field

__all__ = ["PROTOBUF", "ProtobufCodec"]

S = TypeVar("S", bound=Struct)

_LARGEST = 2**63 - 1
"""The largest offset: those of brokers are signed."""


class ProtobufCodec(PushCodec):
    """Implements ``CentrifugeCodec``."""

    __slots__ = ()

    is_text = False

    def decode(self, frame: bytes) -> list[Command]:
        """Return the commands of one frame.

        Raises:
            RemoteProtocolError: 3501, it is not messages behind their lengths, or not commands.
        """
        source = BytesIO(frame)
        commands = []
        try:
            while source.tell() < len(frame):
                message = parse_length_prefixed(MESSAGES[Command], source)
                commands.append(_structure_of(message, Command))
        except (DecodeError, EOFError, OverflowError, ValueError) as error:
            raise unreadable(error) from None
        return commands

    def decode_uplink(self, body: bytes) -> UplinkFrame:
        """Return what the body of an uplink says.

        Raises:
            RemoteProtocolError: 3501, it is not a message, or not this one.
        """
        try:
            message = MESSAGES[UplinkCommand].FromString(body)
        except (DecodeError, ValueError) as error:
            raise unreadable(error) from None
        uplink = _structure_of(message, UplinkCommand)
        return UplinkFrame(uplink.node, uplink.session, bytes(uplink.data))

    def encode(self, reply: Reply) -> bytes:
        """Return one message behind its length."""
        message = MESSAGES[Reply]()
        _fill(message, reply)
        target = BytesIO()
        serialize_length_prefixed(message, target)
        return target.getvalue()

    def say_delta(self, data: bytes, patch: bytes | None) -> bytes:
        """Return a payload, or a difference, as it is."""
        return data if patch is None else patch


def _structure_of(message: Any, kind: type[S]) -> S:
    """Return what a message says as a structure.

    Raises:
        ValueError: a number is larger than it may be.
    """
    fields = FIELDS[kind]
    values = {
        descriptor.name: _value_of(fields[descriptor.name], value)
        for descriptor, value in message.ListFields()
    }
    return kind(**values)


def _value_of(field: Field, value: Any) -> Any:
    kind = field.kind
    if isinstance(kind, str):
        if field.form == "map":
            return dict(value)
    elif field.form == "map":
        return {key: _structure_of(item, kind) for key, item in value.items()}
    else:
        return _structure_of(value, kind)
    if field.kind == "uint64" and value > _LARGEST:
        raise ValueError(f"an offset is at most {_LARGEST}")
    return Raw(value) if field.kind == "bytes" else value


def _fill(message: Message, structure: Struct) -> None:
    """Say in a message what a structure says."""
    for name, field in FIELDS[type(structure)].items():
        value = getattr(structure, name)
        if value is None:
            continue
        if isinstance(value, Struct):
            part = getattr(message, name)
            part.SetInParent()  # One with nothing in it is there all the same.
            _fill(part, value)
        elif field.form == "list":
            for item in value:
                _fill(getattr(message, name).add(), item)
        elif field.form == "map" and isinstance(field.kind, str):
            getattr(message, name).update(value)
        elif field.form == "map":
            for key, item in value.items():
                _fill(getattr(message, name)[key], item)
        else:
            setattr(message, name, bytes(value) if field.kind == "bytes" else value)


PROTOBUF = ProtobufCodec()
"""The one that every Protobuf connection shares, and so its frames."""
