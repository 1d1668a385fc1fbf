"""How a test's client speaks: what a test says and reads is JSON, what is on the wire need not be.

Protobuf is written and read by the schema of a published SDK, so that ours is held to it.
"""

from __future__ import annotations

import json
from importlib import import_module
from io import BytesIO
from typing import Any, Protocol

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed

__all__ = ["SCHEMA", "JsonTongue", "ProtobufTongue", "Tongue", "frame_of", "reply_of"]

SCHEMA: Any = import_module("centrifuge.protocol.client_pb2")
"""The messages of the published schema, which has no types."""

ALWAYS = {
    "ClientInfo": {"user", "client"},
    "Error": {"code", "message"},
    "Unsubscribe": {"code", "reason"},
    "PresenceResult": {"presence"},
    "PresenceStatsResult": {"num_clients", "num_users"},
    "HistoryResult": {"publications", "epoch", "offset"},
    "ConnectResult": {"client"},
}
"""Fields that are there in JSON even if they are empty."""
NEWER = {"type": 15}
"""Numbers that the SDK does not know yet, by their names."""


class Tongue(Protocol):
    """One format."""

    name: str
    subprotocols: tuple[str, ...]

    def frame(self, text: str) -> tuple[bytes, bool]:
        """Return the frame that says some lines, and whether it is text."""

    def read(self, payload: bytes) -> Any:
        """Return what a payload says, as JSON would."""


class JsonTongue:
    """What is said goes out as it is."""

    name = "json"
    subprotocols: tuple[str, ...] = ()

    def frame(self, text: str) -> tuple[bytes, bool]:
        return text.encode(), True

    def read(self, payload: bytes) -> Any:
        return json.loads(payload)


class ProtobufTongue:
    """What is said is put into the messages of a published schema."""

    name = "protobuf"
    subprotocols: tuple[str, ...] = ("centrifuge-protobuf",)

    def frame(self, text: str) -> tuple[bytes, bool]:
        commands = []
        for line in text.split("\n"):
            if line:
                commands.append(SCHEMA.Command())
                _fill(commands[-1], json.loads(line))
        return frame_of(*commands), False

    def read(self, payload: bytes) -> Any:
        return _values(reply_of(payload))


def frame_of(*messages: Any) -> bytes:
    """Return messages, each behind its length."""
    frame = BytesIO()
    for message in messages:
        serialize_length_prefixed(message, frame)
    return frame.getvalue()


def reply_of(payload: bytes) -> Any:
    """Return the only message of a payload."""
    source = BytesIO(payload)
    reply = parse_length_prefixed(SCHEMA.Reply, source)
    assert source.tell() == len(payload)
    return reply


def _fill(message: Any, values: dict[str, Any]) -> None:
    message.SetInParent()
    for name, value in values.items():
        if name in NEWER:
            message.MergeFromString(bytes([NEWER[name] << 3, value]))
            continue
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.message_type is None:
            packed = field.type == FieldDescriptor.TYPE_BYTES
            setattr(message, name, _compact(value) if packed else value)
        elif field.message_type.GetOptions().map_entry:
            held = getattr(message, name)
            for key, item in value.items():
                if isinstance(item, dict):
                    _fill(held[key], item)
                else:
                    held[key] = item
        else:
            _fill(getattr(message, name), value)


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _values(message: Any) -> dict[str, Any]:
    always = ALWAYS.get(message.DESCRIPTOR.name, set())
    found: dict[str, Any] = {}
    whole: Any
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            nested = field.message_type.fields_by_name["value"].message_type is not None
            whole = {key: _values(item) if nested else item for key, item in value.items()}
            there = bool(whole)
        elif field.is_repeated:
            whole = [_values(item) for item in value]
            there = bool(whole)
        elif field.message_type is not None:
            there = message.HasField(field.name)
            whole = _values(value) if there else None
        elif field.type == FieldDescriptor.TYPE_BYTES:
            there = bool(value)
            whole = json.loads(value) if there else None
        else:
            whole, there = value, bool(value)
        if there or field.name in always:
            found[field.name] = whole
    return found
