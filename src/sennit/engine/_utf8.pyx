"""UTF-8 checked in machine code as it arrives: the twin of ``utf8.py``."""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

__all__ = ["Utf8Checker", "is_utf8"]

cdef uint64_t HIGH_BITS = 0x8080808080808080


cdef int check_utf8(const unsigned char *text, Py_ssize_t size, int state) noexcept nogil:
    """Return the state of a text after more of it: ``WHOLE``, ``BROKEN``, or what is to come.

    The table of well-formed sequences is that of the Unicode Standard, 3.9, D92 (3-7).
    """
    cdef Py_ssize_t index = 0
    cdef uint64_t first, second
    cdef unsigned char byte
    cdef int more = state >> 16
    cdef int low = state >> 8 & 0xFF
    cdef int high = state & 0xFF
    if state == BROKEN:
        return BROKEN
    while True:
        while more:
            if index == size:
                return more << 16 | low << 8 | high
            byte = text[index]
            if byte < low or byte > high:
                return BROKEN
            index += 1
            more -= 1
            low = 0x80
            high = 0xBF
        if index == size:
            return WHOLE
        byte = text[index]
        index += 1
        if byte < 0x80:
            # Most of most texts: sixteen at a time.
            while size - index >= 16:
                memcpy(&first, text + index, 8)
                memcpy(&second, text + index + 8, 8)
                if (first | second) & HIGH_BITS:
                    break
                index += 16
            continue
        low = 0x80
        high = 0xBF
        if byte < 0xC2:
            return BROKEN
        elif byte < 0xE0:
            more = 1
        elif byte < 0xF0:
            more = 2
            if byte == 0xE0:
                low = 0xA0
            elif byte == 0xED:
                high = 0x9F
        elif byte < 0xF5:
            more = 3
            if byte == 0xF0:
                low = 0x90
            elif byte == 0xF4:
                high = 0x8F
        else:
            return BROKEN


cpdef bint is_utf8(bytes data):
    """Return whether all of a text is UTF-8."""
    return check_utf8(data, len(data), WHOLE) == WHOLE


cdef class Utf8Checker:
    """Checks one message's text, piece by piece.

    Fails on the first byte that no continuation can make right, not only at the end of the
    message.
    """

    cpdef bint check(self, bytes data, bint final):
        """Return whether the text is still, or with ``final`` is, UTF-8."""
        self._state = check_utf8(data, len(data), self._state)
        return self._state == WHOLE if final else self._state != BROKEN
