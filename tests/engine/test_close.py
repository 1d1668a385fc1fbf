"""Close frames: which codes may be on the wire, and what a payload says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.engine.close import NO_STATUS, decode_close, encode_close, is_sendable
from sennit.errors import LocalProtocolError, RemoteProtocolError

RIGHT = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4999]
WRONG = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


@pytest.mark.parametrize("code", RIGHT)
def test_codes_for_the_wire(code: int) -> None:
    """They are sent and taken, with a reason of up to 123 bytes."""
    assert is_sendable(code)
    for reason in ("", "bye", "ä" * 61):
        assert decode_close(encode_close(code, reason)) == (code, reason)


@pytest.mark.parametrize("code", WRONG)
def test_codes_that_are_not(code: int) -> None:
    """They are neither sent nor taken."""
    assert not is_sendable(code)
    with pytest.raises(LocalProtocolError, match=str(code)):
        encode_close(code, "")
    with pytest.raises(RemoteProtocolError) as refused:
        decode_close(code.to_bytes(2, "big"))
    assert refused.value.close_code == 1002


def test_no_code() -> None:
    """An empty payload is 1005, which is never written."""
    assert encode_close(None, "") == b""
    assert decode_close(b"") == (NO_STATUS, "")
    with pytest.raises(LocalProtocolError, match="needs a code"):
        encode_close(None, "why")


@pytest.mark.parametrize(
    ("payload", "code"), [(b"\x03", 1002), (b"\x03\xe8\xff", 1007), (b"\x03\xe8\xc3", 1007)]
)
def test_broken_payloads(payload: bytes, code: int) -> None:
    """Half a code is 1002, a reason that is not UTF-8 is 1007."""
    with pytest.raises(RemoteProtocolError) as refused:
        decode_close(payload)
    assert refused.value.close_code == code


def test_a_reason_has_123_bytes() -> None:
    """Counted in UTF-8."""
    with pytest.raises(LocalProtocolError, match="123"):
        encode_close(1000, "ä" * 62)


@given(st.binary(max_size=125))
def test_any_payload_is_a_code_or_an_error(payload: bytes) -> None:
    """And no other exception."""
    try:
        code, reason = decode_close(payload)
    except RemoteProtocolError:
        return
    assert (encode_close(code, reason) if payload else b"") == payload
