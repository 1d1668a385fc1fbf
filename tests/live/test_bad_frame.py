"""Frames that break RFC 6455, and messages over the limit: the right close code, for them alone."""

from __future__ import annotations

import json

import pytest

from sennit.engine.build import encode_frame
from sennit.engine.frame import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from tests.live.client import SDK_PATH, Caller, Peer
from tests.live.server import Server

pytestmark = pytest.mark.usefixtures("bystanders")

KEY = b"\x12\x34\x56\x78"
LIMIT = 64 * 1024
FRAGMENTS = 64 * 1024
PATHS = pytest.mark.parametrize("path", [SDK_PATH, "/chat?room=bad"])


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    return encode_frame(opcode, payload, fin=fin, rsv=rsv, mask=KEY)


def head(first: int, size: bytes) -> bytes:
    """Return the beginning of a masked frame whose length is written just so."""
    return bytes((first,)) + size + KEY


def closing(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


BROKEN = {
    "RSV1": frame(TEXT, b"{}", rsv=4),
    "RSV2": frame(TEXT, b"{}", rsv=2),
    "RSV3": frame(TEXT, b"{}", rsv=1),
    "RSV1 of a ping": frame(PING, rsv=4),
    **{f"opcode {opcode:x}": frame(opcode) for opcode in (3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF)},
    "no mask": encode_frame(TEXT, b"{}"),
    "a ping without a mask": encode_frame(PING, b""),
    "a ping in fragments": frame(PING, fin=False),
    "a pong in fragments": frame(PONG, fin=False),
    "a close in fragments": frame(CLOSE, fin=False),
    "a ping of 126 bytes": frame(PING, bytes(126)),
    "a close of 126 bytes": closing(1000, b"a" * 124),
    "nothing to continue": frame(CONTINUATION, b"{}"),
    "a message within another": frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"),
    "16 bits for a short length": head(0x81, b"\xfe\x00\x7d"),
    "64 bits for a short length": head(0x81, b"\xff" + (0xFFFF).to_bytes(8, "big")),
    "64 bits of a length": head(0x81, b"\xff\x80" + bytes(7)),
    "half a close code": frame(CLOSE, b"\x03"),
    **{
        f"close code {code}": closing(code)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    },
}
NOT_UTF8 = {
    "a byte that never is": frame(TEXT, b"caf\xff"),
    "a character cut short": frame(TEXT, "é".encode()[:1]),
    "half a surrogate pair": frame(TEXT, b"\xed\xa0\x80"),
    "a longer form than needed": frame(TEXT, b"\xc0\xaf"),
    "beyond Unicode": frame(TEXT, b"\xf4\x90\x80\x80"),
    "in the second fragment": frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"\x28"),
    "seen before the message ends": frame(TEXT, b"\xff", fin=False),
    "in the reason of a close": closing(1000, b"\xff"),
}
# Heads alone: what they announce is enough, and none of it has to be sent.
TOO_BIG = {
    "a byte over the limit": head(0x81, b"\xff" + (LIMIT + 1).to_bytes(8, "big")),
    "a binary one": head(0x82, b"\xff" + (LIMIT + 1).to_bytes(8, "big")),
    "more than there is": head(0x81, b"\xff\x7f" + b"\xff" * 7),
    "in two fragments": frame(TEXT, b"a" * LIMIT, fin=False) + head(0x80, b"\x81"),
    "in many fragments": frame(TEXT, b"a" * 1024, fin=False)
    + frame(CONTINUATION, b"a" * 1024, fin=False) * 63
    + head(0x00, b"\x81"),
    "empty fragments without end": frame(TEXT, fin=False)
    + frame(CONTINUATION, fin=False) * FRAGMENTS,
}


def table(frames: dict[str, bytes]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("data", frames.values(), ids=frames.keys())


def close_code(chat: Server, path: str, data: bytes) -> int:
    with Peer(chat.port, path) as peer:
        peer.send(data)
        code, reason = peer.closed()
        assert reason
        return code


@PATHS
@table(BROKEN)
def test_broken_frame(chat: Server, path: str, data: bytes) -> None:
    """A frame against the protocol ends its connection with 1002 and a reason."""
    assert close_code(chat, path, data) == 1002


@PATHS
@table(NOT_UTF8)
def test_text_that_is_none(chat: Server, path: str, data: bytes) -> None:
    """Text that is not UTF-8 ends its connection with 1007, as soon as that can be seen."""
    assert close_code(chat, path, data) == 1007


@PATHS
@table(TOO_BIG)
def test_message_over_the_limit(chat: Server, path: str, data: bytes) -> None:
    """A message over 64 KiB ends its connection with 1009, before it has arrived."""
    assert close_code(chat, path, data) == 1009


def test_message_at_the_limit(chat: Server) -> None:
    """One of exactly 64 KiB is taken, whole or in pieces."""
    with Caller(chat.port, "Eve") as eve:
        command = json.dumps({"id": 77, "rpc": {"method": "chat.rooms"}}).ljust(LIMIT).encode()
        eve.send(frame(TEXT, command))
        assert "rpc" in eve.answer(77)
        eve.send(frame(TEXT, command[:1], fin=False))
        eve.send(frame(CONTINUATION, command[1:]))
        assert "rpc" in eve.answer(77)


def test_violation_after_a_conversation(chat: Server) -> None:
    """Whoever has behaved so far is treated no differently; what came before is answered."""
    with Caller(chat.port, "Eve") as eve:
        eve.call("subscribe", channel="room:lobby")
        number = eve.ask("rpc", method="chat.rooms")
        eve.send(frame(TEXT, b"{}", rsv=4))
        assert "rpc" in eve.answer(number)
        assert eve.closed()[0] == 1002


def test_reason_arrives_whatever_follows(chat: Server) -> None:
    """Who goes on sending after a violation still reads why it is over: nothing is reset."""
    with Peer(chat.port) as peer:
        peer.send(frame(7))
        for _ in range(64):
            peer.send(frame(BINARY, bytes(16 * 1024)))
        assert peer.closed()[0] == 1002


def test_noise(chat: Server) -> None:
    """Bytes that are no frames at all are a violation like any other."""
    with Peer(chat.port) as peer:
        peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 100)
        assert peer.closed()[0] == 1002


def test_connection_that_breaks_off(chat: Server) -> None:
    """A peer that is gone in the middle of a frame leaves nothing behind."""
    with Caller(chat.port, "Ann") as ann:
        ann.call("subscribe", channel="room:broken")
        assert ann.push()["join"]["info"]["user"] == "ann"
        for _ in range(20):
            with Caller(chat.port, "Eve") as eve:
                eve.call("subscribe", channel="room:broken")
                eve.send(frame(TEXT, b"{" * 1000)[:500])
            assert ann.push()["join"]["info"]["user"] == "eve"
            assert ann.push()["leave"]["info"]["user"] == "eve"
        assert ann.call("presence_stats", channel="room:broken")["num_clients"] == 1
