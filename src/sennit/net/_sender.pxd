"""The sending side of a connection of the poll group, for C."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from sennit.net._group cimport Member, flag


cdef inline bytes joined(const char *head, Py_ssize_t length, const char *start, Py_ssize_t size):
    """Return two pieces of memory as one."""
    cdef bytes whole = PyBytes_FromStringAndSize(NULL, length + size)
    memcpy(PyBytes_AS_STRING(whole), head, length)
    memcpy(PyBytes_AS_STRING(whole) + length, start, size)
    return whole


cdef class Sender(Member):
    cdef public flag muted
    cdef readonly flag disconnecting
    cdef readonly flag delivering
    cdef flag _finished
    cdef flag _half
    cdef flag _shut
    cdef flag _aborting
    cdef flag _full
    cdef object _owner
    cdef list _queue
    cdef Py_ssize_t _first
    cdef Py_ssize_t _offset
    cdef Py_ssize_t _queued
    cdef list _cork
    cdef Py_ssize_t _corked
    cdef Py_ssize_t _gathered
    cdef Py_ssize_t _bound
    cdef Py_ssize_t _low
    cdef uint64_t _progress

    cdef int _flush_cork(self) except -1
    cdef int _put(self, bytes data) except -1
    cdef int _put_large(self, const char *head, Py_ssize_t length, const char *start, Py_ssize_t size) except -1
    cdef int _settle(self) except -1
    cdef int _keep(self, bytes data, Py_ssize_t sent) except -1
    cdef int _flush(self) except -1
    cdef bint _is_full(self) except -1
    cdef int _gather(self, const char *head, Py_ssize_t length, const char *start, Py_ssize_t size, bytes whole) except -1
    cdef int _send_gathered(self) except -1
    cdef void _forget(self)
    cdef int _update(self) except -1
    cdef int _shut_half(self) except -1
    cdef int _fail(self) except -1
