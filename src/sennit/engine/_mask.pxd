"""Masking in machine code, eight bytes at a time; C has it without an object between."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcpy


cdef inline void mask_into(
    unsigned char *target,
    const unsigned char *source,
    Py_ssize_t size,
    const unsigned char *key,
    int turn,
) noexcept nogil:
    """Write bytes masked, or unmasked, from one place to another, or to the same.

    ``turn`` says how many bytes of the same payload came before, modulo 4.
    """
    cdef unsigned char turned[8]
    cdef uint64_t pattern, first, second, third, fourth
    cdef Py_ssize_t index = 0
    cdef int place
    for place in range(8):
        turned[place] = key[(turn + place) & 3]
    memcpy(&pattern, turned, 8)
    while size - index >= 32:
        memcpy(&first, source + index, 8)
        memcpy(&second, source + index + 8, 8)
        memcpy(&third, source + index + 16, 8)
        memcpy(&fourth, source + index + 24, 8)
        first ^= pattern
        second ^= pattern
        third ^= pattern
        fourth ^= pattern
        memcpy(target + index, &first, 8)
        memcpy(target + index + 8, &second, 8)
        memcpy(target + index + 16, &third, 8)
        memcpy(target + index + 24, &fourth, 8)
        index += 32
    while size - index >= 8:
        memcpy(&first, source + index, 8)
        first ^= pattern
        memcpy(target + index, &first, 8)
        index += 8
    while index < size:
        target[index] = source[index] ^ turned[index & 7]
        index += 1


cdef inline bytes unmask(
    const unsigned char *buffer, Py_ssize_t start, Py_ssize_t stop, bytes key, int turn
):
    """Return a piece of a payload; ``turn`` bytes of it, modulo 4, came before.

    An empty key means that it is not masked.
    """
    cdef bytes data
    if not key:
        return PyBytes_FromStringAndSize(<const char *> buffer + start, stop - start)
    data = PyBytes_FromStringAndSize(NULL, stop - start)
    mask_into(
        <unsigned char *> PyBytes_AS_STRING(data),
        buffer + start,
        stop - start,
        <const unsigned char *> PyBytes_AS_STRING(key),
        turn,
    )
    return data


cdef inline bytes unmask_whole(const unsigned char *buffer, Py_ssize_t start, Py_ssize_t stop):
    """Return a whole masked payload; its key is right before it."""
    cdef bytes data = PyBytes_FromStringAndSize(NULL, stop - start)
    mask_into(
        <unsigned char *> PyBytes_AS_STRING(data), buffer + start, stop - start, buffer + start - 4, 0
    )
    return data
