"""Masking is exclusive or with the repeated key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.engine.build import apply_mask
from tests.engine.wire import KEY, naive_mask

pytestmark = pytest.mark.usefixtures("build")


@given(st.binary(max_size=600), st.binary(min_size=4, max_size=4), st.integers(0, 10))
def test_it_is_what_the_rfc_says(data: bytes, key: bytes, offset: int) -> None:
    """Byte by byte, from any place in the payload, and twice is not at all."""
    masked = apply_mask(data, key, offset)
    assert masked == naive_mask(data, key, offset)
    assert apply_mask(masked, key, offset) == data


@pytest.mark.parametrize("size", [4095, 4096, 4097, 8192, 20_001])
def test_long_payloads(size: int) -> None:
    """Whatever they are cut into on the way."""
    data = bytes(range(256)) * (size // 256 + 1)
    for offset in range(4):
        masked = apply_mask(data[:size], KEY, offset)
        assert masked == naive_mask(data[:size], KEY, offset)


def test_any_buffer_can_be_masked() -> None:
    """Bytes, a bytearray, a view."""
    for data in (b"hello", bytearray(b"hello"), memoryview(b"hello")):
        assert apply_mask(data, b"\0\0\0\0") == b"hello"
