"""The head reader: any chunking gives the same head, and too much is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.engine.head import HeadReader
from sennit.errors import HandshakeError
from tests.engine.wire import chunked


@given(st.data(), st.binary(max_size=60), st.binary(max_size=20))
def test_any_chunking_gives_the_same(data: st.DataObject, start: bytes, rest: bytes) -> None:
    """The head ends with the first empty line, and what follows is handed on."""
    wire = start + b"\r\n\r\n" + rest
    cut = wire.index(b"\r\n\r\n") + 4
    reader = HeadReader()
    received = b""
    for piece in data.draw(chunked(wire)):
        received += piece
        complete = reader.receive(piece)
        if complete is not None:
            head, behind = complete
            assert head == wire[:cut]
            assert head + behind == received
            return
        assert reader.buffered == received
    pytest.fail("the head was complete")


def test_the_bound() -> None:
    """A head of just the size passes, one byte more is 431, complete or not."""
    assert HeadReader(10).receive(b"123456\r\n\r\nrest") == (b"123456\r\n\r\n", b"rest")
    for wire in (b"1234567\r\n\r\n", b"12345678901"):
        with pytest.raises(HandshakeError) as refused:
            HeadReader(10).receive(wire)
        assert refused.value.status == 431
    reader = HeadReader(10)
    assert reader.receive(b"1234567890") is None
    with pytest.raises(HandshakeError):
        reader.receive(b"1")
