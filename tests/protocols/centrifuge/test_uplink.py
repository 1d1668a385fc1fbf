"""What clients say by uplinks, and the last word of a server that has no close frame."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.errors import RemoteProtocolError
from sennit.interfaces import UplinkFrame
from sennit.protocols.centrifuge.codec import CentrifugeCodec
from sennit.protocols.centrifuge.json_codec import JSON
from sennit.protocols.centrifuge.protobuf_codec import PROTOBUF
from tests.protocols.tongue import SCHEMA, JsonTongue, ProtobufTongue


def test_in_json() -> None:
    """The frame is in a string, as it would be in a message; unknown fields are passed over."""
    frame = '{"id":1,"send":{"data":"ü \\ud83d\\ude00"}}\n{}'
    body = json.dumps({"node": "n", "session": "s", "data": frame, "new": [1]}).encode()
    assert JSON.decode_uplink(body) == UplinkFrame("n", "s", frame.encode("utf-8", "surrogatepass"))


def test_in_protobuf() -> None:
    """The frame is as it is."""
    body = SCHEMA.EmulationRequest(node="n", session="s", data=b"\x00\xff").SerializeToString()
    assert PROTOBUF.decode_uplink(body) == UplinkFrame("n", "s", b"\x00\xff")
    assert PROTOBUF.decode_uplink(b"") == UplinkFrame("", "", b"")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"node":"n","session":"s"}',
        b'{"node":"n","session":"s","data":{"id":1}}',
        b'{"node":1,"session":"s","data":""}',
        b'{"node":"n","session":"s","data":"\xff"}',
        b'{"node":"n","session":"s","data":"\\ud800"}',
        b'{"node":"n","session":"s","data":""} {}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_uplink_in_json(body: bytes) -> None:
    """It is an error with the protocol's code."""
    with pytest.raises(RemoteProtocolError, match=r"^bad request: ") as caught:
        JSON.decode_uplink(body)
    assert caught.value.close_code == 3501


@pytest.mark.parametrize("body", [b"\x0a", b"\x0a\x05abc", b"\x0a\x01\xff", b"\xff"])
def test_what_is_no_uplink_in_protobuf(body: bytes) -> None:
    """It is an error with the protocol's code."""
    with pytest.raises(RemoteProtocolError, match=r"^bad request: ") as caught:
        PROTOBUF.decode_uplink(body)
    assert caught.value.close_code == 3501


@given(st.binary(), st.sampled_from([JSON, PROTOBUF]))
def test_any_bytes_are_an_uplink_or_an_error(body: bytes, codec: CentrifugeCodec) -> None:
    """Never another exception."""
    with suppress(RemoteProtocolError):
        assert isinstance(codec.decode_uplink(body).data, bytes)


@pytest.mark.parametrize(
    ("codec", "tongue"), [(JSON, JsonTongue()), (PROTOBUF, ProtobufTongue())], ids=["json", "pb"]
)
def test_the_last_word(codec: CentrifugeCodec, tongue: Any) -> None:
    """Code and reason are both there, whatever they are."""
    said = tongue.read(codec.encode_disconnect(3001, "shutdown"))
    assert said == {"push": {"disconnect": {"code": 3001, "reason": "shutdown"}}}
