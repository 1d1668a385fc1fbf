"""The protocol's messages for Protobuf: the number and the kind of each field (section 3).

They are the structures of ``command`` and ``reply`` by the same names, as far as this server looks
at their fields or writes them; a field that is not here is skipped by whoever does not know it.
The messages are made when the program starts, so that nothing has to be generated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from msgspec import Struct

from sennit.protocols.centrifuge import command, reply

__all__ = ["FIELDS", "MESSAGES", "Field"]

_PACKAGE = "sennit.centrifuge"


class Field(NamedTuple):
    """A field of a message.

    Attributes:
        number: what it is called on the wire.
        kind: what it holds: one of Protobuf's own kinds, or another structure.
        form: whether it holds one of them, several, or several by name.
    """

    number: int
    kind: str | type[Struct]
    form: Literal["one", "list", "map"] = "one"


FIELDS: Final[Mapping[type[Struct], Mapping[str, Field]]] = {
    # -- what a client says ----------------------------------------------------------------------
    command.Recovery: {
        "recover": Field(3, "bool"),
        "epoch": Field(6, "string"),
        "offset": Field(7, "uint64"),
    },
    command.ConnectCommand: {
        "token": Field(1, "string"),
        "data": Field(2, "bytes"),
        "subs": Field(3, command.Recovery, "map"),
        "name": Field(4, "string"),
        "version": Field(5, "string"),
        "headers": Field(6, "string", "map"),
    },
    command.SubscribeCommand: {
        "channel": Field(1, "string"),
        "token": Field(2, "string"),
        "recover": Field(3, "bool"),
        "epoch": Field(6, "string"),
        "offset": Field(7, "uint64"),
        "data": Field(8, "bytes"),
        "positioned": Field(9, "bool"),
        "recoverable": Field(10, "bool"),
        "join_leave": Field(11, "bool"),
        "delta": Field(12, "string"),
        "tf": Field(13, "bytes"),
        "flag": Field(14, "int64"),
        "type": Field(15, "int32"),
    },
    command.ChannelCommand: {"channel": Field(1, "string")},
    command.PublishCommand: {"channel": Field(1, "string"), "data": Field(2, "bytes")},
    command.Since: {"offset": Field(1, "uint64"), "epoch": Field(2, "string")},
    command.HistoryCommand: {
        "channel": Field(1, "string"),
        "limit": Field(7, "int32"),
        "since": Field(8, command.Since),
        "reverse": Field(9, "bool"),
    },
    command.RpcCommand: {"data": Field(1, "bytes"), "method": Field(2, "string")},
    command.SendCommand: {"data": Field(1, "bytes")},
    command.RefreshCommand: {"token": Field(1, "string")},
    command.SubRefreshCommand: {"channel": Field(1, "string"), "token": Field(2, "string")},
    command.EmptyCommand: {},
    command.Command: {
        "id": Field(1, "uint32"),
        "connect": Field(4, command.ConnectCommand),
        "subscribe": Field(5, command.SubscribeCommand),
        "unsubscribe": Field(6, command.ChannelCommand),
        "publish": Field(7, command.PublishCommand),
        "presence": Field(8, command.ChannelCommand),
        "presence_stats": Field(9, command.ChannelCommand),
        "history": Field(10, command.HistoryCommand),
        "ping": Field(11, command.EmptyCommand),
        "send": Field(12, command.SendCommand),
        "rpc": Field(13, command.RpcCommand),
        "refresh": Field(14, command.RefreshCommand),
        "sub_refresh": Field(15, command.SubRefreshCommand),
    },
    command.UplinkCommand: {
        "node": Field(1, "string"),
        "session": Field(2, "string"),
        "data": Field(3, "bytes"),
    },
    # -- what the server says --------------------------------------------------------------------
    reply.ErrorReply: {
        "code": Field(1, "uint32"),
        "message": Field(2, "string"),
        "temporary": Field(3, "bool"),
    },
    reply.EmptyReply: {},
    reply.Client: {
        "user": Field(1, "string"),
        "client": Field(2, "string"),
        "conn_info": Field(3, "bytes"),
        "chan_info": Field(4, "bytes"),
    },
    reply.Published: {
        "data": Field(4, "bytes"),
        "info": Field(5, reply.Client),
        "offset": Field(6, "uint64"),
        "tags": Field(7, "string", "map"),
        "delta": Field(8, "bool"),
    },
    reply.SubscribeReply: {
        "expires": Field(1, "bool"),
        "ttl": Field(2, "uint32"),
        "recoverable": Field(3, "bool"),
        "epoch": Field(6, "string"),
        "publications": Field(7, reply.Published, "list"),
        "recovered": Field(8, "bool"),
        "offset": Field(9, "uint64"),
        "positioned": Field(10, "bool"),
        "data": Field(11, "bytes"),
        "was_recovering": Field(12, "bool"),
        "delta": Field(13, "bool"),
    },
    reply.ConnectReply: {
        "client": Field(1, "string"),
        "version": Field(2, "string"),
        "expires": Field(3, "bool"),
        "ttl": Field(4, "uint32"),
        "data": Field(5, "bytes"),
        "subs": Field(6, reply.SubscribeReply, "map"),
        "ping": Field(7, "uint32"),
        "pong": Field(8, "bool"),
        "session": Field(9, "string"),
        "node": Field(10, "string"),
    },
    reply.PresenceReply: {"presence": Field(1, reply.Client, "map")},
    reply.PresenceStatsReply: {"num_clients": Field(1, "uint32"), "num_users": Field(2, "uint32")},
    reply.HistoryReply: {
        "publications": Field(1, reply.Published, "list"),
        "epoch": Field(2, "string"),
        "offset": Field(3, "uint64"),
    },
    reply.RpcReply: {"data": Field(1, "bytes")},
    reply.RefreshReply: {
        "client": Field(1, "string"),
        "version": Field(2, "string"),
        "expires": Field(3, "bool"),
        "ttl": Field(4, "uint32"),
    },
    reply.SubRefreshReply: {"expires": Field(1, "bool"), "ttl": Field(2, "uint32")},
    reply.JoinPush: {"info": Field(1, reply.Client)},
    reply.UnsubscribePush: {"code": Field(2, "uint32"), "reason": Field(3, "string")},
    reply.MessagePush: {"data": Field(1, "bytes")},
    reply.SubscribePush: {
        "recoverable": Field(1, "bool"),
        "epoch": Field(4, "string"),
        "offset": Field(5, "uint64"),
        "positioned": Field(6, "bool"),
        "data": Field(7, "bytes"),
    },
    reply.DisconnectPush: {"code": Field(1, "uint32"), "reason": Field(2, "string")},
    reply.Push: {
        "channel": Field(2, "string"),
        "pub": Field(4, reply.Published),
        "join": Field(5, reply.JoinPush),
        "leave": Field(6, reply.JoinPush),
        "unsubscribe": Field(7, reply.UnsubscribePush),
        "message": Field(8, reply.MessagePush),
        "subscribe": Field(9, reply.SubscribePush),
        "disconnect": Field(11, reply.DisconnectPush),
    },
    reply.Reply: {
        "id": Field(1, "uint32"),
        "error": Field(2, reply.ErrorReply),
        "push": Field(4, reply.Push),
        "connect": Field(5, reply.ConnectReply),
        "subscribe": Field(6, reply.SubscribeReply),
        "unsubscribe": Field(7, reply.EmptyReply),
        "publish": Field(8, reply.EmptyReply),
        "presence": Field(9, reply.PresenceReply),
        "presence_stats": Field(10, reply.PresenceStatsReply),
        "history": Field(11, reply.HistoryReply),
        "rpc": Field(13, reply.RpcReply),
        "refresh": Field(14, reply.RefreshReply),
        "sub_refresh": Field(15, reply.SubRefreshReply),
    },
}
"""The fields of each structure, by name."""


def _declare() -> Mapping[type[Struct], type[Message]]:
    file = descriptor_pb2.FileDescriptorProto(
        name="sennit/centrifuge.proto", package=_PACKAGE, syntax="proto3"
    )
    for structure, fields in FIELDS.items():
        message = file.message_type.add(name=structure.__name__)
        for name, field in fields.items():
            _add_field(message, name, field)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        structure: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{structure.__name__}")
        )
        for structure in FIELDS
    }


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, field: Field) -> None:
    if field.form != "map":
        label = "LABEL_OPTIONAL" if field.form == "one" else "LABEL_REPEATED"
        message.field.add(name=name, number=field.number, label=label, **_type_of(field.kind))
        return
    # A map is a list of pairs, whose kind stands in the message.
    entry = message.nested_type.add(name=f"{name.title()}Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label="LABEL_OPTIONAL", type="TYPE_STRING")
    entry.field.add(name="value", number=2, label="LABEL_OPTIONAL", **_type_of(field.kind))
    message.field.add(
        name=name,
        number=field.number,
        label="LABEL_REPEATED",
        type="TYPE_MESSAGE",
        type_name=f".{_PACKAGE}.{message.name}.{entry.name}",
    )


def _type_of(kind: str | type[Struct]) -> Mapping[str, str]:
    if isinstance(kind, str):
        return {"type": f"TYPE_{kind.upper()}"}
    return {"type": "TYPE_MESSAGE", "type_name": f".{_PACKAGE}.{kind.__name__}"}


MESSAGES: Final = _declare()
"""The message of each structure."""
