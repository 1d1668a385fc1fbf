"""The buffer of a message in progress, in machine code."""

from cpython.object cimport PyObject


cdef class Draft:
    cdef PyObject *_data
    """Bytes that nobody else has, with room for more than is in them; ``NULL`` at first."""
    cdef Py_ssize_t _size
    """Bytes that are in it."""
    cdef bint _text
    cdef int _state
    """That of ``check_utf8``."""

    cdef bint add(
        self,
        const unsigned char *buffer,
        Py_ssize_t start,
        Py_ssize_t stop,
        bytes key,
        int turn,
        bint final,
    ) except -1
    cdef int _make_room(self, Py_ssize_t size, bint exactly) except -1
    cdef bytes take(self)
