"""UTF-8 checked as it arrives (RFC 6455, 8.1; RFC 3629): wrong bytes are noticed at once."""

from __future__ import annotations

import codecs

__all__ = ["Utf8Checker", "is_utf8"]

_Decoder = codecs.getincrementaldecoder("utf-8")


class Utf8Checker:
    """Checks one message's text, piece by piece.

    Fails on the first byte that no continuation can make right, not only at the end of the
    message.
    """

    __slots__ = ("_decoder",)

    def __init__(self) -> None:
        self._decoder = _Decoder()

    def check(self, data: bytes, final: bool) -> bool:
        """Return whether the text is still, or with ``final`` is, UTF-8."""
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError:
            return False
        if not data or data[-1] < 0x80:
            return True
        # The decoder waits for the third byte before it refuses a surrogate: ED A0 to ED BF.
        cut = self._decoder.getstate()[0]
        return len(cut) < 2 or cut[0] != 0xED or cut[1] < 0xA0


def is_utf8(data: bytes) -> bool:
    """Return whether all of a text is UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
