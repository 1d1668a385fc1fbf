"""Frames on their way out, in machine code; C has their heads without an object between."""

cdef enum:
    HEAD_LIMIT = 14


cdef inline int write_head(
    unsigned char *head, int opcode, Py_ssize_t size, bint fin, int rsv, const unsigned char *mask
) noexcept nogil:
    """Write the head of a frame, of at most ``HEAD_LIMIT`` bytes, and return its size.

    ``mask`` points to the four bytes of a client's key, which the head ends with; of a server it
    is ``NULL``.
    """
    cdef int masked = 0x80 if mask != NULL else 0
    cdef int length = 2
    cdef int shift
    head[0] = (0x80 if fin else 0) | rsv << 4 | opcode
    if size < 126:
        head[1] = masked | <int> size
    elif size < 0x10000:
        head[1] = masked | 126
        head[2] = size >> 8 & 0xFF
        head[3] = size & 0xFF
        length = 4
    else:
        head[1] = masked | 127
        for shift in range(8):
            head[2 + shift] = <unsigned long long> size >> (56 - 8 * shift) & 0xFF
        length = 10
    if mask != NULL:
        for shift in range(4):
            head[length + shift] = mask[shift]
        length += 4
    return length


cdef bytes frame_of(int opcode, bytes payload, bint fin, int rsv, bytes mask)
