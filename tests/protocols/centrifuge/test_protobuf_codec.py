"""The Protobuf codec: held to the schema of a published SDK, whatever is said in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from sennit.errors import RemoteProtocolError
from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition
from sennit.protocols.centrifuge.command import Command
from sennit.protocols.centrifuge.protobuf_codec import PROTOBUF
from sennit.protocols.centrifuge.reply import EmptyReply, ErrorReply, HistoryReply, Reply, RpcReply
from sennit.protocols.centrifuge.schema import FIELDS, MESSAGES
from tests.protocols.tongue import SCHEMA, ProtobufTongue, frame_of, reply_of

PUBLISHED = {
    "Client": "ClientInfo",
    "Published": "Publication",
    "JoinPush": "Join",
    "UnsubscribePush": "Unsubscribe",
    "DisconnectPush": "Disconnect",
    "MessagePush": "Message",
    "Push": "Push",
    "Recovery": "SubscribeRequest",
    "SubscribePush": "Subscribe",
    "Reply": "Reply",
    "Command": "Command",
    "ErrorReply": "Error",
    "RpcCommand": "RPCRequest",
    "RpcReply": "RPCResult",
    "Since": "StreamPosition",
    "UplinkCommand": "EmulationRequest",
}
"""What our structures are called in the published schema, where no rule says it."""
SEVERAL = {
    "ChannelCommand": ("UnsubscribeRequest", "PresenceRequest", "PresenceStatsRequest"),
    "EmptyCommand": ("PingRequest", "RefreshRequest", "SubRefreshRequest"),
    "EmptyReply": ("UnsubscribeResult", "PublishResult"),
}


def published_names(name: str) -> tuple[str, ...]:
    if name in SEVERAL:
        return SEVERAL[name]
    if name in PUBLISHED:
        return (PUBLISHED[name],)
    return (name.replace("Command", "Request").replace("Reply", "Result"),)


def read(payload: bytes) -> Any:
    return ProtobufTongue().read(payload)


@pytest.mark.parametrize("structure", FIELDS, ids=lambda one: one.__name__)
def test_the_schema(structure: type) -> None:
    """Every field has the number and the kind that it has in the published one."""
    ours = MESSAGES[structure].DESCRIPTOR
    assert set(FIELDS[structure]) == set(structure.__struct_fields__)  # type: ignore[attr-defined]
    for name in published_names(structure.__name__):
        theirs = getattr(SCHEMA, name).DESCRIPTOR.fields_by_name
        for field in ours.fields:
            if field.name == "type":
                continue  # It is newer than the SDK.
            there = theirs[field.name]
            # A filter is refused, not read.
            same = field.name == "tf" or field.type == there.type
            assert (field.number, same) == (there.number, True)
            assert field.is_repeated == there.is_repeated


@given(st.binary())
def test_any_bytes_are_commands_or_an_error(frame: bytes) -> None:
    """Never another exception; the error is 3501 with a reason fit for a close frame."""
    wrong: RemoteProtocolError | None = None
    try:
        PROTOBUF.decode(frame)
    except RemoteProtocolError as error:
        wrong = error
    if wrong is not None:
        assert wrong.close_code == 3501
        assert 0 < len(wrong.reason.encode()) <= 123


@pytest.mark.parametrize(
    "frame",
    [
        b"\x05\x08",
        b"\x80",
        b"\xff" * 11,
        b"\x02\x08\x80",
        b"\x02\x0f\x00",
        frame_of(SCHEMA.Command(id=1)) + b"\x09",
        b"\x04\x22\x02\x0a\xff",
        b"\x03\x22\x02\x0a",
        frame_of(SCHEMA.Command(id=1, subscribe=SCHEMA.SubscribeRequest(offset=2**64 - 1))),
    ],
)
def test_what_is_none(frame: bytes) -> None:
    """Cut off, too long, wrong within, text that is none, an offset that no broker has: 3501."""
    with pytest.raises(RemoteProtocolError, match=r"^bad request: ") as wrong:
        PROTOBUF.decode(frame)
    assert wrong.value.close_code == 3501


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_commands_of_one_frame(payloads: list[bytes]) -> None:
    """Each behind its length; payloads are any bytes; an empty one is a pong."""
    commands = [
        SCHEMA.Command(id=number, rpc=SCHEMA.RPCRequest(method="m", data=data))
        for number, data in enumerate(payloads, 1)
    ]
    found = PROTOBUF.decode(frame_of(*commands, SCHEMA.Command()))
    assert [bytes(command.rpc.data) for command in found if command.rpc] == payloads
    assert [command.id for command in found] == [*range(1, len(payloads) + 1), 0]
    assert found[-1] == Command()


def test_every_field_of_a_command() -> None:
    """Texts, numbers, flags, maps and messages within messages; what is unknown is skipped."""
    connect = SCHEMA.ConnectRequest(
        token="tea",  # noqa: S106 - it opens nothing
        data=b"\xff",
        name="js",
        version="1",
        headers={"X-A": "b"},
        flag=7,
    )
    history = SCHEMA.HistoryRequest(
        channel="ü", limit=-1, since=SCHEMA.StreamPosition(offset=2**63 - 1, epoch="e")
    )
    first, second = PROTOBUF.decode(
        frame_of(
            SCHEMA.Command(id=2**32 - 1, connect=connect),
            SCHEMA.Command(id=2, history=history),
        )
    )
    assert first.id == 2**32 - 1
    assert first.connect is not None
    assert (first.connect.token, bytes(first.connect.data)) == ("tea", b"\xff")
    assert (first.connect.name, first.connect.headers) == ("js", {"X-A": "b"})
    assert second.history is not None
    assert (second.history.channel, second.history.limit) == ("ü", -1)
    assert second.history.since is not None
    assert (second.history.since.offset, second.history.since.epoch) == (2**63 - 1, "e")
    assert not second.history.reverse


@given(st.binary(), st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3))
def test_a_publication(data: bytes, tags: dict[str, str]) -> None:
    """Whatever its payload is, it arrives as it was published."""
    info = ClientInfo("ann", "c", b"\x00", None)
    payload = PROTOBUF.encode_publication("x", Publication(data, info=info, tags=tags, offset=3))
    reply = reply_of(payload)
    pub = reply.push.pub
    assert (reply.push.channel, pub.data, pub.offset, dict(pub.tags)) == ("x", data, 3, tags)
    assert (pub.info.user, pub.info.client, pub.info.conn_info) == ("ann", "c", b"\x00")


def test_pushes() -> None:
    """Joins, leaves, unsubscribes and messages."""
    info = ClientInfo("", "c", b'{"a":1}', b"2")
    told = {"user": "", "client": "c", "conn_info": {"a": 1}, "chan_info": 2}
    assert read(PROTOBUF.encode_join("x", info))["push"] == {"channel": "x", "join": {"info": told}}
    assert read(PROTOBUF.encode_leave("x", info))["push"] == {
        "channel": "x",
        "leave": {"info": told},
    }
    assert read(PROTOBUF.encode_unsubscribe("x", 2500, "why"))["push"] == {
        "channel": "x",
        "unsubscribe": {"code": 2500, "reason": "why"},
    }
    assert read(PROTOBUF.encode_message(b"{}"))["push"] == {"message": {"data": {}}}


def test_replies() -> None:
    """Errors, results with nothing in them, lists, and payloads that are any bytes."""
    assert PROTOBUF.encode(Reply()) == b"\0"
    assert read(PROTOBUF.encode(Reply(3, unsubscribe=EmptyReply()))) == {"id": 3, "unsubscribe": {}}
    error = ErrorReply(100, "internal", temporary=True)
    assert read(PROTOBUF.encode(Reply(3, error=error))) == {
        "id": 3,
        "error": {"code": 100, "message": "internal", "temporary": True},
    }
    page = HistoryPage(
        (Publication(b"1", offset=1), Publication(b"2", offset=2)), StreamPosition(2, "e")
    )
    assert read(PROTOBUF.encode(Reply(3, history=HistoryReply.of(page)))) == {
        "id": 3,
        "history": {
            "publications": [{"data": 1, "offset": 1}, {"data": 2, "offset": 2}],
            "epoch": "e",
            "offset": 2,
        },
    }
    rpc = PROTOBUF.encode(Reply(1, rpc=RpcReply(Raw(b"\xff\x00"))))
    assert reply_of(rpc).rpc.data == b"\xff\x00"
