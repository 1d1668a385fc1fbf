"""The buffer of a message in progress, in machine code: the twin of ``draft.py``."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, _PyBytes_Resize
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.string cimport memcpy

from sennit.engine._mask cimport mask_into
from sennit.engine._utf8 cimport BROKEN, WHOLE, check_utf8

cdef extern from "Python.h":
    Py_ssize_t PyBytes_GET_SIZE(PyObject *)
    char *PyBytes_AS_STRING_ "PyBytes_AS_STRING"(PyObject *)
    PyObject *PyBytes_New "PyBytes_FromStringAndSize"(const char *, Py_ssize_t) except NULL


cdef class Draft:
    """A message in progress, unmasked: one buffer, however small its pieces.

    Args:
        text: whether it has to be UTF-8.
    """

    def __init__(self, bint text):
        self._text = text

    def __dealloc__(self):
        Py_XDECREF(self._data)

    cdef bint add(
        self,
        const unsigned char *buffer,
        Py_ssize_t start,
        Py_ssize_t stop,
        bytes key,
        int turn,
        bint final,
    ) except -1:
        cdef Py_ssize_t size = stop - start
        cdef unsigned char *target
        self._make_room(self._size + size, final)
        target = <unsigned char *> PyBytes_AS_STRING_(self._data) + self._size
        self._size += size
        if key:
            mask_into(
                target, buffer + start, size, <const unsigned char *> PyBytes_AS_STRING(key), turn
            )
        else:
            memcpy(target, buffer + start, size)
        if not self._text:
            return True
        self._state = check_utf8(target, size, self._state)
        return self._state == WHOLE if final else self._state != BROKEN

    cdef int _make_room(self, Py_ssize_t size, bint exactly) except -1:
        """Have room for so many bytes, and for half of that again unless these are all."""
        cdef Py_ssize_t room = size if exactly else size + (size >> 1)
        if self._data == NULL:
            self._data = PyBytes_New(NULL, room)
        elif size > PyBytes_GET_SIZE(self._data):
            _PyBytes_Resize(&self._data, room)
        return 0

    cdef bytes take(self):
        """Return the message, once, when it is whole."""
        cdef bytes data
        if self._size != PyBytes_GET_SIZE(self._data):
            _PyBytes_Resize(&self._data, self._size)
        data = <bytes> self._data
        Py_XDECREF(self._data)
        self._data = NULL
        self._size = 0
        return data
