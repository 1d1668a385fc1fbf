"""Writing the frames of a server."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy


cdef Py_ssize_t write_head(char *head, int first, Py_ssize_t size) noexcept:
    """Write the head of a frame without a mask (RFC 6455, 5.2), and return its length."""
    cdef Py_ssize_t index
    head[0] = <char>first
    if size < 126:
        head[1] = <char>size
        return 2
    if size < 0x10000:
        head[1] = 126
        head[2] = <char>(size >> 8)
        head[3] = <char>(size & 0xFF)
        return 4
    head[1] = 127
    for index in range(8):
        head[2 + index] = <char>((size >> (8 * (7 - index))) & 0xFF)
    return 10


cdef bytes joined(const char *head, Py_ssize_t length, const char *start, Py_ssize_t size):
    """Return two pieces of memory as one."""
    cdef bytes whole = PyBytes_FromStringAndSize(NULL, length + size)
    memcpy(PyBytes_AS_STRING(whole), head, length)
    memcpy(PyBytes_AS_STRING(whole) + length, start, size)
    return whole
