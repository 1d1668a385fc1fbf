"""UTF-8 checked in machine code (RFC 3629, 4); C has it without an object between."""

# States of a text: no character is cut, and no continuation can make it right. Every other state
# says what the cut character needs, how many bytes and the bounds of the next one: they are
# ``more << 16 | low << 8 | high``.
cdef enum:
    WHOLE = 0
    BROKEN = -1


cdef int check_utf8(const unsigned char *text, Py_ssize_t size, int state) noexcept nogil


cpdef bint is_utf8(bytes data)


cdef class Utf8Checker:
    cdef int _state

    cpdef bint check(self, bytes data, bint final)
