"""UTF-8 is checked as it arrives, and fails at the first byte that cannot be right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.engine.build import Utf8Checker, is_utf8
from tests.engine.wire import chunked

pytestmark = pytest.mark.usefixtures("build")


def is_decodable(data: bytes) -> bool:
    """Return what Python's decoder says."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(st.data(), st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
def test_any_bytes_in_any_pieces(data: st.DataObject, text: bytes) -> None:
    """The verdict on the whole is that of a decoder."""
    checker = Utf8Checker()
    pieces = data.draw(chunked(text))
    verdict = all(checker.check(piece, final=False) for piece in pieces)
    assert (verdict and checker.check(b"", final=True)) == is_decodable(text)
    assert is_utf8(text) == is_decodable(text)


@pytest.mark.parametrize(
    ("begin", "bad"),
    [
        (b"", b"\x80"),
        (b"", b"\xc0"),
        (b"", b"\xc1"),
        (b"", b"\xf5"),
        (b"", b"\xff"),
        (b"\xc3", b"a"),
        (b"\xe0", b"\x9f"),
        (b"\xed", b"\xa0"),
        (b"\xf0", b"\x8f"),
        (b"\xf4", b"\x90"),
        (b"\xf0\x9f", b"\x20"),
        (b"\xf0\x9f\x98", b"\xc0"),
    ],
)
def test_the_first_impossible_byte_is_noticed(begin: bytes, bad: bytes) -> None:
    """Overlong forms, surrogates, what is above U+10FFFF: at once, not at the end."""
    checker = Utf8Checker()
    assert all(checker.check(bytes([byte]), final=False) for byte in b"ok" + begin)
    assert not checker.check(bad, final=False)


@pytest.mark.parametrize("cut", [b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"])
def test_a_cut_character_is_wrong_only_at_the_end(cut: bytes) -> None:
    """Until then it may be completed."""
    checker = Utf8Checker()
    assert checker.check(cut, final=False)
    assert not checker.check(b"", final=True)
