"""Frames on their way out."""

from __future__ import annotations

import pytest

from sennit.engine.build import encode_frame
from sennit.engine.frame import BINARY, PING, TEXT
from tests.engine.wire import KEY, frame

pytestmark = pytest.mark.usefixtures("build")

SIZES = [0, 1, 125, 126, 127, 65535, 65536]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("masked", [False, True])
def test_the_shortest_form_of_the_length(size: int, masked: bool) -> None:
    """Each class of lengths, with and without a mask."""
    payload = b"x" * size
    made = encode_frame(BINARY, payload, mask=KEY if masked else None)
    assert made == frame(BINARY, payload, masked=masked)


def test_the_first_byte() -> None:
    """FIN, the reserved bits, the opcode."""
    assert encode_frame(TEXT, b"")[0] == 0x81
    assert encode_frame(TEXT, b"", fin=False)[0] == 0x01
    assert encode_frame(PING, b"")[0] == 0x89
    assert encode_frame(BINARY, b"", rsv=4)[0] == 0xC2


def test_the_example_of_the_rfc() -> None:
    """Section 5.7: a masked "Hello"."""
    key = bytes.fromhex("37fa213d")
    assert encode_frame(TEXT, b"Hello", mask=key) == bytes.fromhex("818537fa213d7f9f4d5158")
