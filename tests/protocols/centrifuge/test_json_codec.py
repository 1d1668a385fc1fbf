"""The JSON codec: commands in, replies out, payloads untouched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from sennit.errors import Disconnect, RemoteProtocolError
from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition
from sennit.protocols.centrifuge.json_codec import JSON
from sennit.protocols.centrifuge.reply import (
    HistoryReply,
    Published,
    Reply,
    RpcReply,
    SubscribeReply,
)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.binary())
def test_any_bytes_are_commands_or_an_error(frame: bytes) -> None:
    """Never another exception; the error is 3501 with a reason fit for a close frame."""
    wrong: RemoteProtocolError | None = None
    try:
        JSON.decode(frame)
    except RemoteProtocolError as error:
        wrong = error
    if wrong is not None:
        assert wrong.close_code == 3501
        assert 0 < len(wrong.reason.encode()) <= 123


@given(VALUES, st.integers(0, 4))
def test_a_payload_keeps_its_value(value: Any, indent: int) -> None:
    """Whatever was published arrives equal, in one line, however it was laid out."""
    data = json.dumps(value, indent=indent).encode()
    push = JSON.encode_publication("room:1", Publication(data, offset=3))
    assert b"\n" not in push
    assert json.loads(push) == {"push": {"channel": "room:1", "pub": {"data": value, "offset": 3}}}


@given(st.lists(VALUES, min_size=1, max_size=4), st.booleans())
def test_commands_of_one_frame(values: list[Any], trailing: bool) -> None:
    """Several commands are separated by newlines; a last one is allowed."""
    lines = [
        json.dumps({"id": number, "rpc": {"method": "m", "data": value}})
        for number, value in enumerate(values, 1)
        if "\\ud" not in json.dumps(value)
    ]
    frame = "\n".join(lines) + ("\n" if trailing else "")
    commands = JSON.decode(frame.encode())
    assert len(commands) == len(lines)
    for command, line in zip(commands, lines, strict=True):
        assert command.rpc is not None
        assert json.loads(bytes(command.rpc.data)) == json.loads(line)["rpc"]["data"]


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"{", b"1 2", b"[" * 100_000, b'"\xff"', b"\x00\x01"]
)
def test_a_publication_that_is_not_json(data: bytes) -> None:
    """It ends the connection, since it would break every SDK that reads it: 3506."""
    publication = Publication(data, offset=1)
    page = HistoryPage((publication,), StreamPosition(1, "e"))
    replies = [
        Reply(1, history=HistoryReply.of(page)),
        Reply(1, subscribe=SubscribeReply(publications=[Published.of(publication)])),
    ]
    with pytest.raises(Disconnect, match="inappropriate protocol") as ended:
        JSON.encode_publication("room:1", publication)
    assert ended.value.code == 3506
    for reply in replies:
        with pytest.raises(Disconnect, match="inappropriate protocol"):
            JSON.encode(reply)


def test_a_channels_name_is_quoted() -> None:
    """Quotes and backslashes in names break nothing."""
    push = JSON.encode_publication('a"\\b', Publication(b"1"))
    assert json.loads(push)["push"]["channel"] == 'a"\\b'


def test_pushes() -> None:
    """Joins, leaves, unsubscribes and messages, with what SDKs look for."""
    info = ClientInfo("", "c", b'{"a":1}', b"2")
    told = {"user": "", "client": "c", "conn_info": {"a": 1}, "chan_info": 2}

    def read(payload: bytes) -> Any:
        return json.loads(payload)["push"]

    assert read(JSON.encode_join("x", info)) == {"channel": "x", "join": {"info": told}}
    assert read(JSON.encode_leave("x", info)) == {"channel": "x", "leave": {"info": told}}
    assert read(JSON.encode_unsubscribe("x", 0, "")) == {
        "channel": "x",
        "unsubscribe": {"code": 0, "reason": ""},
    }
    assert read(JSON.encode_message(b"{}")) == {"message": {"data": {}}}


def test_a_ping_is_an_empty_object() -> None:
    """And never an empty line."""
    assert JSON.encode(Reply()) == b"{}"


def test_a_reply_is_one_line() -> None:
    """However its payload was laid out."""
    assert JSON.encode(Reply(1, rpc=RpcReply(Raw(b'{\n"a":\n"\\n"}')))) == (
        b'{"id":1,"rpc":{"data":{"a":"\\n"}}}'
    )
